"""`fnr rules` list, show, check, test and eval, with the daemon down."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_runs import Ran, Run

from fnr.config import rule_files

Rules = Callable[..., Ran]

MINE = """
[[rule]]
name = "lens"
category = "resource"
text = "no lens in (?P<room>[a-z]+)"
wait_for = "service"
max_retries = 7
hint = "Fetch one."
recycle_worker = true
[[rule.test]]
message = "no lens in attic"
"""


@pytest.fixture(autouse=True)
def one_pack(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of the packs only one: reading all of them takes a second each time."""
    folder = tmp_path_factory.mktemp("packs")
    shutil.copy(rule_files.PACKS_DIR / "cuda.toml", folder)
    monkeypatch.setattr(rule_files, "PACKS_DIR", folder)


@pytest.fixture
def rules(command: Run, tmp_path: Path) -> Rules:
    """Run `fnr rules …` in a home with one rule of its own."""
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.d" / "studio.toml").write_text(MINE)
    return lambda *words, **options: command("--home", tmp_path, "rules", *words, **options)


def test_the_list_begins_with_the_operators_rules(rules: Rules) -> None:
    ran = rules("list", "-o", "json")
    assert ran.code == 0
    first, second = ran.json["items"][:2]
    assert (first["name"], first["operator"], first["level"]) == ("studio/lens", True, "text")
    assert (second["name"].split("/")[0], second["operator"]) == ("cuda", False)
    assert rules("list", "--own", "-o", "name").out == "studio/lens\n"
    named = rules("list", "-c", "resource", "memory", "-o", "name").out.split()
    assert named
    assert all("memory" in name for name in named)
    assert rules("list", "-c", "nonsense").code == 2


def test_a_rule_is_shown_as_its_file_says_it(rules: Rules, tmp_path: Path) -> None:
    ran = rules("show", "lens")
    assert ran.code == 0
    assert MINE.strip() in ran.out
    assert str(tmp_path / "rules.d" / "studio.toml:2") in ran.out
    assert rules("show", "lens", "-o", "json").json["max_retries"] == 7


def test_a_rule_is_shown_without_the_next_one_however_that_is_written(
    rules: Rules, tmp_path: Path
) -> None:
    (tmp_path / "rules.d" / "studio.toml").write_text(
        '  [[rule]]\n  name = "one"\n  category = "transient"\n  text = "first \u2028 lens"\n\n'
        '  # Of the second.\n  [[ rule ]]\n  name = "two"\n  category = "transient"\n'
        '  text = "second lens"\n'
    )
    shown = rules("show", "studio/one").out
    assert ("first" in shown, "second" in shown.lower()) == (True, False)
    assert 'name = "two"' in rules("show", "studio/two").out


def test_a_rule_that_is_not_there_is_named_as_the_nearest(rules: Rules) -> None:
    ran = rules("show", "studio/lense")
    assert ran.code == 4
    assert "did you mean 'studio/lens'?" in ran.err


def test_check_finds_every_mistake_and_says_where(rules: Rules, tmp_path: Path) -> None:
    good = rules("check", "-o", "json")
    assert (good.code, good.json["schema"]) == (0, "fnr.rules.check/1")
    assert good.json["examples"] > 100
    draft = tmp_path / "draft.toml"
    draft.write_text('[[rule]]\nname = "x"\ncategory = "transient"\ntext = "(?=a)"\nexits = 3\n')
    ran = rules("check", draft)
    assert ran.code == 78
    assert f"{draft}:4: text '(?=a)': look-ahead is not in RE2" in ran.err
    assert f"{draft}:5: exits: unknown key, did you mean 'exit'?" in ran.err


def test_of_a_broken_rules_d_no_rule_is_called_in_force(rules: Rules, tmp_path: Path) -> None:
    """Neither its rules nor its switches count."""
    (tmp_path / "rules.d" / "a.toml").write_text('disable = ["cuda/gpu-memory"]\nrules = 3\n')
    listed = {one["name"]: one["state"] for one in rules("list", "-o", "json").json["items"]}
    assert listed["studio/lens"] == "not in force"
    assert listed["cuda/gpu-memory"] == "in force"
    assert "above the packs, not in force\n" in rules("show", "lens").out
    counted = rules("stats", "--own", "-o", "json").json["items"]
    assert [(one["rule"], one["state"]) for one in counted] == [("studio/lens", "not in force")]


def test_a_broken_rules_d_is_told_and_the_packs_count(rules: Rules, tmp_path: Path) -> None:
    (tmp_path / "rules.d" / "bad.toml").write_text("nonsense")
    ran = rules("test", "no lens in attic")
    assert "unmatched" in ran.out or "text-model" in ran.out
    ran = rules("list", "--own", "-o", "name")
    assert f"none of its rules is in force; fnr --home {tmp_path} rules check" in ran.err


def test_test_says_which_rule_which_words_and_what_follows(rules: Rules) -> None:
    ran = rules("test", "there is no lens in attic today")
    assert ran.out.splitlines() == [
        "resource: queue and wait, wait for service, up to 7 times 300 s",
        f"rule:        studio/lens (text, {ran.out.split('(text, ')[1].splitlines()[0]}",
        "matched:     text 'no lens in attic'",
        "in message:  …there is »no lens in attic« today…",
        "room:        attic",
        "confidence:  0.80",
        "hint:        Fetch one.",
        "worker:      is not used again after this error",
    ]


def test_test_in_json_has_all_of_the_answer(rules: Rules) -> None:
    found = rules("test", "no lens in attic", "--exit", "137", "-o", "json").json
    assert (found["schema"], found["category"]) == ("fnr.rules.test/1", "resource")
    assert found["captures"] == {"room": "attic"}
    assert found["spans"] == [{"text": "message", "start": 0, "end": 16}]
    assert found["codes"] == ["exit:137", "signal:SIGKILL"]
    assert rules("test", "no lens in attic", "-o", "name").out == "studio/lens\n"


def test_test_knows_the_input_that_an_error_names(rules: Rules) -> None:
    (words, given) = "no file /srv/in/a-b.mp4", '{"clip": "/srv/in/a-b.mp4"}'
    found = rules("test", words, "--input", given, "-o", "json").json
    assert found["named_input"] == ["clip"]
    assert "names input: clip\n" in rules("test", words, "--input", given).out
    refused = rules("test", words, "--input", "[1]")
    assert (refused.code, "--input is no JSON object" in refused.err) == (2, True)


def test_test_reads_files_stdin_and_every_kind_of_evidence(rules: Rules, tmp_path: Path) -> None:
    log = tmp_path / "render.log"
    log.write_bytes(b"\xff frame 1\nno lens in attic\n")
    assert rules("test", log, "-o", "name").out == "studio/lens\n"
    assert rules("test", "--stderr", log, "-o", "name").out == "studio/lens\n"
    assert rules("test", "-o", "json", "x", "--signal", "kill", "--http", "503").json["codes"] == [
        "http:503",
        "signal:SIGKILL",
    ]
    typed = rules("test", "x", "--exception", "a.B", "--traceback", log, "-o", "json").json
    assert (typed["types"], typed["rule"]) == (["a.B"], "studio/lens")
    assert rules("test", "-", "-o", "name", stdin=b"no lens in attic").out == "studio/lens\n"
    foreign = rules("test", "no lens in h\udce9te", "--exception", "a.\udce9", "-o", "json")
    assert (foreign.json["types"], foreign.json["rule"]) == (["a.\ufffd"], "studio/lens")


def test_what_a_shell_puts_in_place_of_a_file_is_read(rules: Rules) -> None:
    """`fnr rules test <(dmesg)`: its name, /dev/fd/63, was taken for the message."""
    read, write = os.pipe()
    os.write(write, b"no lens in attic")
    os.close(write)
    try:
        ran = rules("test", f"/dev/fd/{read}", "-o", "name")
    finally:
        os.close(read)
    assert (ran.out, ran.err) == ("studio/lens\n", "")


def test_the_mistyped_name_of_a_file_is_told_of(rules: Rules, tmp_path: Path) -> None:
    """It is tried as a message, which nothing would tell apart from what the file says."""
    for typed in (tmp_path / "no.log", "logs/worker", "worker.log", tmp_path):
        assert f"notice: {typed} is no file" in rules("test", typed).err
    for said in ("no lens in attic", "a.b.TimeoutError", "http://h/x", "errno:ENOSPC"):
        assert "notice" not in rules("test", said).err


@pytest.mark.parametrize(
    "words",
    [
        ("--signal", "NOPE"),
        ("--signal", "-9"),
        ("--signal", "999"),
        ("--code", "errno:NOPE"),
        ("--phase", "lunch"),
        ("--killed-by", "me"),
        ("--code", "503"),
        ("--exit", "300"),
        ("--against-history", "7d"),
    ],
)
def test_what_test_cannot_use_is_a_mistake_of_typing(rules: Rules, words: tuple[str, str]) -> None:
    assert rules("test", "x", *words).code == 2


def test_what_history_does_not_look_at_is_refused_by_its_name(rules: Rules) -> None:
    """--phase was passed over, and a time that is none was a mistake of --since."""
    ran = rules("test", "--against-history", "7d", "--phase", "import")
    assert ran.code == 2
    assert "--phase would not be looked at" in ran.err
    ran = rules("test", "--against-history", "soon")
    assert ran.code == 2
    assert ran.err.startswith("error: --against-history: 'soon' is no moment\n")


def test_what_is_no_code_is_said_to_be_none(rules: Rules) -> None:
    """ "error: --code '503'; why: it looks like errno:ENOSPC" spoke of what had been typed."""
    assert rules("test", "x", "--code", "503").err == (
        "error: --code: '503' is no code\n  why: a code looks like errno:ENOSPC\n"
    )


def test_all_that_a_rule_asks_for_is_told(rules: Rules, tmp_path: Path) -> None:
    """Nothing was said of its incident, its severity and the breaker."""
    draft = tmp_path / "draft.toml"
    draft.write_text(
        '[[rule]]\nname = "z"\ncategory = "validation"\ntext = "zoom (?P<by>x\\\\d+)"\n'
        'severity = "high"\ntrip = true\nfingerprint = "{rule} of {function}: {by}"\n'
    )
    told = rules("test", "no zoom x7", "--rules", draft, "--function", "f").out
    for line in (
        "incident:    draft/z of f: x7",
        "severity:    high",
        "breaker:     counts against the service that it met",
    ):
        assert f"{line}\n" in told


def test_a_draft_is_tried_as_if_it_were_in_force(rules: Rules, tmp_path: Path) -> None:
    draft = tmp_path / "draft.toml"
    draft.write_text('[[rule]]\nname = "z"\ncategory = "validation"\ntext = "zoom"\n')
    assert rules("test", "no zoom", "--rules", draft, "-o", "name").out == "draft/z\n"


def test_what_follows_has_the_numbers_that_a_failure_would_get(
    rules: Rules, tmp_path: Path
) -> None:
    (tmp_path / "fnr.toml").write_text(
        '[functions.f]\ncommand = ["true"]\n[functions.f.retry]\nmax = 9\ndelay = "100ms"\n'
        '[functions.f.retry.transient]\nmax = 5\ndelay = "250ms"\n'
    )
    more = '[[rule]]\nname = "busy"\ncategory = "transient"\ntext = "lens is busy"\n'
    late = MINE.replace("max_retries = 7", 'wait = "7s"').replace('"lens"', '"late"')
    once = (
        '[[rule]]\nname = "once"\ncategory = "transient"\ntext = "lens is odd"\n'
        'strategy = "retry_once"\nmax_retries = 2\n'
    )
    (tmp_path / "rules.d" / "studio.toml").write_text(f"{more}{once}{late}")
    told = rules("test", "lens is busy", "--function", "f").out
    assert "retry once, up to 2 retries\n" in rules("test", "lens is odd", "--function", "f").out
    assert "up to 5 retries, the first after 0.25 s" in told
    assert "up to 5 times 7 s" in rules("test", "no lens in attic", "--function", "f").out
    assert "fnr.toml has no function g" in rules("test", "no lens", "--function", "g").err


def test_a_rule_for_a_service_holds_for_functions_that_use_it(rules: Rules, tmp_path: Path) -> None:
    """As in the daemon: `rules test` knew no service, and named another rule."""
    functions = ("a", '["gate"]'), ("b", '["gate", "mill"]'), ("c", "[]")
    (tmp_path / "fnr.toml").write_text(
        "".join(f'[functions.{f}]\ncommand = ["true"]\nservices = {s}\n' for f, s in functions)
    )
    text = '[[rule]]\nname = "shut"\ncategory = "permanent"\ntext = "shut up"\nservice = "gate"\n'
    (tmp_path / "rules.d" / "studio.toml").write_text(text)
    named = [
        rules("test", "shut up", "--no-model", "--function", f, "-o", "name").out.strip()
        for f in ("a", "b", "c")
    ]
    assert named == ["studio/shut", "unmatched", "unmatched"]


def test_a_draft_stands_among_the_files_of_rules_d(rules: Rules, tmp_path: Path) -> None:
    draft = tmp_path / "draft.toml"
    draft.write_text('[[rule]]\nname = "z"\ncategory = "validation"\ntext = "no lens"\n')
    mine = MINE.replace("category", "priority = 9\ncategory")
    (tmp_path / "rules.d" / "studio.toml").write_text(mine)
    words = ("test", "no lens in attic", "-o", "name")
    assert rules(*words, "--rules", draft).out == "studio/lens\n"
    (tmp_path / "rules.d" / "off.toml").write_text('disable = ["studio/lens"]\n')
    assert rules(*words, "--rules", draft).out == "draft/z\n"
    (tmp_path / "rules.d" / "off.toml").unlink()
    own = tmp_path / "studio.toml"
    own.write_text(draft.read_text())
    assert rules(*words, "--rules", own).out == "studio/z\n"


def test_whoever_tries_rules_is_told_that_those_of_a_broken_rules_d_do_not_count(
    rules: Rules, tmp_path: Path
) -> None:
    labelled = tmp_path / "labelled.jsonl"
    labelled.write_text('{"message": "x", "category": "unknown"}\n')
    (tmp_path / "rules.d" / "more.toml").write_text("[[rule]]\n")
    told = f"so none of its rules is in force; fnr --home {tmp_path} rules check"
    for words in (("test", "no lens in attic"), ("eval", labelled), ("stats",), ("suggest",)):
        assert told in rules(*words).err, words


def test_whoever_tries_rules_is_told_that_what_was_taught_does_not_count(
    rules: Rules, tmp_path: Path
) -> None:
    labelled = tmp_path / "labelled.jsonl"
    labelled.write_text('{"message": "x", "category": "unknown"}\n')
    (tmp_path / "learnt-words.json").write_text("{}")
    for words in (("test", "no lens in attic"), ("eval", labelled), ("suggest",)):
        assert "fnr rules learn makes a new one" in rules(*words).err, words


def test_a_name_that_several_rules_have_is_refused_and_they_are_named(
    rules: Rules, tmp_path: Path
) -> None:
    (tmp_path / "rules.d" / "other.toml").write_text(MINE.replace("lens", "prism"))
    (tmp_path / "rules.d" / "studio.toml").write_text(MINE.replace('"lens"', '"prism"'))
    for verb in ("show", "disable"):
        ran = rules(verb, "prism")
        assert (ran.code, "other/prism, studio/prism" in ran.err) == (6, True), ran.err


def test_an_own_rule_with_a_shipped_ones_name_counts_in_its_place(
    rules: Rules, tmp_path: Path
) -> None:
    """As an upgrade makes it, which ships a rule of that name."""
    name = "cuda/gpu-memory"
    file = tmp_path / "rules.d" / "cuda.toml"
    file.write_text(MINE.replace('"lens"', '"gpu-memory"').replace("lens", "prism"))
    ran = rules("show", name)
    assert (ran.code, "above the packs" in ran.out) == (0, True)
    assert f"a shipped rule is called {name} too, and yields to yours" in ran.err
    ran = rules("show", name, "--shipped")
    assert ("of a pack, overridden" in ran.out, ran.err) == (True, "")
    states = {one["where"]: one["state"] for one in rules("list", name, "-o", "json").json["items"]
              if one["name"] == name}  # fmt: skip
    assert states.pop(f"{file}:2") == "in force"
    assert list(states.values()) == ["overridden"]
    [stat] = [one for one in rules("stats", "--own", "--never", "-o", "json").json["items"]
              if one["rule"] == name]  # fmt: skip
    assert (stat["category"], stat["state"]) == ("resource", "in force")
    assert rules("test", "no prism in attic", "-o", "name").out == f"{name}\n"
    gone = rules("test", "CUDA out of memory", "-o", "json").json
    assert name not in {gone["rule"], *(one["rule"] for one in gone["runners_up"])}


def test_a_rule_that_looks_for_what_is_hidden_is_told_of(rules: Rules, tmp_path: Path) -> None:
    """Its example held, `rules test` named it, and no error in the world did."""
    (tmp_path / "fnr.toml").write_text("[redact]\npatterns = ['PIN-[0-9]{6}']\n")
    add = ("--category", "validation", "--text")
    ran = rules("add", "pin", *add, r"bad PIN-\d+", "--test", "bad PIN-123456")
    assert ran.code == 0
    told = "local/pin: it does not match this example, which is decided by no rule, with what is"
    assert told in ran.err
    assert rules("add", "door", *add, "door of .* is shut", "--test", "door of PIN-123456 is shut"
                 ).err.count("warning") == 1  # fmt: skip
    found = rules("check", "-o", "json")
    assert (found.code, len(found.json["warnings"])) == (0, 1)
    assert rules("test", "bad PIN-123456", "--no-model", "-o", "name").out == "unmatched\n"
    assert rules("test", "door of PIN-123456 is shut", "-o", "name").out == "local/door\n"
    assert "123456" not in rules("test", "door of PIN-123456 is shut").out


def test_check_passes_over_no_draft(rules: Rules, tmp_path: Path) -> None:
    """Of two with one name the first was not looked at, and called good."""
    first, second = tmp_path / "a" / "x.toml", tmp_path / "b" / "x.toml"
    for file, text in ((first, "nonsense"), (second, MINE.replace("lens", "prism"))):
        file.parent.mkdir()
        file.write_text(text)
    ran = rules("check", first, second)
    assert (ran.code, f"{first} and {second} would be the same file" in ran.err) == (2, True)
    assert rules("check", second, second).code == 0


@pytest.mark.parametrize("name", ["my draft.toml", "draft.txt"])
def test_a_draft_is_tried_under_the_name_that_check_gives_it(
    rules: Rules, tmp_path: Path, name: str
) -> None:
    draft = tmp_path / name
    draft.write_text(MINE.replace("lens", "prism").replace("resource", "transint"))
    assert rules("check", draft).code == 78
    draft.write_text(MINE.replace("lens", "prism"))
    named = rules("test", "no prism in attic", "--rules", draft, "-o", "name").out
    assert named == f"{draft.stem}/prism\n"


def test_check_warns_of_what_is_no_mistake(rules: Rules, tmp_path: Path) -> None:
    file = tmp_path / "rules.d" / "cuda.toml"
    file.write_text(MINE.replace('"lens"', '"gpu-memory"').replace("lens", "prism"))
    (tmp_path / "rules.d" / "off.toml").write_text('disable = ["cuda/of-long-ago"]\n')
    ran = rules("check")
    assert (ran.code, "rules are good" in ran.out) == (0, True)
    first, second = ran.err.splitlines()
    assert first.startswith(
        f"warning: {file}:2: rule cuda/gpu-memory has the name of a shipped rule (cuda.toml:"
    )
    assert first.endswith("and it yields to yours; to have both, rename yours: fnr rules edit cuda")
    assert "off.toml:1: disable: there is no rule 'cuda/of-long-ago'" in second
    told = rules("check", "-o", "json").json["warnings"]
    assert [one["where"] for one in told] == [f"{file}:2", f"{file.parent}/off.toml:1"]


def test_what_test_does_not_know_is_told_with_all_that_it_knows(rules: Rules) -> None:
    assert "drill, oom" in rules("test", "x", "--killed-by", "me").err
    assert rules("test", "--killed-by", "oom", "-o", "json").code == 0


RECORDS = """\
{"id": "a", "message": "no lens in attic", "category": "resource"}

{"id": "b", "message": "no lens in cellar", "category": "permanent", "exit_code": 1}
{"id": "c", "message": "zyxwvut", "category": "transient", "signal": "SIGKILL"}
"""


def test_eval_counts_what_is_named_rightly(rules: Rules, tmp_path: Path) -> None:
    file = tmp_path / "labelled.jsonl"
    file.write_text(RECORDS)
    report = rules("eval", file, "--no-model", "-o", "json").json
    assert report["schema"] == "fnr.rules.eval/1"
    assert (report["total"], report["correct"], report["accuracy"]) == (3, 1, 0.3333)
    assert (report["unknown"], report["dangerous"]) == (1, 1)
    assert report["confusion"]["permanent"] == {"resource": 1}
    assert report["categories"]["resource"] == {
        "total": 1, "named": 2, "correct": 1, "precision": 0.5, "recall": 1.0
    }  # fmt: skip
    assert [(one["line"], one["id"], one["got"]) for one in report["wrong"]] == [
        (3, "b", "resource"),
        (4, "c", "unknown"),
    ]
    shown = rules("eval", file, "--no-model").out
    assert shown.startswith("1 of 3 right, 33.3%; 1 unknown, 1 dangerous\n")
    assert "b: permanent named resource by studio/lens" in shown


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 1: "),
        ('{"category": "odd"}', "line 1: category must be one of transient"),
        ('{"category": "transient", "exit_code": "x"}', "line 1: exit_code must be a whole number"),
        ('{"category": "transient", "exit_code": "--5"}', "line 1: exit_code must be a whole"),
        (f'{{"category": "transient", "exit_code": "{"9" * 5_000}"}}', "line 1: exit_code must be"),
        (f'{{"category": "transient", "signal": "{"9" * 5_000}"}}', "line 1: there is no signal"),
        (f'{{"input": {"[" * 3_000}{"]" * 3_000}}}', "line 1: "),
        ('{"category": "transient", "signal": -9}', "line 1: there is no signal -9: they are 1"),
        ('{"category": "transient", "message": 3}', "line 1: message must be text or null"),
        ('{"category": "transient", "signal": "SIGNOPE"}', "line 1: there is no signal"),
    ],
)
def test_eval_says_which_line_it_cannot_use(
    rules: Rules, tmp_path: Path, line: str, words: str
) -> None:
    file = tmp_path / "labelled.jsonl"
    file.write_text(line)
    ran = rules("eval", file)
    assert (ran.code, words in ran.err) == (65, True), ran.err


def test_eval_names_a_key_that_is_misspelt_and_reads_behind_a_byte_order_mark(
    rules: Rules, tmp_path: Path
) -> None:
    file = tmp_path / "labelled.jsonl"
    line = '{"mesage": "lens", "origin": "here", "category": "unknown"}\n'
    file.write_text("\ufeff" + line + line)
    ran = rules("eval", file)
    assert (ran.code, ran.out.splitlines()[0].split(";")[0]) == (0, "2 of 2 right, 100.0%")
    assert ran.err == "notice: line 1: 'mesage' is not read, did you mean 'message'?\n"


def test_reload_needs_a_daemon(rules: Rules) -> None:
    assert rules("reload").code == 3
