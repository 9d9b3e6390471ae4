"""Every kind of error has its exit code, its three lines, its JSON form; a crash leaves a file."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from cli_runs import Run
from live_home import LiveHome
from wire_server import Close, Hang, WireServer

from fnr.api.errors import FnrError, error_types, no_such_id, shortened
from fnr.api.requests import CancelTasks, GetTask, ListTasks
from fnr.cli import task
from fnr.cli.given_file import unreadable

GOLDEN = {
    "failed": 1,
    "usage": 2,
    "daemon_down": 3,
    "not_found": 4,
    "refused": 6,
    "bad_data": 65,
    "protocol_mismatch": 69,
    "internal": 70,
    "io": 74,
    "try_again": 75,
    "permission": 77,
    "config": 78,
    "timeout": 124,
}


def test_the_exit_codes_are_what_scripts_rely_on() -> None:
    assert {code: kind.exit_code for code, kind in error_types().items()} == GOLDEN


@pytest.mark.parametrize(
    "words",
    [
        ("{}",),
        ("submit", "f", "{}"),
        ("task", "list", "--{}"),
        ("help", "{}"),
        ("task", "show", "{}"),
    ],
    ids=" ".join,
)
def test_what_was_typed_is_not_said_again_by_the_page(
    server: WireServer, fnr: Run, words: tuple[str, ...]
) -> None:
    """`fnr submit f $(cat scene.json)`: what it is about stands at the beginning and at the end."""
    typed = [word.format("<" + "x" * 100_000 + ">") for word in words]
    server.answers[GetTask] = no_such_id(f"no task has the id {typed[-1]!r}", noun="task")
    found = fnr(*typed)
    assert found.code in {2, 4}
    assert len(found.err) < 600
    assert "<xxx" in found.err
    assert "xxx>" in found.err
    assert " characters left out …" in found.err
    said = fnr(*typed, "-o", "json").error
    assert len(said["message"]) < 500


def test_a_cut_leaves_the_limit_and_counts_the_rest() -> None:
    assert shortened("a" * 400, 400) == "a" * 400
    assert shortened("a" * 200 + "b" * 200, 300) == (
        "a" * 200 + "… 100 characters left out …" + "b" * 100
    )
    error = FnrError("a", why="w" * 5_000, details=("d" * 5_000,))
    assert [len(line) < 1_100 for line in error.lines()] == [True] * 3
    assert len(str(error)) > 10_000


@pytest.mark.parametrize("kind", error_types().values(), ids=lambda kind: kind.__name__)
def test_an_error_of_the_daemon_is_shown_with_its_exit_code(
    server: WireServer, fnr: Run, kind: type[FnrError]
) -> None:
    error = kind("the thing failed", why="3 of 4", next_step="fnr status", details=("line 1: x",))
    server.answers[CancelTasks] = error
    words = ("task", "cancel", "01JD0000000000000000000001")
    found = fnr(*words)
    assert (found.code, found.out) == (kind.exit_code, "")
    # The daemon does not know how it was asked, the command does.
    ours = f"fnr --home {server.home}"
    assert found.err == (
        f"error: the thing failed\n  why: 3 of 4\n  line 1: x\n  try: {ours} status\n"
    )
    found = fnr(*words, "-o", "json")
    assert (found.code, found.out) == (kind.exit_code, "")
    assert found.error == {
        "code": kind.code,
        "message": "the thing failed",
        "why": "3 of 4",
        "hint": f"{ours} status",
        "exit": kind.exit_code,
        "details": ["line 1: x"],
    }


def test_hostile_text_in_an_error_reaches_no_terminal(server: WireServer, fnr: Run) -> None:
    server.answers[GetTask] = FnrError("\x1b[2J[rank0]: [/b] \u202e" + "x" * 300)
    found = fnr("task", "show", "01JD")
    assert found.err == "error: [2J[rank0]: [/b] " + "x" * 300 + "\n"


def test_a_write_without_a_daemon_names_the_command_that_starts_it(
    server: WireServer, fnr: Run
) -> None:
    server.stop()
    found = fnr("submit", "render", "-o", "json")
    assert (found.code, found.error["code"]) == (3, "daemon_down")
    assert found.error["hint"] == f"fnr --home {server.home} daemon start"


def test_a_daemon_that_does_not_answer_in_time(server: WireServer, fnr: Run) -> None:
    server.answers[ListTasks] = Hang()
    found = fnr("task", "list", "--timeout", "50ms")
    assert found.code == 124
    assert "within 50 ms" in found.err


def test_a_daemon_that_goes_away_while_it_should_answer(server: WireServer, fnr: Run) -> None:
    server.answers[CancelTasks] = Close()
    found = fnr("task", "cancel", "01JD0000000000000000000001")
    assert found.code == 3
    assert "whether it acted on the request is not known" in found.err


def test_a_socket_path_that_is_too_long(command: Run, tmp_path: Path) -> None:
    found = command("--home", tmp_path / ("x" * 110), "submit", "f")
    assert found.code == 78
    assert "a Unix socket can have 107" in found.err


def test_a_flag_of_all_commands_that_is_wrong_is_told_as_json_too(command: Run) -> None:
    found = command("-o", "json", "status", "--home=")
    assert (found.code, found.error["code"], found.error["exit"]) == (2, "usage", 2)


def test_a_bad_timeout(fnr: Run) -> None:
    for written, words in (("10", "needs a unit"), ("0s", "longer than 0")):
        found = fnr("status", "--timeout", written)
        assert found.code == 2
        assert words in found.err


def test_a_mistake_of_ours_is_one_line_and_a_file(
    server: WireServer, fnr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistake(_task_id: str) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(task, "_detail", mistake)
    found = fnr("task", "show", "x")
    assert found.code == 70
    lines = found.err.splitlines()
    assert lines[:2] == ["error: fnr made a mistake", "  why: ZeroDivisionError: of ours"]
    file = Path(lines[2].removeprefix("  try: look into "))
    assert file.parent == Path(server.paths.crash_dir)
    assert "Traceback" in file.read_text()


def test_the_file_of_a_mistake_tells_no_secret(
    server: WireServer, fnr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistake(_task_id: str) -> None:
        raise ZeroDivisionError("at https://bob:hunter2@h/\udcff")

    monkeypatch.setattr(task, "_detail", mistake)
    given = '{"password": "hunter2"}'
    words = ["fnr", "submit", "f", "password=hunter2", "--input", given, "n=1", "\udcff"]
    monkeypatch.setattr(sys, "argv", words)
    assert fnr("task", "show", "x").code == 70
    [file] = Path(server.paths.crash_dir).iterdir()
    text = file.read_text()
    assert "hunter2" not in text
    assert "['fnr', 'submit', 'f', 'password=[redacted]', '--input'" in text
    assert "https://bob:***@h/" in text


def test_only_the_last_mistakes_of_ours_are_kept(
    server: WireServer, fnr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(server.paths.crash_dir)
    folder.mkdir(parents=True)
    for number in range(105):
        (folder / f"cli-1700000000{number:03}-1.txt").touch()
    (folder / "a-note-of-mine").touch()
    monkeypatch.setattr(task, "_detail", lambda _task_id: 1 / 0)
    file = fnr("task", "show", "x").err.splitlines()[2].removeprefix("  try: look into ")
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 1 + 100
    assert names[:2] == ["a-note-of-mine", "cli-1700000000006-1.txt"]
    assert names[-1] == Path(file).name


def test_where_no_file_can_be_written_the_traceback_is_shown(
    server: WireServer, fnr: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(server.paths.state_dir).write_text("a file in the folder's place")
    monkeypatch.setattr(task, "_detail", lambda _task_id: 1 / 0)
    found = fnr("task", "show", "x")
    assert found.code == 70
    assert "ZeroDivisionError: division by zero" in found.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("dlq", "export", "--to", "MISSING/letters.jsonl"), 74, "MISSING/letters.jsonl"),
        (("db", "backup", "MISSING/copy.db"), 74, "there is no folder"),
        (("db", "backup", "-"), 2, "not to standard output"),
        (("init", "x" * 300), 74, "File name too long"),
    ],
)
def test_what_the_system_refuses_is_no_mistake_of_ours(
    live: Run, tmp_path: Path, words: tuple[str, ...], code: int, told: str
) -> None:
    missing = str(tmp_path / "missing")
    found = live(*(word.replace("MISSING", missing) for word in words))
    assert found.code == code
    assert told.replace("MISSING", missing) in found.err
    assert "mistake" not in found.err


@pytest.mark.parametrize(
    "words",
    [
        ("submit", "f", "--jsonl"),
        ("dlq", "import"),
        ("db", "restore", "-y"),
        ("rules", "eval"),
        ("rules", "test", "x", "--rules"),
        ("rules", "test", "x", "--stderr"),
        ("demo", "--input"),
    ],
)
def test_a_file_that_is_not_there_is_told_alike_by_every_command(
    fnr: Run, tmp_path: Path, words: tuple[str, ...]
) -> None:
    found = fnr(*words, tmp_path / "missing")
    assert (found.code, str(tmp_path / "missing") in found.err) == (65, True), found.err


@pytest.mark.parametrize(
    ("error", "code"), [(FileNotFoundError(2, "No such file"), 65), (PermissionError(13, "No"), 77)]
)
def test_what_may_not_be_read_is_a_matter_of_permission(error: OSError, code: int) -> None:
    told = unreadable("a.jsonl", error)
    assert (told.exit_code, told.what, told.why) == (code, "a.jsonl cannot be read", error.strerror)


def test_a_folder_that_may_not_be_looked_into_is_a_matter_of_permission(
    command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: as root nothing is forbidden, so the look itself is refused."""

    def refused(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refused)
    found = command("--home", "/closed", "db", "check")
    assert found.code == 77
    assert found.err.splitlines()[:2] == [
        "error: /closed/state/fnr.db cannot be used",
        "  why: Permission denied",
    ]


@pytest.mark.parametrize(
    ("error", "next_step"),
    [
        (OSError(24, "Too many open files"), "ulimit -n"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
    ],
)
def test_what_a_limit_of_the_shell_forbids_names_the_limit(
    command: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, next_step: str
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Path, "stat", refused)
    found = command("--home", "/limited", "db", "check")
    assert found.code == 75
    assert found.err.splitlines()[-1] == f"  try: {next_step}"


def test_a_thread_that_finds_no_addresses_is_not_said_to_be_one_too_many(
    command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ulimit -v 60000`, say: there may be ten thousands of processes."""

    def refused(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    limits = {resource.RLIMIT_AS: (60_000 * 1024, resource.RLIM_INFINITY)}
    getrlimit = resource.getrlimit
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits.get(kind) or getrlimit(kind))
    monkeypatch.setattr(Path, "stat", refused)
    found = command("--home", "/limited", "db", "check")
    assert found.code == 75
    assert "58 MiB of addresses" in found.err
    assert found.err.splitlines()[-1] == "  try: ulimit -v"


@pytest.mark.parametrize(
    "words", [("status",), ("status", "-o", "json"), ("config", "path"), ("--version",)]
)
def test_an_output_that_cannot_be_written_is_74(home: LiveHome, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fnr", "--home", str(home.folder), *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 74
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith('{"error":{"code":"io"' if "json" in words else "error: ")


@pytest.mark.parametrize(
    ("words", "code"), [(("task", "show", "01JD"), 4), (("submit",), 2), (("status",), 0)]
)
def test_words_that_cannot_be_written_change_no_exit_code(
    home: LiveHome, words: tuple[str, ...], code: int
) -> None:
    """Of a cron job whose log's disk is full: everything was exit code 1."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fnr", "--home", str(home.folder), *words],
            stdout=subprocess.DEVNULL,
            stderr=full,
            check=False,
        )
    assert done.returncode == code


@pytest.mark.parametrize(
    ("noun", "next_step"),
    [("task", "fnr task list"), ("undo step", "fnr undo list"), ("noun of tomorrow", "fnr help")],
)
def test_what_is_not_found_says_where_to_look_whatever_it_is(noun: str, next_step: str) -> None:
    assert no_such_id("there is none", noun=noun).next_step == next_step


@pytest.mark.parametrize(
    ("closed", "lines"), [("<&-", 1), (">&-", 0), ("2>&-", 1), ("<&- >&- 2>&-", 0)]
)
def test_a_standard_stream_that_is_closed_is_no_mistake_of_ours(
    tmp_path: Path, closed: str, lines: int
) -> None:
    line = f"exec {sys.executable} -m fnr --home {tmp_path} config check {closed}"
    found = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    assert len(found.stdout.splitlines()) == lines
    assert not (tmp_path / "state").exists()


def test_the_nearest_fault_is_named(fnr: Run) -> None:
    found = fnr("chaos", "inject", "worker-kil", "--duration", "1m", "--reason", "x")
    assert (found.code, "did you mean 'worker-kill'?" in found.err) == (4, True)
