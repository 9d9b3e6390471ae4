"""`fnr logs` with a real daemon: all of it when asked for, nothing lost where following begins."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from pathlib import Path

import msgspec
import pytest
from cli_runs import Run
from live_home import LiveHome
from msgspec.structs import replace
from private_keys import ed25519_key
from terminals import Session
from wire_server import Events, Turns, WireServer

from fnr.api.errors import NotFound
from fnr.api.requests import GetTask, ListLogSpans, ListTasks, Watch
from fnr.cli.argv import Globals
from fnr.cli.follow import function_output
from fnr.cli.here import enter
from fnr.cli.log_lines import Screen, lost_words
from fnr.cli.log_spans import Printed
from fnr.cli.render import clock_time
from fnr.client.log_lines import LogLines, last_lines
from fnr.host.worker_log import first_kept, trim
from fnr.policy.log_record import LogRecord
from fnr.policy.record import LogSpan

MORE_THAN_A_PAGE = 230
AT_MS = 1_700_000_000_000


def flags_of(home: LiveHome) -> Globals:
    flags = Globals()
    flags.home = str(home.folder)
    return flags


def test_all_lines_are_those_of_more_attempts_than_one_page_holds(live: Run) -> None:
    """Once the last 200 attempts were all, and nothing said so."""
    inputs = "".join(f'{{"word":"word {number}"}}\n' for number in range(MORE_THAN_A_PAGE))
    ids = live("submit", "say", "--jsonl", "-", "-o", "name", stdin=inputs).out.split()
    assert live("task", "wait", *ids).code == 0
    shown = live("logs", "say", "-n", "0").out.splitlines()
    assert [f"word {number}" for number in range(MORE_THAN_A_PAGE)] == shown[-MORE_THAN_A_PAGE:]
    assert live("logs", "say", "-n", "210").out.splitlines() == shown[-210:]
    assert live("logs", "say", "--since", "1h", "-n", "0").out.splitlines() == shown


def test_lines_without_an_end_are_lines_of_their_own(live: Run) -> None:
    """The last words of one attempt and the first of the next would read as one line."""
    live("run", "--", "printf", "first")
    live("run", "--", "printf", "second")
    assert live("logs", "run", "-n", "2").out == "first\nsecond"
    assert live("logs", "run", "-n", "1").out == "second"


def test_a_line_that_came_in_parts_is_stamped_where_it_begins(
    home: LiveHome, capfd: pytest.CaptureFixture[str]
) -> None:
    enter(flags_of(home))
    parts = [("o", "be"), ("o", "gun"), ("e", "meanwhile\n"), ("o", "ends\n"), ("o", "next")]
    records = [
        LogRecord(at_ms=AT_MS, stream=stream, ended="\n" in text, text=text.strip().encode())
        for stream, text in parts
    ]
    for timestamps, shown in (
        (True, [" o begun", " e meanwhile", " o ends", " o next", " o more"]),
        (False, ["begunmeanwhile", "ends", "next", "more"]),
    ):
        screen = Screen(timestamps=timestamps)
        screen.show(iter(records), place="one")
        screen.show(iter([replace(records[-1], text=b"more")]), place="another")
        stamp = clock_time(AT_MS) if timestamps else ""
        assert capfd.readouterr().out.splitlines() == [stamp + line for line in shown]


def test_the_last_lines_are_lines_and_not_parts_of_them() -> None:
    def record(stream: str, *, ended: bool) -> LogRecord:
        return LogRecord(at_ms=AT_MS, stream=stream, ended=ended, text=b"")

    parts = [record("o", ended=True), record("o", ended=False), record("e", ended=True)]
    parts += [record("o", ended=False), record("o", ended=True)]
    assert [last_lines(parts, lines) for lines in (1, 2, 3, 4)] == [(2, 1), (1, 2), (0, 3), (0, 3)]
    assert last_lines([], 1) == (0, 0)


def test_a_private_key_that_a_command_prints_is_hidden(live: Run) -> None:
    begin, secret, end = ed25519_key().splitlines()
    live("run", "--", "printf", "%s\n", begin, secret, end, "done")
    for command in (
        ["logs", "run", "-n", "4"],
        ["task", "logs", live("task", "list", "-o", "name").out.split()[0]],
    ):
        assert live(*command).out.splitlines() == [begin, "[redacted]", end, "done"]


def test_what_is_printed_while_following_begins_is_not_lost(home: LiveHome, live: Run) -> None:
    """Method: a task runs in between looking at what there is and following it."""
    live("run", "--", "echo", "before")
    here = enter(flags_of(home))
    printed = Printed(ListLogSpans(function="run"), followed=True)
    live("run", "--", "echo", "between")
    told = [record.text for record in printed.records(lines=0)]
    assert told[-1] == b"before"
    enter(flags_of(home))
    output = next(function_output(here, "run", shown=printed.read_to))
    assert [record.text for record in LogLines(None).feed(output.data)] == [b"between"]


def test_the_log_of_a_worker_that_is_gone_is_followed_no_more(home: LiveHome, live: Run) -> None:
    """Else a function whose workers are replaced often costs a thread and a watch for each."""
    flags = Globals()
    flags.home = str(home.folder)
    here = enter(flags)
    live("submit", "say", "word=before", "--wait")
    read_to = Printed(ListLogSpans(function="say"), followed=True).read_to
    others = {*threading.enumerate()}
    outputs = function_output(here, "say", shown=read_to)
    live("submit", "say", "word=one", "--wait")
    enter(flags)
    assert b"one" in next(outputs).data
    followers = [one for one in {*threading.enumerate()} - others if one.name == "log"]
    live("worker", "restart", "say")
    live("submit", "say", "word=two", "--wait")
    enter(flags)
    assert b"two" in next(outputs).data
    live("submit", "say", "word=three", "--wait")
    enter(flags)
    assert b"three" in next(outputs).data
    for follower in followers:
        follower.join()
    assert followers


def test_a_task_is_followed_from_its_last_lines_on(home: LiveHome, live: Run) -> None:
    pipe = home.folder / "followed"
    os.mkfifo(pipe)
    task_id = live("run", "--detach", "--", "sh", "-c", f"seq 7; cat {pipe}").out.strip()
    while live("logs", task_id).out.splitlines()[-1:] != ["7"]:
        pass
    session = Session(home.folder, "logs", task_id, "-f", "-n", "2", "-o", "json").wait_for("7")
    pipe.write_text("8\n")
    assert session.end() == 0
    found = [msgspec.json.decode(line) for line in session.shown().splitlines()]
    assert [item["text"] for item in found] == ["6", "7", "8"]
    assert {item["stream"] for item in found} == {"o"}
    session = Session(home.folder, "logs", task_id, "-f", "--since", "@99999999999")
    assert (session.end(), session.shown()) == (0, "")


def test_what_was_trimmed_before_it_was_shown_is_said_and_its_cut_line_left_out(
    home: LiveHome, live: Run
) -> None:
    """Method: who follows is stopped while the command writes and its log is trimmed."""
    first, last = home.folder / "write", home.folder / "end"
    os.mkfifo(first)
    os.mkfifo(last)
    script = f"echo begun; cat {first}; seq 60000; cat {last}; exit 3"
    session = Session(home.folder, "run", "--", "sh", "-c", script).wait_for("begun")
    os.kill(session.process.pid, signal.SIGSTOP)
    [task] = live("task", "list", "-n", "1", "-o", "json").json["items"]
    first.write_text("go on\n")
    while live("task", "logs", task["task_id"], "-n", "1").out != "60000\n":
        pass
    workers = live("worker", "list", "--function", "run", "-o", "json").json["items"]
    [log] = [each["log_path"] for each in workers if each["task_id"] == task["task_id"]]
    before = first_kept(log)
    assert trim(log, 64 * 1024, unread_bytes_max=0) > 64 * 1024
    assert first_kept(log) > before
    os.kill(session.process.pid, signal.SIGCONT)
    last.write_text("ended\n")
    assert session.end() == 3
    shown = session.shown().splitlines()
    numbers = [int(line) for line in shown if line.isdigit()]
    assert numbers == list(range(numbers[0], 60_001))
    assert 1 < numbers[0] < 60_000
    [told] = [line for line in shown if "of the log are not shown" in line]
    assert told.startswith("fnr: 1.")
    # The rest of a record that was cut is no output of anybody's.
    assert shown[0] == "begun"
    assert not [line for line in shown if " o. " in line]
    again = live("task", "logs", task["task_id"])
    assert "the oldest output is gone" in again.err
    assert again.out.splitlines() == [*map(str, numbers), "ended"]


def test_since_when_is_said_with_all_that_may_be_written(live: Run) -> None:
    found = live("logs", "say", "--since", "yesterday")
    assert (found.code, "write 10m, 2026-01-31T18:00, 18:00 or @" in found.err) == (2, True)


def test_little_that_was_lost_is_not_called_nothing() -> None:
    """ "0.0 MiB of the log are not shown"."""
    assert lost_words(910).startswith("910 B of the log are not shown")


def test_what_the_next_attempt_prints_is_not_shown_as_this_ones(
    server: WireServer, fnr: Run
) -> None:
    """A worker goes on before anybody hears that an attempt has ended, and where."""
    task_id = "01JD0000000000000000000000"
    log = Path(server.home, "log")
    log.write_bytes(b"before\nmine\nnext\n")
    now = Path(server.paths.now_file_of(None, "W"))
    now.parent.mkdir(parents=True)
    running = LogSpan(
        task_id=task_id, token="B", number=1, worker_id="W", started_at_ms=1, ended_at_ms=None,
        log_path=str(log), log_from=7, log_to=None,
    )  # fmt: skip
    ended = replace(running, ended_at_ms=2, log_to=12)
    server.answers[ListLogSpans] = Turns([running], [running], [ended])
    server.answers[GetTask] = NotFound("it was purged meanwhile")
    now.write_bytes(b"C\0")
    assert fnr("task", "logs", task_id).out == "mine\n"
    server.answers[ListLogSpans] = [running]
    now.write_bytes(b"B\0")
    assert fnr("task", "logs", task_id).out == "mine\nnext\n"
    now.write_bytes(b"A\0")
    assert fnr("task", "logs", task_id).out == ""
    server.answers |= {
        Watch: Events(),
        ListTasks: {"items": [{"task_id": task_id, "function": "f", "state": "done"}]},
        ListLogSpans: Turns([running], [ended]),
    }
    now.write_bytes(b"C\0")
    assert fnr("task", "logs", task_id, "-f").out == "mine\n"


def test_what_a_worker_printed_outside_of_attempts_is_not_called_nothing(
    tmp_path: Path, command: Run
) -> None:
    (tmp_path / "loud.py").write_text('print("loading")\n\ndef run():\n    return 1\n')
    toml = f'[functions.loud]\npython = "loud:run"\ncwd = "{tmp_path}"\n'
    made = LiveHome(Path(tempfile.mkdtemp(prefix="fnr-")), toml).up()
    try:
        assert made.fnr("submit", "loud", "--wait").returncode == 0
        found = command("--home", made.folder, "logs", "loud")
        path = found.err.split()[-1]
        assert found.err.startswith("no attempt of loud has printed anything; what else its worker")
        assert Path(path).read_text() == "loading\n"
    finally:
        made.close()
        shutil.rmtree(made.folder, ignore_errors=True)
