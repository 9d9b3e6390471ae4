"""Rules are added, edited and switched off whole or not at all, with the daemon down."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cli_runs import Ran, Run

from fnr.cli import rule_drop_ins
from fnr.cli.main import run
from fnr.cli.rule_drop_ins import only_writer
from fnr.config import rule_files, whole_file
from fnr.config.paths import find_paths
from fnr.config.rule_files import LoadedRules, load_rules
from fnr.policy.rule_file import ParsedRules, parse_rules

BUSY = ("--category", "transient", "--text", "licence .{0,40}busy")
SHIPPED = "cuda/library-workspace"
Rules = Callable[..., Ran]


@pytest.fixture(autouse=True)
def one_pack(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of the packs only one: reading all of them takes a second each time."""
    folder = tmp_path_factory.mktemp("packs")
    shutil.copy(rule_files.PACKS_DIR / "cuda.toml", folder)
    monkeypatch.setattr(rule_files, "PACKS_DIR", folder)


@pytest.fixture
def rules(command: Run, tmp_path: Path) -> Rules:
    """Run `fnr rules …` in a home of its own."""
    return lambda *words, **options: command("--home", tmp_path, "rules", *words, **options)


def in_force(home: Path) -> set[str]:
    """Names of the operator's rules that name errors, and of SHIPPED if it does."""
    loaded = load_rules(find_paths(str(home)))
    assert loaded.problems == ()
    own = {rule.name for rule in loaded.own}
    return {name for name in loaded.rule_set.named if name in own or name == SHIPPED}


# ── add ──────────────────────────────────────────────────────────────────────


def test_an_added_rule_counts_from_the_next_load(rules: Rules, tmp_path: Path) -> None:
    found = rules("add", "licence", *BUSY, "--test", "error: licence server lic01 is busy")
    assert (found.code, found.err.splitlines()) == (
        0,
        [
            f"added to {tmp_path}/rules.d/local.toml",
            "the daemon is down: this takes effect when it starts",
        ],
    )
    assert "local/licence" in in_force(tmp_path)


def test_a_file_keeps_its_mode_and_a_link_its_file(rules: Rules, tmp_path: Path) -> None:
    """Method: the rules are kept elsewhere, under version control, and their group may write."""
    kept = tmp_path / "kept.toml"
    kept.write_text("version = 1\n")
    kept.chmod(0o660)
    link = tmp_path / "rules.d" / "local.toml"
    link.parent.mkdir()
    link.symlink_to(kept)
    assert rules("add", "licence", *BUSY).code == 0
    assert link.readlink() == kept
    assert "licence" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o660
    assert "local/licence" in in_force(tmp_path)


def test_every_condition_stands_in_the_file_and_in_its_test(rules: Rules, tmp_path: Path) -> None:
    found = rules(
        "add", "farm/odd", "--category", "permanent", "--exception", "*.FarmError",
        "--code", "http:500-599", "--exit", 9, "--signal", "kill", "--text", "frob",
        "--hint", "it's \"odd\"\n", "--max-retries", 2, "--test", "frob frob", "-o", "json",
    )  # fmt: skip
    assert found.code == 0, found.err
    assert found.json["rule"] == "farm/odd"
    [rule] = [one for one in load_rules(find_paths(str(tmp_path))).rules if one.name == "farm/odd"]
    assert (rule.exceptions, rule.codes, rule.exits) == (("*.FarmError",), ("http:500-599",), (9,))
    assert (rule.signals, rule.text, rule.max_retries) == (("SIGKILL",), ("frob",), 2)
    assert rule.hint == 'it\'s "odd"\n'
    [test] = rule.tests
    assert (test.exception, test.codes, test.exit) == ("some.FarmError", ("http:500",), 9)


@pytest.mark.parametrize("written", ["9", "kill", "SIGKILL"])
def test_a_signal_is_written_as_rules_test_takes_it(rules: Rules, written: str) -> None:
    found = rules("add", "x", "--category", "transient", "--signal", written, "-n", "-o", "json")
    assert 'signal = ["SIGKILL"]' in found.json["toml"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("x", "--category", "transient", "--text", "a(?=b)"), "look-ahead is not in RE2"),
        (("x", *BUSY, "--test", "nothing of the kind"), "this example"),
        (("X!", *BUSY), "must be a name of a-z"),
        (("x", "--category", "transient", "--code", "503"), 'must look like "http:503"'),
    ],
)
def test_a_bad_rule_is_said_with_its_line_and_nothing_is_written(
    rules: Rules, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    found = rules("add", *words)
    assert found.code == 78
    assert "nothing was written" in found.err
    assert f"{tmp_path}/rules.d/local.toml:" in found.err
    assert says in found.err
    assert list((tmp_path / "rules.d").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("x", "--category", "sometimes", "--text", "a"), 2, "there is no category 'sometimes'"),
        (("x", "--category", "transient"), 2, "a rule needs a condition"),
        (("../x/y", *BUSY), 2, "is no name of a rule file"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    rules: Rules, words: tuple[str, ...], code: int, says: str
) -> None:
    found = rules("add", *words)
    assert (found.code, says in found.err) == (code, True), found.err


def test_a_name_is_given_once_and_a_dry_run_writes_nothing(rules: Rules, tmp_path: Path) -> None:
    assert rules("add", "licence", *BUSY, "-n").code == 0
    assert in_force(tmp_path) == {SHIPPED}
    assert rules("add", "licence", *BUSY).code == 0
    again = rules("add", "licence", "--category", "permanent", "--text", "other words")
    assert (again.code, "there is a rule local/licence already" in again.err) == (6, True)


def test_no_rule_is_added_in_the_place_of_a_shipped_one(rules: Rules, tmp_path: Path) -> None:
    found = rules("add", SHIPPED, *BUSY)
    assert (found.code, f"there is a rule {SHIPPED} already" in found.err) == (6, True)
    assert not (tmp_path / "rules.d" / "cuda.toml").exists()


def test_mistakes_that_were_there_before_are_not_blamed_on_the_new_rule(
    rules: Rules, tmp_path: Path
) -> None:
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.d" / "old.toml").write_text("[[rule]]\nname = 1\n")
    found = rules("add", "licence", *BUSY)
    assert (found.code, "rules.d has mistakes already" in found.err) == (78, True)
    assert "rules check" in found.err


def test_mistakes_that_a_change_would_bring_about_are_not_said_to_be_there_already(
    rules: Rules, tmp_path: Path
) -> None:
    """`rules check` was the advice, and found everything good."""
    (tmp_path / "rules.d").mkdir()
    file = tmp_path / "rules.d" / "old.toml"
    head = '[[rule]]\nname = "{}"\ncategory = "permanent"\ntext = "lens is {}"\n'
    test = '[[rule.test]]\nmessage = "lens is gone at last"\n'
    file.write_text(head.format("wide", "gone") + test)
    found = rules("add", "a", "--category", "transient", "--text", "lens is gone at last")
    assert (found.code, "with it, other rules have mistakes" in found.err) == (78, True)
    assert f"{file}:5: rule old/wide: this example is decided by local/a" in found.err
    assert "rules check" not in found.err
    file.write_text(head.format("a", "gone") + head.format("b", "gone") + "priority = -1\n")
    (tmp_path / "rules.d" / "disabled.toml").write_text('disable = ["old/b"]\n')
    assert "with it, other rules have mistakes" in rules("enable", "old/b").err


@pytest.mark.parametrize(("number", "look"), [(errno.ENOSPC, "df -h"), (errno.EROFS, "ls -ld")])
def test_what_cannot_be_written_says_where_to_look(
    rules: Rules, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, look: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fnr.cli.rule_drop_ins.write_durably", fails)
    found = rules("add", "licence", *BUSY)
    assert (found.code, f"try: {look} {tmp_path}/rules.d" in found.err) == (74, True), found.err


def test_a_pipe_in_rules_d_keeps_no_command_waiting(
    rules: Rules, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It held the lock of rules.d for ever, and every other command with it."""
    monkeypatch.setattr(whole_file, "SILENCE_MS_MAX", 10)
    (tmp_path / "rules.d").mkdir()
    os.mkfifo(tmp_path / "rules.d" / "pipe.toml")
    found = rules("add", "pipe/licence", *BUSY)
    assert (found.code, "it is a pipe, and nobody has written" in found.err) == (78, True)


def test_two_that_add_at_once_lose_neither_rule(tmp_path: Path) -> None:
    words = ["--home", str(tmp_path), "-q", "rules", "add"]
    codes: list[int] = []

    def add(name: str) -> None:
        rest = ["--category", "transient", "--text", f"{name} .{{0,9}}is full"]
        codes.append(run([*words, name, *rest]))

    threads = [threading.Thread(target=add, args=(f"rule-{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0, 0]
    assert in_force(tmp_path) == {SHIPPED, *(f"local/rule-{n}" for n in range(3))}


# ── switches ─────────────────────────────────────────────────────────────────


def test_a_shipped_rule_is_switched_off_and_on_again(rules: Rules, tmp_path: Path) -> None:
    assert SHIPPED in in_force(tmp_path)
    found = rules("disable", SHIPPED)
    assert (found.code, found.out) == (0, f"{SHIPPED}\n")
    assert SHIPPED not in in_force(tmp_path)
    again = rules("disable", SHIPPED)
    assert (again.code, f"{SHIPPED}: it is disabled already" in again.err) == (1, True)
    assert rules("enable", SHIPPED, "-n").code == 0
    assert SHIPPED not in in_force(tmp_path)
    assert rules("enable", SHIPPED).code == 0
    assert SHIPPED in in_force(tmp_path)
    again = rules("enable", SHIPPED, "-o", "json")
    assert again.json["unchanged"] == {SHIPPED: "it is not disabled"}


def test_rules_and_notes_beside_the_switches_stay(rules: Rules, tmp_path: Path) -> None:
    """`disabled.toml` is an ordinary rule file: its rules had gone with the next switch."""
    assert rules("add", "disabled/licence", *BUSY).code == 0
    file = tmp_path / "rules.d" / "disabled.toml"
    file.write_text(f"# ticket 17\n{file.read_text()}")
    assert rules("disable", SHIPPED).code == 0
    assert in_force(tmp_path) == {"disabled/licence"}
    assert rules("enable", SHIPPED).code == 0
    assert in_force(tmp_path) == {"disabled/licence", SHIPPED}
    assert file.read_text().startswith("# ticket 17\n")
    file.write_text(f'"disable" = ["{SHIPPED}"]\n')
    found = rules("enable", SHIPPED)
    assert (found.code, "rules edit disabled" in found.err) == (6, True)


def test_a_file_that_was_written_on_windows_can_be_changed(rules: Rules, tmp_path: Path) -> None:
    (tmp_path / "rules.d").mkdir()
    file = tmp_path / "rules.d" / "disabled.toml"
    file.write_bytes(f'\ufeffdisable = [\r\n  "{SHIPPED}", # mine\r\n]\r\n'.encode())
    found = rules("disable", "cuda/gpu-memory")
    assert found.code == 0, found.err
    assert rules("enable", SHIPPED).code == 0
    assert file.read_bytes() == b'disable = [\n    "cuda/gpu-memory",\n]\n'


def test_a_rule_that_does_not_exist_has_a_nearest(rules: Rules, tmp_path: Path) -> None:
    found = rules("disable", "cuda/library-workspcae")
    assert (found.code, f"did you mean '{SHIPPED}'?" in found.err) == (4, True)
    assert not (tmp_path / "rules.d" / "disabled.toml").exists()


def test_what_another_file_disables_is_not_enabled_behind_its_back(
    rules: Rules, tmp_path: Path
) -> None:
    (tmp_path / "rules.d").mkdir()
    mine = tmp_path / "rules.d" / "mine.toml"
    mine.write_text(f'version = 1\ndisable = ["{SHIPPED}"]\n')
    found = rules("enable", SHIPPED)
    assert (found.code, f"it is disabled in {mine}:2: edit that" in found.err) == (1, True)


def test_of_twenty_files_each_is_read_once(
    rules: Rules, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of twenty thousand rules, reading and trying them takes most of the time."""
    folder = tmp_path / "rules.d"
    folder.mkdir()
    for number in range(20):
        (folder / f"f{number}.toml").write_text(RULE.replace("jammed", f"jammed {number}"))
    read: list[str] = []
    tried: list[int] = []

    def reading(text: str, **more: Any) -> ParsedRules:
        read.append(more["pack"])
        return parse_rules(text, **more)

    def trying(parsed: Sequence[ParsedRules], **more: Any) -> LoadedRules:
        tried.append(len(parsed))
        return rule_files.with_operator_rules(parsed, **more)

    monkeypatch.setattr(rule_files, "parse_rules", reading)
    monkeypatch.setattr("fnr.cli.rule_drop_ins.with_operator_rules", trying)
    assert rules("disable", "f7/mine").code == 0
    assert sorted(name for name in read if name != "cuda") == sorted(f"f{n}" for n in range(20))
    assert tried == [21]
    assert rules("add", "licence", *BUSY).code == 0
    assert tried == [21, 22]


# ── edit ─────────────────────────────────────────────────────────────────────


@pytest.fixture
def editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Let the editor be a program: Python that has the file's text as `t` and changes it."""

    def use(code: str) -> None:
        script = tmp_path / "editor.py"
        head = "import pathlib, sys\np = pathlib.Path(sys.argv[1])\nt = p.read_text()\n"
        script.write_text(f"{head}{code}\np.write_text(t)\n")
        monkeypatch.setenv("VISUAL", f"{sys.executable} {script}")

    return use


RULE = "\n[[rule]]\nname = 'mine'\ncategory = 'permanent'\ntext = ['drum jammed']\n"


def test_an_edited_file_counts_when_it_is_good(
    rules: Rules, tmp_path: Path, editor: Callable[[str], None]
) -> None:
    editor(f"t += {RULE!r}")
    found = rules("edit")
    assert found.code == 0, found.err
    assert in_force(tmp_path) == {SHIPPED, "local/mine"}
    editor("t = t.replace('permanent', 'transient')")
    assert rules("edit", "local.toml").code == 0
    editor("")
    assert rules("edit").err == "nothing changed\n"


def test_a_file_that_is_there_is_edited_whatever_its_name(
    rules: Rules, tmp_path: Path, editor: Callable[[str], None]
) -> None:
    """Its rules count, so they can be changed."""
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.d" / "my rules.toml").write_text(RULE)
    editor("t = t.replace('permanent', 'transient')")
    for name in ("my rules", "my rules.toml"):
        found = rules("edit", name)
        assert found.code == 0, found.err
    assert in_force(tmp_path) == {SHIPPED, "my rules/mine"}
    (tmp_path / "elsewhere.toml").write_text(RULE)
    assert rules("edit", "../elsewhere").code == 2


def test_a_mistake_is_said_and_the_text_is_kept(
    rules: Rules, tmp_path: Path, editor: Callable[[str], None]
) -> None:
    rules("add", "licence", *BUSY)
    file = tmp_path / "rules.d" / "local.toml"
    before = file.read_text()
    editor("t = t.replace('transient', 'transiet')")
    found = rules("edit")
    assert found.code == 78
    assert f"{file}:6: category must be one of" in found.err
    kept = Path(found.err.split("your text is kept in ")[1].split()[0])
    assert "transiet" in kept.read_text()
    assert file.read_text() == before
    kept.unlink()


def test_an_edit_that_takes_a_shipped_rules_place_is_told(
    rules: Rules, tmp_path: Path, editor: Callable[[str], None]
) -> None:
    """Who writes that means it, or learns of it."""
    name = SHIPPED.partition("/")[2]
    editor(f"t += {RULE.replace('mine', name)!r}")
    found = rules("edit", "cuda")
    assert (found.code, "and it yields to yours" in found.err) == (0, True), found.err
    assert SHIPPED in in_force(tmp_path)


def test_an_editor_that_fails_changes_nothing(
    rules: Rules, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VISUAL", "false")
    assert "the editor ended with exit code 1" in rules("edit").err
    killed = tmp_path / "killed.sh"
    killed.write_text("#!/bin/sh\nkill -TERM $$\n")
    killed.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(killed))
    assert "the editor was ended by SIGTERM" in rules("edit").err
    monkeypatch.setenv("VISUAL", "/no/such/editor")
    found = rules("edit")
    assert (found.code, "cannot be started" in found.err) == (2, True)


def test_what_could_not_be_read_again_is_not_written(
    rules: Rules,
    tmp_path: Path,
    editor: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rule_drop_ins, "FILE_BYTES_MAX", 1_000)
    editor(f"t += {RULE!r} + '# ü\\n' * 300")
    found = rules("edit")
    assert (found.code, "at most 1000 are read" in found.err) == (78, True)
    assert not (tmp_path / "rules.d" / "local.toml").exists()


def test_an_editor_that_leaves_what_has_no_end_is_not_read_for_ever(
    rules: Rules, tmp_path: Path, editor: Callable[[str], None]
) -> None:
    editor("p.unlink(); p.symlink_to('/dev/zero'); sys.exit()")
    found = rules("edit")
    assert (found.code, "it does not end" in found.err) == (78, True)
    assert not (tmp_path / "rules.d" / "local.toml").exists()


@pytest.mark.parametrize(
    ("ends", "why"),
    [
        ("", "the editor ended with exit code 3"),
        ("file.write_bytes(b'typed \\xff'); sys.exit(0)", "your text cannot be read"),
    ],
)
def test_what_was_typed_into_an_editor_that_failed_is_kept(
    rules: Rules, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ends: str, why: str
) -> None:
    script = tmp_path / "editor.py"
    script.write_text(
        "import sys, pathlib\nfile = pathlib.Path(sys.argv[1])\n"
        f"file.write_text('typed ' * 9)\n{ends}\nsys.exit(3)\n"
    )
    monkeypatch.setenv("VISUAL", f"{sys.executable} {script}")
    found = rules("edit")
    assert why in found.err
    kept = Path(found.err.split("your text is kept in ")[1].split()[0])
    assert kept.read_bytes().startswith(b"typed ")
    kept.unlink()
    assert in_force(tmp_path) == {SHIPPED}


def test_an_edit_that_does_not_go_with_what_was_added_meanwhile_is_refused(
    rules: Rules,
    tmp_path: Path,
    editor: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Method: the other command held rules.d while the edit waited for it."""
    other = tmp_path / "rules.d" / "other.toml"

    @contextmanager
    def after_the_other() -> Iterator[None]:
        with only_writer():
            other.write_text(f"{RULE}priority = 9\n")
            yield

    monkeypatch.setattr("fnr.cli.rule_edit.only_writer", after_the_other)
    editor(f"t += {RULE!r}")
    found = rules("edit")
    assert (found.code, "rule local/mine can never decide" in found.err) == (78, True)
    assert in_force(tmp_path) == {SHIPPED, "other/mine"}
    Path(found.err.split("your text is kept in ")[1].split()[0]).unlink()


def test_what_somebody_else_wrote_meanwhile_is_not_overwritten(
    rules: Rules, tmp_path: Path, editor: Callable[[str], None]
) -> None:
    rules("add", "licence", *BUSY)
    file = tmp_path / "rules.d" / "local.toml"
    editor(
        "t += '# mine'\n"
        f"other = pathlib.Path({str(file)!r})\n"
        "other.write_text(other.read_text() + '# theirs')"
    )
    found = rules("edit")
    assert (found.code, "somebody else has changed it meanwhile" in found.err) == (78, True)
    assert file.read_text().endswith("# theirs")
    Path(found.err.split("your text is kept in ")[1].split()[0]).unlink()
