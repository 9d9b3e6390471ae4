"""rules.d above the packs: all of it or nothing, whatever stands in it and whoever writes it."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from errno import EACCES
from pathlib import Path
from threading import Event, Thread

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fnr.config import rule_files, whole_file
from fnr.config.gone_file import look_for_rules
from fnr.config.paths import Paths, find_paths
from fnr.config.rule_files import LoadedRules, load_rules, read_packs, read_rule_file
from fnr.config.settings import Settings
from fnr.config.text_model_file import load_text_model
from fnr.host.limits import own_file_limit
from fnr.policy.classify import classify
from fnr.policy.evidence import Evidence

PACK = """
[[rule]]
name = "lens"
category = "permanent"
text = "no lens"
[[rule.test]]
message = "no lens"
"""
MINE = """
[[rule]]
name = "lens"
category = "transient"
text = "no lens"
"""


@pytest.fixture(autouse=True)
def one_pack(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("packs")
    (folder / "optics.toml").write_text(PACK)
    monkeypatch.setattr(rule_files, "PACKS_DIR", folder)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = find_paths(str(tmp_path))
    Path(found.rules_dir).mkdir()
    return found


def write(paths: Paths, name: str, text: str | bytes) -> Path:
    file = Path(paths.rules_dir) / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def names(loaded: LoadedRules, message: str = "no lens") -> str:
    return classify(Evidence(message=message), loaded.rule_set).rule


def told(loaded: LoadedRules) -> list[str]:
    return [f"{Path(problem.where).name}: {problem.message}" for problem in loaded.problems]


def warned(loaded: LoadedRules) -> list[str]:
    return [f"{Path(problem.where).name}: {problem.message}" for problem in loaded.warnings]


def test_without_a_rules_d_the_packs_are_in_force(tmp_path: Path) -> None:
    loaded = load_rules(find_paths(str(tmp_path)))
    assert (names(loaded), loaded.problems, loaded.files) == ("optics/lens", (), ())


def test_rules_d_stands_above_the_packs(paths: Paths) -> None:
    file = write(paths, "10-mine.toml", MINE)
    loaded = load_rules(paths)
    assert (names(loaded), loaded.files) == ("10-mine/lens", (str(file),))
    [mine] = [rule for rule in loaded.rules if rule.operator]
    assert mine.where == f"{file}:2"


def test_files_that_are_no_toml_are_left_alone(paths: Paths) -> None:
    write(paths, "10-mine.toml~", "nonsense")
    write(paths, "README", "nonsense")
    assert names(load_rules(paths)) == "optics/lens"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[rule]]\nname = 'x'\ncategory = 'transint'\nexit = 1", "a.toml:3: category must"),
        (MINE + '[[rule.test]]\nmessage = "no camera"', "a.toml:6: rule a/lens: it does not"),
        (MINE + MINE.replace('"lens"', '"zoom"'), "a.toml:7: rule a/zoom can never decide"),
        (b"# \xff\n", "a.toml:1: not UTF-8"),
        (MINE.replace("no lens", "(no"), "a.toml:5: text '(no': missing )"),
        (f"{MINE}priority = {'1' * 5_000}", "a.toml:6: not TOML: Exceeds the limit"),
    ],
)
def test_with_one_mistake_nothing_of_rules_d_counts(
    paths: Paths, text: str | bytes, words: str
) -> None:
    write(paths, "b.toml", MINE.replace("no lens", "any lens"))
    write(paths, "a.toml", text)
    loaded = load_rules(paths)
    assert any(one.startswith(words) for one in told(loaded)), told(loaded)
    assert names(loaded) == "optics/lens"


def test_a_rule_that_was_switched_off_may_go(paths: Paths) -> None:
    """An upgrade that ships it no more would else put every rule of rules.d out of force."""
    write(paths, "a.toml", MINE)
    write(paths, "disabled.toml", 'disable = ["optics/lens", "optics/of-an-earlier-version"]')
    loaded = load_rules(paths)
    assert told(loaded) == []
    assert names(loaded) == "a/lens"


def test_a_rule_that_has_the_name_of_a_shipped_one_counts_in_its_place(paths: Paths) -> None:
    """An upgrade that ships a rule of that name would else put all of rules.d out of force."""
    write(paths, "b.toml", MINE.replace("no lens", "any lens"))
    write(paths, "optics.toml", MINE.replace("no lens", "no lens at all"))
    loaded = load_rules(paths)
    assert told(loaded) == []
    words = (
        "rule optics/lens has the name of a shipped rule (optics.toml:2), and it yields to yours;"
        " to have both, rename yours: fnr rules edit optics"
    )
    assert warned(loaded) == [f"optics.toml:2: {words}"]
    assert loaded.overridden == {"optics/lens"}
    assert (names(loaded, "no lens at all"), names(loaded, "any lens")) == ("optics/lens", "b/lens")
    # What only the shipped one knows, nobody names.
    assert names(loaded, "no lens") == "unmatched"
    assert loaded.rule_set.named["optics/lens"] == "transient"


def test_a_name_that_is_switched_off_is_so_for_both_who_have_it(paths: Paths) -> None:
    write(paths, "optics.toml", MINE)
    write(paths, "disabled.toml", 'disable = ["optics/lens"]')
    loaded = load_rules(paths)
    assert names(loaded) == "unmatched"
    [words] = warned(loaded)
    assert "both are switched off" in words


def test_rules_that_are_not_in_force_override_none(paths: Paths) -> None:
    write(paths, "optics.toml", MINE)
    write(paths, "a.toml", "nonsense")
    loaded = load_rules(paths)
    assert (len(told(loaded)), warned(loaded)) == (1, [])
    assert loaded.rule_set.named["optics/lens"] == "permanent"


def test_a_name_that_switches_nothing_off_is_told_and_harms_no_rule(paths: Paths) -> None:
    """A slip, or a rule that an upgrade ships no more."""
    write(paths, "a.toml", MINE + '[[rule.test]]\nmessage = "no lens"\n')
    write(paths, "off.toml", 'disable = ["optics/lense"]')
    loaded = load_rules(paths)
    assert (told(loaded), names(loaded)) == ([], "a/lens")
    assert warned(loaded) == [
        "off.toml:1: disable: there is no rule 'optics/lense'; see fnr rules list"
    ]


IDLE = [
    ("permanent", "max_retries = 5", "dead_letter tries nothing again", "retry_with_backoff"),
    ("validation", "max_retries = 5", "fail_fast tries nothing again", "retry_with_backoff"),
    ("transient", 'wait_for = "disk"', "retry_with_backoff waits for nothing", "queue_and_wait"),
]


@pytest.mark.parametrize(("category", "line", "why", "instead"), IDLE)
def test_a_key_of_a_rule_that_has_no_effect_is_told(
    paths: Paths, category: str, line: str, why: str, instead: str
) -> None:
    """Told, not refused: an upgrade puts no rule out of force."""
    rule = MINE.replace("transient", category) + f"{line}\n"
    write(paths, "a.toml", rule)
    loaded = load_rules(paths)
    assert (told(loaded), names(loaded)) == ([], "a/lens")
    [words] = warned(loaded)
    assert words == (
        f"a.toml:2: rule a/lens: {line.partition(' ')[0]} has no effect, because {why}"
        f' ({category}); leave it out, or set strategy = "{instead}"'
    )
    write(paths, "a.toml", f'{rule}strategy = "{instead}"\n')
    assert warned(load_rules(paths)) == []
    write(paths, "a.toml", rule)
    write(paths, "off.toml", 'disable = ["a/lens"]')
    assert warned(load_rules(paths)) == []


def test_a_rule_is_switched_off_by_name(paths: Paths) -> None:
    write(paths, "off.toml", 'disable = ["optics/lens"]')
    loaded = load_rules(paths)
    assert (names(loaded), loaded.disabled) == ("unmatched", {"optics/lens"})
    assert [rule.name for rule in loaded.rules] == ["optics/lens"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(order=st.permutations(["10-a.toml", "20-b.toml", "30-c.toml"]))
def test_the_order_of_files_does_not_matter(paths: Paths, order: list[str]) -> None:
    """The same three rules in files of other names: the same cause is named."""
    causes = ["no lens", "no .{0,9}lens left", "lens"]
    for name, text in zip(order, causes, strict=True):
        write(paths, name, f'[[rule]]\nname = "r"\ncategory = "transient"\npriority = '
              f'{causes.index(text)}\ntext = "{text}"\n')  # fmt: skip
    loaded = load_rules(paths)
    decided = next(rule for rule in loaded.rules if rule.name == names(loaded, "no lens left"))
    assert decided.text == ("lens",)


def test_a_rules_d_that_cannot_be_read_is_a_problem_like_any_other(paths: Paths) -> None:
    Path(paths.rules_dir).rmdir()
    Path(paths.rules_dir).write_text("a file")
    loaded = load_rules(paths)
    assert told(loaded) == ["rules.d: cannot be read: Not a directory"]
    assert names(loaded) == "optics/lens"


def test_a_rules_d_that_is_a_link_to_nowhere_is_told_of(paths: Paths, tmp_path: Path) -> None:
    """It was taken for a folder that nobody had made yet, and all was said to be good."""
    Path(paths.rules_dir).parent.mkdir(parents=True, exist_ok=True)
    if (folder := Path(paths.rules_dir)).is_dir():
        folder.rmdir()
    folder.symlink_to(tmp_path / "not-mounted")
    loaded = load_rules(paths)
    assert told(loaded) == ["rules.d: cannot be read: it is a link that leads nowhere"]
    assert look_for_rules(paths.rules_dir) == f"ls -l {paths.rules_dir}"
    folder.unlink()
    assert told(load_rules(paths)) == []
    assert look_for_rules(paths.rules_dir) == f"mkdir {paths.rules_dir}"


def test_a_file_that_cannot_be_read_is_a_problem_like_any_other(paths: Paths) -> None:
    (Path(paths.rules_dir) / "a.toml").symlink_to("nowhere")
    (Path(paths.rules_dir) / "b.toml").mkdir()
    assert told(load_rules(paths)) == [
        "a.toml: cannot be read: No such file or directory",
        "b.toml: cannot be read: Is a directory",
    ]


def test_a_rule_file_from_an_editor_of_windows_is_read(paths: Paths) -> None:
    write(paths, "a.toml", b"\xef\xbb\xbf" + MINE.replace("\n", "\r\n").encode())
    assert (told(load_rules(paths)), names(load_rules(paths))) == ([], "a/lens")


def test_the_lock_of_an_editor_is_no_rule_file(paths: Paths) -> None:
    """Method: Emacs makes such a link beside a file with changes that are not saved."""
    write(paths, "local.toml", MINE)
    (Path(paths.rules_dir) / ".#local.toml").symlink_to("operator@host.1234:1")
    assert (told(load_rules(paths)), names(load_rules(paths))) == ([], "local/lens")


def test_a_file_of_more_bytes_than_any_rules_need_is_refused(paths: Paths) -> None:
    file = write(paths, "a.toml", "")
    os.truncate(file, rule_files.FILE_BYTES_MAX + 1)
    most = rule_files.FILE_BYTES_MAX
    [words] = told(load_rules(paths))
    assert words == f"a.toml: cannot be read: {most + 1} bytes; at most {most} are read"


def test_a_pipe_that_nobody_writes_into_is_a_problem_like_any_other(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had held up the daemon: no failure got its name, and no stop came to an end."""
    monkeypatch.setattr(whole_file, "SILENCE_MS_MAX", 10)
    os.mkfifo(Path(paths.rules_dir) / "a.toml")
    os.mkfifo(paths.learnt_file)
    [words] = told(load_rules(paths))
    assert words == "a.toml: cannot be read: it is a pipe, and nobody has written into it for 10 ms"
    model, why = load_text_model(paths, Settings())
    assert model is not None
    assert "nobody has written into it" in why


@pytest.mark.parametrize("what", ["rules.d", "text model"])
def test_a_moment_without_descriptors_says_nothing_of_the_files(paths: Paths, what: str) -> None:
    """The text model was said to be damaged, and the operator's rules were left out for good."""
    write(paths, "a.toml", MINE)
    load_rules(paths)
    with own_file_limit(0), pytest.raises(OSError, match="Too many open files"):
        load_rules(paths) if what == "rules.d" else load_text_model(paths, Settings())
    assert told(load_rules(paths)) == []
    assert load_text_model(paths, Settings())[0] is not None


def test_a_file_that_changes_while_it_is_read_is_read_another_time(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(paths, "a.toml", MINE)
    fstat = os.fstat

    def written_meanwhile(fd: int) -> os.stat_result:
        found = fstat(fd)
        with file.open("a") as other:
            other.write("# more\n")
        return found

    monkeypatch.setattr(os, "fstat", written_meanwhile)
    [problem] = read_rule_file(file, pack="a", operator=True).problems
    assert problem.message == "was written while it was read; reload again"


def test_a_pipe_is_read_whole_though_it_changes_as_it_is_written(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: the pipe has been opened and looked at when its writer begins."""
    pipe = Path(paths.rules_dir) / "a.toml"
    os.mkfifo(pipe)
    looked = Event()
    fstat = os.fstat

    def looked_at(fd: int) -> os.stat_result:
        found = fstat(fd)
        looked.set()
        return found

    def writer() -> None:
        with pipe.open("w") as other:
            assert looked.wait(30)
            # The pipe is younger now than what was seen of it, however coarse its clock is.
            os.utime(pipe, (1, 1))
            other.write(MINE)

    monkeypatch.setattr(os, "fstat", looked_at)
    thread = Thread(target=writer)
    thread.start()
    found = read_rule_file(pipe, pack="a", operator=True)
    thread.join()
    assert (found.problems, [rule.name for rule in found.rules]) == ((), ["a/lens"])


@pytest.mark.parametrize("index", [None, b"", b"fnr rule index 1\nnonsense"])
def test_packs_whose_index_is_missing_or_damaged_name_errors_all_the_same(
    paths: Paths, index: bytes | None
) -> None:
    if index is not None:
        (rule_files.PACKS_DIR / rule_files.INDEX_FILE).write_bytes(index)
    assert names(load_rules(paths)) == "optics/lens"


def test_who_may_not_read_a_file_of_rules_is_told_whose_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root reads whatever its mode says."""
    file = tmp_path / "mine.toml"
    file.write_text("version = 1\n")
    file.chmod(0o200)

    def closed(_: str) -> int:
        raise PermissionError(EACCES, "Permission denied")

    monkeypatch.setattr(rule_files, "open_to_read", closed)
    [problem] = read_rule_file(file, pack="mine", operator=True).problems
    name = pwd.getpwuid(os.geteuid()).pw_name
    assert problem.message == (
        f"cannot be read: Permission denied to {name}: its mode is 0200, its owner {name}"
    )


def test_packs_are_read_the_same_in_every_locale() -> None:
    """Method: one that has no letters but those of ASCII."""
    folder = rule_files.PACKS_DIR
    (folder / "words.toml").write_text(PACK.replace("no lens", "keine größe"), "utf-8")
    program = (
        "import msgspec, pathlib, sys; from fnr.config import rule_files;"
        "rule_files.PACKS_DIR = pathlib.Path(sys.argv[1]);"
        "sys.stdout.buffer.write(msgspec.json.encode(rule_files.read_packs()))"
    )
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    found = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        env={**os.environ, **plain},
        capture_output=True,
        check=True,
    )
    assert found.stdout == msgspec.json.encode(read_packs())
    assert "größe" in found.stdout.decode()
