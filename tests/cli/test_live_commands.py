"""The way of a task through the commands, with a real daemon: show, history, logs, dead letters."""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cli_runs import Run
from live_home import LiveHome
from terminals import Session, show

from fnr.api.wire import REQUEST_BYTES_MAX
from fnr.policy.record import ENDS_MAX

HOSTILE = "ValueError: [rank0]: CUDA error [/b] \x1b[31mred"
HARMLESS = "ValueError: [rank0]: CUDA error [/b] [31mred"


@pytest.fixture(scope="module")
def dead(home: LiveHome) -> str:
    """Id of a task that died with a hostile message."""
    found = home.fnr("submit", "refuse", "n=7", "--wait", "-o", "json")
    return msgspec.json.decode(found.stdout)["items"][0]["task"]["task_id"]


@pytest.fixture(scope="module")
def done(home: LiveHome) -> str:
    """Id of a task that is done and has printed on both streams."""
    found = home.fnr("submit", "count", "text=a b", "--tag", "is=done", "--wait", "-o", "json")
    return msgspec.json.decode(found.stdout)["items"][0]["task"]["task_id"]


def test_show_has_what_one_wants_to_know(live: Run, done: str, dead: str) -> None:
    page = live("task", "show", done).out
    assert f"task:      {done}\n" in page
    assert "state:     done since " in page
    assert 'input:     {"text":"a b"}\n' in page
    assert "result:    1\n" in page
    page = live("task", "show", dead).out
    assert HARMLESS in page
    assert "letter:    open, permanent: " in page
    assert "\x1b" not in page


def test_history_is_a_story_in_order(live: Run, dead: str) -> None:
    lines = live("task", "history", dead).out.splitlines()
    told = [line[31:] for line in lines if line.startswith("20") or "now dead" in line]
    words = ["submitted by ", "attempt 1 began in worker ", "attempt 1 failed after ", "now dead: "]
    assert [line.startswith(word) for line, word in zip(told, words, strict=True)] == [True] * 4
    details = [line[31:] for line in lines if line.startswith(" " * 31)]
    assert details[0].startswith("named permanent by rule ")
    assert details[1].startswith("so it became a dead letter: ")
    assert any(HARMLESS in line for line in lines)


def test_single_answers_have_a_schema_and_all_fields(live: Run, done: str, dead: str) -> None:
    detail = [
        "task",
        "input",
        "result",
        "attempts",
        "errors",
        "ledger",
        "letter",
        "revisions",
        "undo",
    ]
    for words, schema, fields in (
        (["task", "show", done], "fnr.task/1", detail),
        (["task", "history", done], "fnr.task.history/1", detail),
        (["dlq", "show", dead], "fnr.dlq.letter/1", detail),
        (["function", "show", "count"], "fnr.function/1", ["status", "settings"]),
        (["status"], "fnr.status/1", ["state", "version", "home", "pid", "started_at_ms",
         "functions", "counts", "letters_open", "workers", "problems", "breakers",
         "limits", "rules_behind"]),
        (["db", "stats"], "fnr.db.stats/1", ["schema_version", "sqlite_version", "store_bytes",
         "wal_bytes", "telemetry_bytes", "free_bytes", "tables", "oldest_task_at_ms"]),
        (["config", "path"], "fnr.config.path/1", ["decided_by", "config", "rules", "store", "logs",
         "socket", "state"]),
    ):  # fmt: skip
        found = live(*words, "-o", "json").json
        assert found["schema"] == schema
        assert list(found) == ["schema", *fields]
    assert live("task", "show", done, "-o", "name").out == f"{done}\n"


def test_wait_waits_for_all_and_says_how_they_ended(live: Run, done: str, dead: str) -> None:
    found = live("task", "wait", done, dead)
    assert found.code == 1
    assert [row.split("\t")[2] for row in found.out.splitlines()] == ["done", "dead"]
    assert live("task", "wait", "-", stdin=f"{done}\n").code == 0
    assert "to give up waiting: --for" in live("task", "wait", done, "--timeout", "9s").err
    assert live("task", "wait", done, "--timeout", "9s", "--for", "9s").err == ""
    waiting = live("submit", "count", "text=", "--delay", "1h").out.strip()
    found = live("task", "wait", waiting, "--for", "10ms")
    assert found.code == 124
    assert live("task", "cancel", waiting).code == 0
    found = live("task", "cancel", waiting)
    assert (found.code, waiting in found.err) == (1, True)


@pytest.mark.parametrize("more", [(), ("-y",)])
def test_brackets_that_are_not_closed_cancel_nothing(live: Run, more: tuple[str, ...]) -> None:
    waiting = live("submit", "count", "text=", "--delay", "1h").out.strip()
    found = live("task", "cancel", "--where", "state:queued) OR (state:done", *more)
    assert (found.code, found.out) == (2, "")
    assert "column 13: ')' without '('" in found.err
    assert live("task", "cancel", waiting).code == 0


def test_more_are_waited_for_than_one_answer_tells_of(live: Run) -> None:
    inputs = '{"word":"later"}\n' * (ENDS_MAX + 100)
    ids = live("submit", "say", "--jsonl", "-", "--delay", "1h", "-o", "name", stdin=inputs).out
    assert live("task", "cancel", "-", stdin=ids).code == 0
    found = live("task", "wait", "-", stdin=ids)
    assert found.code == 1
    rows = [row.split("\t") for row in found.out.splitlines()]
    assert [row[0] for row in rows] == ids.split()
    assert {row[2] for row in rows} == {"cancelled"}


def test_more_are_cancelled_by_a_filter_than_the_daemon_takes_at_once(live: Run) -> None:
    inputs = '{"word":"later"}\n' * 1_001
    words = ["submit", "say", "--jsonl", "-", "--delay", "1h", "--tag", "of=many", "-o", "name"]
    ids = live(*words, stdin=inputs).out.split()
    found = live("task", "cancel", "--where", "tag.of:many", "-y")
    assert (found.code, found.err) == (0, "1001 cancelled\n")
    assert sorted(found.out.split()) == sorted(ids)
    found = live("task", "cancel", "--where", "tag.of:many", "-y", "-o", "json")
    assert (found.code, found.json["changed"], found.json["unchanged"]) == (0, [], {})


def test_who_waits_for_a_task_that_does_not_begin_is_told_why(
    live: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fnr.cli.follow.SILENT_MS", 10)
    live("function", "pause", "say", "--reason", "r")
    waiting = live("submit", "say", "word=x").out.strip()
    found = live("task", "wait", waiting, "--for", "40ms")
    assert found.code == 124
    assert "notice: it waits: say is paused" in found.err
    assert "waited 40ms" in found.err
    live("function", "resume", "say")
    assert live("task", "wait", waiting).code == 0
    later = live("submit", "say", "word=x", "--delay", "1h").out.strip()
    assert "why:       not before 2" in live("task", "show", later).out
    assert "notice: it waits: not before 2" in live("task", "wait", later, "--for", "40ms").err
    live("task", "cancel", later)


def test_an_id_that_is_none(live: Run) -> None:
    for words in (["task", "show", "01ZZ"], ["dlq", "show", "01ZZ"], ["logs", "01ZZ"],
                  ["task", "cancel", "01ZZ"], ["worker", "show", "x"], ["function", "show", "x"],
                  ["function", "pause", "x"]):  # fmt: skip
        assert live(*words).code == 4


def test_a_beginning_that_fits_several_is_refused(live: Run, done: str, dead: str) -> None:
    assert done != dead
    found = live("task", "show", "0")
    assert found.code == 6


# ── logs ─────────────────────────────────────────────────────────────────────


def test_logs_of_a_task_are_what_it_printed(live: Run, done: str, dead: str) -> None:
    found = live("logs", done)
    assert sorted(found.out.splitlines()) == ["a word on stderr", "counting 3 characters"]
    assert live("task", "logs", done[:24]).out == found.out
    found = live("logs", dead)
    assert (found.out, found.err) == ("", f"task {dead} has printed nothing\n")


def test_what_has_printed_before_the_moment_asked_for_is_told_so(live: Run, done: str) -> None:
    for name in (done, "count"):
        found = live("logs", name, "--since", "2100-01-01")
        who = "count" if name == "count" else f"task {done}"
        assert (found.out, found.err) == ("", f"{who} has printed nothing since then\n")


def test_logs_of_a_function_are_cut_to_the_last_lines(live: Run, done: str) -> None:
    assert done
    assert "counting 3 characters" in live("logs", "count", "-n", "0").out
    assert len(live("logs", "count", "-n", "1").out.splitlines()) == 1
    assert live("logs", "count", "--since", "@99999999999").out == ""
    assert live("logs", "gate", "-n", "5").code == 0
    assert live("logs", "count", "--since", "nonsense").code == 2


def test_logs_of_commands_know_time_and_stream(live: Run) -> None:
    live("run", "--", "sh", "-c", 'echo "it\'s out"; sleep 0.2; echo err >&2')
    [task] = live("task", "list", "-n", "1", "-o", "json").json["items"]
    lines = live("logs", task["task_id"], "-o", "jsonl").out.splitlines()
    found = [msgspec.json.decode(line) for line in lines]
    assert [(item["stream"], item["text"]) for item in found] == [("o", "it's out"), ("e", "err")]
    stamped = live("logs", task["task_id"], "-t").out.splitlines()
    assert stamped[0].startswith("20")
    assert stamped[0].endswith(" o it's out")


def test_logs_of_a_function_are_followed_until_ctrl_c(home: LiveHome) -> None:
    """Method: the follower is known to be there when it shows a first marked line."""
    session = Session(home.folder, "logs", "run", "-f", "-n", "1")
    while not session.shows("mark"):
        home.fnr("run", "--", "echo", "mark")
    home.fnr("run", "--", "echo", "the last")
    session.wait_for("the last").interrupt()
    assert session.end() == 130


# ── dead letters ─────────────────────────────────────────────────────────────


def test_a_letter_says_why_and_what_to_do(live: Run, home: LiveHome, dead: str) -> None:
    page = live("dlq", "show", dead).out
    assert "cause:      permanent (permanent): " in page
    assert 'input:      {"n":7}\n' in page
    assert HARMLESS in page
    assert f"try again:     fnr --home {home.folder} dlq replay {dead}\n" in page
    assert "\x1b" not in page
    assert dead in live("dlq", "list", "--where", "function:refuse", "-o", "name").out
    rows = live("dlq", "stats", "--where", "function:refuse").out.splitlines()
    assert rows[0].startswith("refuse\tpermanent\tpermanent\t")


def test_edit_by_flag_keeps_the_original(live: Run) -> None:
    task_id = live("submit", "refuse", "n=1").out.strip()
    live("task", "wait", task_id)
    assert live("dlq", "edit", task_id, "--set", "n=2").out == f"{task_id}\n"
    assert live("dlq", "edit", task_id, "--input", '{"n": 3}').code == 0
    detail = live("task", "show", task_id, "-o", "json").json
    assert detail["input"] == {"n": 3}
    assert [item["body"] for item in detail["revisions"]] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert 'original:   {"n":1}' in live("dlq", "show", task_id).out
    found = live("dlq", "edit", task_id, "--set", "n=3")
    assert (found.out, found.err) == ("", "nothing changed\n")
    assert live("dlq", "edit", task_id, "--input", "[1]").code == 65
    latin1 = live("dlq", "edit", task_id, "--set", "name=\udce4")
    assert (latin1.code, "the input is not UTF-8" in latin1.err) == (65, True)
    assert "input edited by" in live("task", "history", task_id).out


def editor(folder: Path, body: str) -> dict[str, str]:
    """An $EDITOR that does this to the file in `path`."""
    file = folder / "editor.py"
    file.write_text(f"import sys\npath = sys.argv[1]\ntext = open(path).read()\n{body}\n")
    return {"EDITOR": f"{sys.executable} {file}"}


def test_edit_in_an_editor(home: LiveHome, live: Run, tmp_path: Path) -> None:
    task_id = live("submit", "refuse", "n=1").out.strip()
    live("task", "wait", task_id)
    change = editor(tmp_path, "open(path, 'w').write(text.replace('1', '8'))")
    shown = show(home.folder, "dlq", "edit", task_id, **change)
    assert "one edited" in shown
    assert live("task", "show", task_id, "-o", "json").json["input"] == {"n": 8}

    broken = editor(tmp_path, "open(path, 'w').write('{broken')")
    shown = show(home.folder, "dlq", "edit", task_id, **broken)
    assert "not JSON" in shown
    kept = shown.partition("your text is kept in ")[2].split()[0]
    assert Path(kept).read_text() == "{broken"
    Path(kept).unlink()

    meanwhile = f"{[sys.executable, '-m', 'fnr', '--home', str(home.folder)]}"
    racing = editor(
        tmp_path,
        "import subprocess\n"
        f"subprocess.run({meanwhile} + ['dlq', 'edit', '{task_id}', '--set', 'n=7'], check=True)\n"
        "open(path, 'w').write(text.replace('8', '9'))",
    )
    shown = show(home.folder, "dlq", "edit", task_id, **racing)
    assert "somebody edited it meanwhile" in shown
    kept = shown.partition("your text is kept in ")[2].split()[0]
    assert live("task", "show", task_id, "-o", "json").json["input"] == {"n": 7}
    assert live("dlq", "edit", task_id, "--input", f"@{kept}").code == 0
    assert live("task", "show", task_id, "-o", "json").json["input"] == {"n": 9}
    Path(kept).unlink()
    live("dlq", "edit", task_id, "--set", "n=8")

    failing = editor(tmp_path, "sys.exit(3)")
    assert "the editor ended with exit code 3" in show(
        home.folder, "dlq", "edit", task_id, **failing
    )
    missing = show(home.folder, "dlq", "edit", task_id, EDITOR="no-such-editor")
    assert "the editor 'no-such-editor' cannot be started" in missing
    assert live("task", "show", task_id, "-o", "json").json["input"] == {"n": 8}


@pytest.fixture
def paused(live: Run) -> Iterator[None]:
    """Nothing of `say` begins meanwhile."""
    live("function", "pause", "say")
    yield
    live("function", "resume", "say")


@pytest.fixture
def unheard(live: Run, paused: None) -> str:
    """Id of a task that expired; its function takes only a text `word`."""
    found = live("submit", "say", "word=hi", "--expires", "1ms", "--wait")
    assert "expired" in found.err
    return found.err.split()[1]


def test_an_edit_that_changes_only_the_type_is_one(live: Run) -> None:
    """To Python 1, 1.0 and True are the same; to a function they are not."""
    task_id = live("submit", "refuse", "n=1").out.strip()
    live("task", "wait", task_id)
    for value in ("true", "1.0", "1"):
        assert live("dlq", "edit", task_id, "--set", f"n={value}").err.startswith("one edited\n")
    found = live("dlq", "edit", task_id, "--set", "n=1", "-o", "json")
    assert found.json == {
        "schema": "fnr.changed/1",
        "done": "edited",
        "changed": [],
        "unchanged": {},
    }


def test_what_was_typed_in_an_editor_outlives_a_refusal(
    home: LiveHome, live: Run, unheard: str, tmp_path: Path
) -> None:
    wrong = editor(tmp_path, "open(path, 'w').write('{\"word\": 5}')")
    shown = show(home.folder, "dlq", "edit", unheard, **wrong)
    assert "word: say wants str, got a whole number" in shown
    kept = shown.partition("your text is kept in ")[2].split()[0]
    assert f"dlq edit {unheard} --input @{kept}" in shown
    assert Path(kept).read_text() == '{"word": 5}'
    Path(kept).unlink()
    found = live("dlq", "edit", unheard, "--set", "word=5")
    assert """needs its quotes: word='"5"'""" in found.err


def test_what_was_typed_outlives_an_editor_that_fails(
    home: LiveHome, unheard: str, tmp_path: Path
) -> None:
    wrong = editor(tmp_path, "open(path, 'w').write('{\"word\": \"w\"}'); raise SystemExit(3)")
    shown = show(home.folder, "dlq", "edit", unheard, **wrong)
    assert "the editor ended with exit code 3" in shown
    kept = shown.partition("your text is kept in ")[2].split()[0]
    assert Path(kept).read_text() == '{"word": "w"}'
    Path(kept).unlink()


@pytest.mark.parametrize("words", ['"vi', "  "])
def test_an_editor_that_is_no_command_is_said(
    live: Run, unheard: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blank $VISUAL is none: $EDITOR counts, here one that says no."""
    monkeypatch.setenv("VISUAL", words)
    monkeypatch.setenv("EDITOR", "false")
    found = live("dlq", "edit", unheard)
    assert (found.code, found.out) == ((6, "") if words.isspace() else (2, ""))
    assert words.isspace() or "cannot be started\n  why: No closing quotation\n" in found.err


def test_all_letters_that_a_filter_finds_are_resolved_and_purged(live: Run, paused: None) -> None:
    lines = "\n".join(['{"word": "w"}'] * 1_001)
    options = ("--expires", "1ms", "--tag", "many=dead")
    ids = live("submit", "say", "--jsonl", "-", *options, stdin=lines).out
    live("task", "wait", "-", stdin=ids)
    assert live("dlq", "resolve", "--where", "tag.many:dead", "-y").err == "1001 resolved\n"
    assert live("dlq", "purge", "--where", "tag.many:dead", "-y").err == "1001 deleted\n"


@pytest.mark.parametrize(
    ("words", "cursor"),
    [
        (["task", "list"], "zzz"),
        (["dlq", "list"], "9" * 30 + "-01JD0000000000000000000001"),
        (["errors", "groups"], "yesterday"),
        (["errors", "groups"], "1796009313248-01JD0000000000000000000001"),
        (["dlq", "list"], "1796009313664-2:a5cd084c0369c41405aa"),
        (["replay", "list"], "zzz"),
    ],
)
def test_a_cursor_of_no_page_is_said(live: Run, words: list[str], cursor: str) -> None:
    found = live(*words, "--after", cursor)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(
        f"error: '{cursor}' does not continue this list\n  why: a cursor is "
    )


def test_replay_brings_a_letter_back(live: Run) -> None:
    task_id = live("submit", "refuse", "n=1").out.strip()
    live("task", "wait", task_id)
    found = live("dlq", "replay", task_id)
    assert (found.code, found.out) == (0, "1 replayed\n")
    live("task", "wait", task_id)
    found = live("dlq", "replay", "--where", f"id:{task_id}", "--dry-run")
    assert found.out.splitlines()[0] == "1 letter can be replayed"
    assert live("task", "show", task_id, "-o", "json").json["task"]["replays"] == 1
    assert live("dlq", "resolve", task_id, "--reason", "enough").out == f"{task_id}\n"
    found = live("dlq", "replay", task_id)
    assert found.code == 1
    assert "resolved: enough" in found.err
    assert live("dlq", "purge", task_id, "-y").out == f"{task_id}\n"
    assert live("task", "show", task_id).code == 4


def test_a_replay_is_confirmed_by_a_person(home: LiveHome, live: Run) -> None:
    ids = live("submit", "refuse", "--jsonl", "-", "--tag", "ask=me", stdin="{}\n{}\n").out.split()
    live("task", "wait", *ids)
    session = Session(home.folder, "dlq", "replay", "--where", "tag.ask:me")
    session.wait_for("Replay 2? [y/N]").type("n\n")
    assert session.end() == 6
    session = Session(home.folder, "dlq", "replay", "--where", "tag.ask:me")
    session.wait_for("Replay 2? [y/N]").type("y\n")
    session.wait_for("2 replayed")
    assert session.end() == 0


@pytest.mark.parametrize("words", [("purge", "--open"), ("resolve",)], ids=lambda words: words[0])
def test_who_was_told_that_there_is_none_has_not_agreed_to_one(
    home: LiveHome, live: Run, words: tuple[str, ...]
) -> None:
    where = f"tag.none:{words[0]}"
    session = Session(home.folder, "dlq", *words, "--where", where)
    session.wait_for("[y/N]")
    task_id = live("submit", "refuse", "n=1", "--tag", f"none={words[0]}").out.strip()
    live("task", "wait", task_id)
    session.type("y\n")
    assert session.end() == 0
    assert live("dlq", "list", "--where", where, "-o", "name").out == f"{task_id}\n"


@pytest.mark.parametrize("words", [("purge", "--open"), ("resolve",)], ids=lambda words: words[0])
def test_a_letter_that_came_after_the_question_is_not_part_of_the_answer(
    home: LiveHome, live: Run, words: tuple[str, ...]
) -> None:
    """Method: the person at the terminal takes their time."""

    def died() -> str:
        task_id = live("submit", "refuse", "n=1", "--tag", f"asked={words[0]}").out.strip()
        live("task", "wait", task_id)
        return task_id

    where = f"tag.asked:{words[0]}"
    early = died()
    session = Session(home.folder, "dlq", *words, "--where", where)
    session.wait_for("[y/N]")
    late = died()
    session.type("y\n")
    assert session.end() == 0
    assert early in session.shown()
    assert live("dlq", "list", "--where", where, "-o", "name").out.split() == [late]


def test_large_letters_are_imported_in_several_requests(live: Run, tmp_path: Path) -> None:
    given = tmp_path / "given.json"
    given.write_text(msgspec.json.encode({"text": "x" * 9_000_000}).decode())
    ids = [
        live("submit", "refuse", "--input", f"@{given}", "--tag", "large=yes").out.strip()
        for _ in range(4)
    ]
    live("task", "wait", *ids)
    file = tmp_path / "large.jsonl"
    live("dlq", "export", "--where", "tag.large:yes", "--to", file)
    assert file.stat().st_size > REQUEST_BYTES_MAX
    live("dlq", "purge", *ids, "--open", "-y")
    found = live("dlq", "import", file)
    assert (found.code, found.err) == (0, "4 imported\n")
    live("dlq", "purge", *ids, "--open", "-y")
    too_large = b'{"x":"' + b"x" * REQUEST_BYTES_MAX + b'"}\n'
    (tmp_path / "one").write_bytes(too_large)
    found = live("dlq", "import", tmp_path / "one")
    assert found.code == 65
    assert f"line 1: {len(too_large)} bytes; at most " in found.err


def test_an_export_that_cannot_be_written_names_its_file_and_leaves_none(
    live: Run, tmp_path: Path
) -> None:
    live("submit", "refuse", "n=1", "--tag", "unwritten=yes", "--wait")
    # What it imports is compiled by then: a module that is cut short fails for ever.
    live("dlq", "export", "--where", "tag.unwritten:yes")
    file, before = tmp_path / "letters.jsonl", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        found = live("dlq", "export", "--where", "tag.unwritten:yes", "--to", file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (found.code, file.exists()) == (74, False)
    assert found.err.startswith(f"error: {file} cannot be written\n")


def test_export_and_import_are_exact(home: LiveHome, live: Run, tmp_path: Path) -> None:
    task_id = live("submit", "refuse", "n=1", "--tag", "export=yes").out.strip()
    live("task", "wait", task_id)
    file = tmp_path / "letters.jsonl"
    found = live("dlq", "export", "--where", "tag.export:yes", "--to", file)
    assert found.err.startswith("1 dead letter written to ")
    assert file.stat().st_mode & 0o777 == 0o600
    exported = file.read_text()
    assert live("dlq", "export", "--where", "tag.export:yes").out == exported
    assert live("dlq", "export", "--where", "tag.export:yes", "--to", "-").out == exported
    assert live("dlq", "export", "--to", file).code == 6
    told = live("dlq", "export", "--to", tmp_path / "told", "-o", "json").json
    assert (told["schema"], told["file"]) == ("fnr.dlq.export/1", str(tmp_path / "told"))
    assert told["letters"] == len((tmp_path / "told").read_text().splitlines())
    assert live("dlq", "export", "--where", "no:field", "--to", tmp_path / "none").code == 2
    assert not (tmp_path / "none").exists()

    found = live("dlq", "import", file)
    assert found.code == 1
    assert found.err.startswith("line 1: ")
    assert live("dlq", "purge", task_id, "--open", "-y").code == 0
    found = live("dlq", "import", "-", stdin=exported)
    assert (found.code, found.err) == (0, "1 imported\n")
    assert live("dlq", "export", "--where", "tag.export:yes").out == exported
    assert live("dlq", "export", "--where", "tag.export:yes", "--to", "-").out == exported
    found = live("dlq", "import", "-", "-o", "json", stdin=exported)
    assert (found.code, found.json["refused"]) == (1, 1)

    found = live("dlq", "import", "-", stdin=f"{exported}{{broken\n[]\n")
    assert found.code == 65
    assert "line 2: not an exported dead letter" in found.err
    assert live("dlq", "import", "/nowhere").code == 65


def test_a_letter_with_a_value_that_cannot_be_spoils_no_other(live: Run) -> None:
    ids = [live("submit", "refuse", f"n={n}", "--tag", "spoiled=yes").out.strip() for n in (1, 2)]
    live("task", "wait", *ids)
    spoiled, good = live("dlq", "export", "--where", "tag.spoiled:yes").out.splitlines()
    live("dlq", "purge", *ids, "--open", "-y")
    strange = spoiled.replace(ids[1], "../../../tmp/elsewhere/abc")
    found = live("dlq", "import", "-", stdin=strange)
    assert (found.code, "'../../../tmp/elsewhere/abc' in it is no id" in found.err) == (1, True)
    spoiled = spoiled.replace('"priority":5', '"priority":77')
    found = live("dlq", "import", "-", stdin=f"{spoiled}\n{good}\n")
    assert (found.code, found.err.splitlines()[1]) == (1, "1 imported, 1 refused")
    assert found.err.startswith("line 1: it holds a value that cannot be: ")
    assert "priority" in found.err


# ── functions, workers ───────────────────────────────────────────────────────


def test_a_paused_function_holds_its_tasks(live: Run) -> None:
    assert live("function", "pause", "say", "--reason", "r").err == "one paused\n"
    waiting = live("submit", "say", "word=x").out.strip()
    assert live("task", "wait", waiting, "--for", "20ms").code == 124
    assert "say\tpaused" in live("status").out
    page = live("function", "show", "say").out
    assert re.search(r"^paused:    \d+ms ago by \w+: r$", page, re.MULTILINE)
    assert live("function", "pause", "say").code == 0
    assert "say\tpaused" in live("status").out
    live("function", "pause", "say", "--reason", "more")
    assert re.search(
        r"^paused:    \S+ ago by \w+: more$", live("function", "show", "say").out, re.MULTILINE
    )
    assert live("function", "resume", "say").err == "one resumed\n"
    assert live("task", "wait", waiting).code == 0


def test_what_was_not_paused_is_not_called_resumed(live: Run) -> None:
    found = live("function", "resume", "say")
    assert (found.code, found.out, found.err) == (0, "", "nothing resumed\n")


def test_a_function_shows_its_settings(live: Run) -> None:
    page = live("function", "show", "say").out
    assert "[functions.say]\n" in page
    assert 'command = ["echo", "{word}"]\n' in page
    assert 'input = { word = "str" }\n' in page


def test_a_worker_is_replaced(live: Run) -> None:
    [worker] = live("worker", "list", "--function", "say", "-o", "json").json["items"]
    assert "function:  say\n" in live("worker", "show", str(worker["pid"])).out
    assert live("worker", "restart", "").code == 4, "not the only one there is"
    assert live("worker", "restart", "run").code == 0, "a function may have none just now"
    assert live("worker", "restart", worker["worker_id"]).code == 0
    assert live("submit", "say", "word=x", "--wait").code == 0
    gone = live("worker", "list", "--function", "say", "--gone", "-o", "json").json["items"]
    assert worker["worker_id"] in {item["worker_id"] for item in gone}
