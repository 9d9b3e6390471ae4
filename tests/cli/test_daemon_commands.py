"""`fnr daemon`, `db`, `config` and `init`: bringing it up, why it did not come, putting it away."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cli_runs import Run
from live_home import end_workers
from wire_server import Raw, WireServer

from fnr.api.errors import ConfigError, StorageError
from fnr.api.requests import GetStatus, StopDaemon
from fnr.cli import init
from fnr.config.load import load
from fnr.config.paths import SOCKET_PATH_BYTES_MAX, find_paths
from fnr.daemon.main import make_folders
from fnr.host.lock import lock_holder


@pytest.fixture
def empty() -> Iterator[Path]:
    """A home without a daemon; whatever is started there is ended."""
    folder = Path(tempfile.mkdtemp(prefix="fnr-"))
    yield folder
    pid = lock_holder(f"{folder}/state/daemon.lock")
    if pid is not None:
        pidfd = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED) if is_our_child(pid) else None
        os.close(pidfd)
    end_workers(folder)
    shutil.rmtree(folder, ignore_errors=True)


def is_our_child(pid: int) -> bool:
    """Only a child can be waited for."""
    return f"PPid:\t{os.getpid()}\n" in Path(f"/proc/{pid}/status").read_text()


@pytest.fixture
def at(empty: Path, command: Run) -> Run:
    """Run a command line against the empty home."""
    return lambda *words, **options: command("--home", empty, *words, **options)


def test_from_nothing_to_a_result_and_back(at: Run, empty: Path) -> None:
    """The whole life of a home: init, check, start, work, reload, restart, stop, read offline."""
    assert at("init").out == f"{empty}/fnr.toml\n{empty}/fnr_examples.py\n"
    assert at("config", "check").out == f"{empty}/fnr.toml: good; 2 functions\n"
    started = at("daemon", "start")
    assert (started.code, started.out) == (0, "")
    assert started.err.startswith("the daemon runs, pid ")
    assert at("daemon", "start").err == "the daemon runs already\n"
    assert at("submit", "greet", "name=World", "--wait").out == '"Hello, World\\n"\n'

    file = empty / "fnr.toml"
    file.write_text(file.read_text().replace("[functions.greet]", "[functions.hail]"))
    assert at("daemon", "reload").out == "added: hail\nremoved: greet\n"
    file.write_text("[daemon\n")
    found = at("daemon", "reload")
    assert found.code == 78
    assert "fnr.toml:1:8" in found.err
    assert at("daemon", "restart").code == 78  # a daemon that would not come back is not stopped
    assert at("daemon", "status").code == 0
    file.write_text("")

    before = at("status", "-o", "json").json["pid"]
    again = at("daemon", "restart", "-o", "json")
    assert (again.code, again.json["schema"]) == (0, "fnr.daemon.restart/1")
    running = {"pid": again.json["pid"], "changed": False}
    assert running["pid"] == at("status", "-o", "json").json["pid"] != before
    found = at("daemon", "start", "-o", "json").json
    assert found == {"schema": "fnr.daemon.start/1", **running}
    stopped = at("daemon", "stop", "--drain")
    assert (stopped.code, stopped.err) == (0, "the daemon has ended\n")
    assert at("daemon", "stop").err == "the daemon does not run\n"
    found = at("daemon", "stop", "-o", "json").json
    assert found == {"schema": "fnr.daemon.stop/1", "pid": None, "changed": False}
    assert at("daemon", "status").code == 3
    listed = at("function", "list").out.splitlines()
    assert [row.split("\t")[:2] for row in listed] == [["greet", ""]]
    found = at("task", "list", "-o", "json")
    assert [task["state"] for task in found.json["items"]] == ["done"]
    assert found.err == "notice: daemon is not running; read from the store\n"


def test_a_second_daemon_on_one_home_is_refused(at: Run, empty: Path) -> None:
    assert at("daemon", "start").code == 0
    second = subprocess.run(
        [sys.executable, "-m", "fnr", "--home", empty, "daemon"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 6
    assert "another daemon runs on this home" in second.stderr
    found = at("db", "vacuum")
    assert found.code == 6
    assert "while the daemon runs" in found.err
    assert at("daemon", "stop", "--now").code == 0


@pytest.fixture
def draining(at: Run, empty: Path) -> Iterator[tuple[str, Path]]:
    """A daemon that drains: the task it waits for, and the pipe that lets the task end."""
    pipe = empty / "pipe"
    os.mkfifo(pipe)
    assert at("daemon", "start").code == 0
    held = empty / "held"
    command = f"echo > {held}; cat {pipe}"
    task_id = at("run", "--detach", "--", "sh", "-c", command).out.strip()
    while not held.exists():
        at("task", "show", task_id)
    with fnr_beside(empty, "daemon", "stop", "--drain") as stop:
        while at("status", "-o", "json").json["state"] != "draining":
            pass
        yield task_id, pipe
        assert stop.wait() == 0


def fnr_beside(home: Path, *words: str) -> subprocess.Popen[str]:
    """A command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "fnr", "--home", home, *words], stderr=subprocess.PIPE, text=True
    )


def test_start_waits_for_a_daemon_that_is_ending(
    at: Run, empty: Path, draining: tuple[str, Path]
) -> None:
    """It said that the daemon runs already, and a moment later none did."""
    _task_id, pipe = draining
    before = at("status", "-o", "json").json["pid"]
    found = at("daemon", "start", "--within", "50ms")
    assert found.code == 124
    assert f"pid {before} has {empty}/state/daemon.lock and is ending" in found.err
    with fnr_beside(empty, "daemon", "start") as start:
        assert start.stderr is not None
        assert start.stderr.readline().startswith(f"the daemon, pid {before}, is ending; another")
        pipe.write_text("go on\n")
        assert start.stderr.readline().startswith("the daemon runs, pid ")
        assert start.wait() == 0
    assert at("status", "-o", "json").json["pid"] != before


def test_a_plain_stop_leaves_the_workers_also_when_the_daemon_drains(
    at: Run, empty: Path, draining: tuple[str, Path]
) -> None:
    task_id, pipe = draining
    assert at("daemon", "stop").err == "the daemon has ended; workers go on\n"
    assert at("daemon", "start").code == 0
    pipe.write_text("go on\n")
    at("task", "wait", task_id)
    detail = at("task", "show", task_id, "-o", "json").json
    assert (detail["task"]["state"], len(detail["attempts"])) == ("done", 1)


def test_a_daemon_whose_socket_was_removed_is_not_said_to_be_down(at: Run, empty: Path) -> None:
    assert at("daemon", "start").code == 0
    pid = at("status", "-o", "json").json["pid"]
    socket = empty / "run" / "fnr.sock"
    socket.unlink()
    # Otherwise it would be there again at any moment.
    socket.mkdir()
    for words in (["daemon", "stop", "--within", "50ms"], ["daemon", "reload"]):
        found = at(*words)
        assert (found.code, found.err.splitlines()[0]) == (3, "error: the daemon cannot be reached")
        assert f"pid {pid} has this home" in found.err
    found = at("daemon", "start", "--within", "50ms")
    assert (found.code, f"try: ps -fp {pid}\n" in found.err) == (124, True)
    with fnr_beside(empty, "daemon", "stop") as stop:
        socket.rmdir()
        os.kill(pid, signal.SIGHUP)
        assert stop.wait() == 0


def test_a_daemon_that_hangs_is_not_waited_for_longer_than_was_said(at: Run, empty: Path) -> None:
    """Each answer was waited for as long as any other, ten seconds, whatever --within said."""
    at("daemon", "start")
    pid = at("status", "-o", "json").json["pid"]
    os.kill(pid, signal.SIGSTOP)
    for verb in ("stop", "restart"):
        found = at("daemon", verb, "--within", "1s")
        assert (found.code, "no answer within 1000 ms" in found.err) == (124, True)
    os.kill(pid, signal.SIGCONT)
    assert at("daemon", "stop").code == 0


def test_a_daemon_of_another_version_can_be_ended(server: WireServer, fnr: Run) -> None:
    """`daemon restart` is what is said to help where its answers are not understood."""
    holds = (
        "import sys\nfrom fnr.host.lock import hold_home\nheld = hold_home(sys.argv[1])\n"
        "print(flush=True)\nsys.stdin.read()\n"
    )
    Path(server.paths.lock_file).parent.mkdir(exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-c", holds, server.paths.lock_file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as daemon:
        assert daemon.stdin is not None and daemon.stdout is not None
        daemon.stdout.readline()
        server.answers[GetStatus] = Raw(b'{"id":1,"ok":{"state":"running"}}\n')
        ending = daemon.stdin
        server.answers[StopDaemon] = lambda _: ending.close() is None
        stopped = fnr("daemon", "stop")
        assert (stopped.code, "the daemon has ended" in stopped.err) == (0, True), stopped.err


def test_a_link_that_a_deployment_moves_on_counts_with_a_reload(at: Run, empty: Path) -> None:
    """Each version has a folder of its own, and the one before goes."""
    versions = {name: empty / name / "fnr.toml" for name in ("first", "second")}
    for name, file in versions.items():
        file.parent.mkdir()
        file.write_text(f'[functions.{name}]\ncommand = ["true"]\n')
    link = empty / "current.toml"
    link.symlink_to(versions["first"])
    assert at("--config", link, "daemon", "start").code == 0
    link.unlink()
    link.symlink_to(versions["second"])
    shutil.rmtree(versions["first"].parent)
    found = at("--config", link, "daemon", "reload")
    assert (found.out, found.code) == ("added: second\nremoved: first\n", 0)
    assert at("daemon", "stop", "--now").code == 0


def test_who_starts_or_restarts_beside_others_is_told_that_it_runs(at: Run, empty: Path) -> None:
    """Of several at one moment all but one were told that another daemon has the home (exit 6)."""
    for verb in ("start", "restart"):
        asked = [fnr_beside(empty, "daemon", verb) for _ in range(3)]
        told = [(one.communicate()[1], one.returncode) for one in asked]
        assert [code for _, code in told] == [0, 0, 0], told
    assert at("daemon", "stop", "--now").code == 0


def test_the_last_words_of_a_daemon_are_its_own(at: Run, empty: Path) -> None:
    (empty / "logs").mkdir()
    (empty / "logs" / "daemon.log").write_text("what an earlier daemon said\n")
    found = at("daemon", "start", "--within", "1ms")
    assert (found.code, "earlier" in found.err) == (124, False)


def test_a_restart_that_is_waited_for_is_named_until_it_came(at: Run, empty: Path) -> None:
    file = empty / "fnr.toml"
    assert at("daemon", "start").code == 0
    file.write_text('[log]\nformat = "json"\n')
    for _ in range(2):
        assert at("daemon", "reload").out == "needs a restart of the daemon: log.format\n"
    file.write_text("")
    assert at("daemon", "reload").out == "nothing has changed\n"


def test_bad_settings_are_said_before_anything_is_started(at: Run, empty: Path) -> None:
    (empty / "fnr.toml").write_text('[daemon]\ndrain_timout = "1m"\nqueue_max = 0\n')
    for words in (["daemon", "start"], ["daemon"], ["config", "check"], ["config", "show"]):
        found = at(*words)
        assert found.code == 78
        assert f"{empty}/fnr.toml:2: daemon.drain_timout: unknown key, did you mean" in found.err
        assert f"{empty}/fnr.toml:3: daemon.queue_max: must be 1 to" in found.err
    assert not (empty / "state").exists()


def test_a_daemon_that_does_not_come_up_says_why(at: Run, empty: Path) -> None:
    """Method: a file stands where the folder of its state should be."""
    (empty / "state").write_text("in the way")
    found = at("daemon", "start")
    assert found.code == 74
    lines = found.err.splitlines()
    assert lines[0] == "error: the daemon did not come up"
    assert lines[1] == "  why: it ended with exit code 74"
    assert any("cannot be created" in line for line in lines[2:])


def test_a_home_that_cannot_be_written(command: Run, tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where a folder should be")
    found = command("--home", tmp_path, "daemon", "start")
    assert found.code == 74
    assert "cannot be written" in found.err


def test_a_socket_path_that_is_too_long(command: Run, tmp_path: Path) -> None:
    found = command("--home", tmp_path / ("x" * 100), "daemon", "start")
    assert found.code == 78


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["daemon", "stop", "--drain", "--now"], "exclude each other"),
        (["daemon", "start", "--within", "5"], "--within: needs a unit"),
        (["daemon", "--log-level", "loud"], "--log-level 'loud' cannot be\n  why: must be debug"),
        (["daemon", "--log-level", "debug", "start"], "are for the daemon in the foreground"),
    ],
)
def test_what_makes_no_sense(at: Run, words: list[str], why: str) -> None:
    found = at(*words)
    assert found.code == 2
    assert why in found.err


# ── init, config ─────────────────────────────────────────────────────────────


def test_init_overwrites_nothing(at: Run, empty: Path) -> None:
    (empty / "fnr.toml").write_text("mine")
    found = at("init")
    assert (found.code, "overwrites nothing" in found.err) == (6, True)
    assert (empty / "fnr.toml").read_text() == "mine"
    assert at("init", "").code == 2
    answer = at("init", empty / "sub", "-o", "json").json
    assert answer["files"] == [f"{empty}/sub/fnr.toml", f"{empty}/sub/fnr_examples.py"]


def test_init_names_commands_for_the_folder_it_was_given(at: Run, empty: Path) -> None:
    folder = empty / "a b"
    at("init", folder)
    found = at("init", folder)
    assert (found.code, f"try: fnr --home '{folder}' config check" in found.err) == (6, True)


def test_what_init_writes_works_whatever_the_folder_is_called(at: Run, empty: Path) -> None:
    folder = empty / "a:\n\"b'\\"
    assert at("init", folder).code == 0
    loaded = load(find_paths(str(folder)), environ={})
    assert not loaded.problems
    # In a PYTHONPATH a colon would end the folder's name.
    assert (loaded.settings.functions["count"].cwd, loaded.settings.functions["count"].env) == (
        str(folder),
        {},
    )


def test_init_says_where_no_daemon_can_run(at: Run, empty: Path) -> None:
    """Method: a folder so deep that no socket fits below it, and one that is not."""
    deep = empty / ("x" * SOCKET_PATH_BYTES_MAX)
    found = at("init", deep)
    assert (found.code, (deep / "fnr.toml").exists()) == (0, True)
    assert found.err.startswith("notice: no daemon can run there: ")
    assert f"a Unix socket can have {SOCKET_PATH_BYTES_MAX}" in found.err
    assert at("init", empty / "short").err == ""


def test_a_home_that_is_not_utf_8_is_refused_before_anybody_waits(at: Run, empty: Path) -> None:
    """A daemon started there, and could be neither asked nor stopped."""
    folder = f"{empty}/\udcff"
    refused = at("init", folder)
    assert (refused.code, "is not UTF-8" in refused.err) == (2, True)
    with pytest.raises(ConfigError, match="is not UTF-8"):
        make_folders(find_paths(folder))


def test_another_file_is_named_again_in_what_to_type_next(
    command: Run, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FNR_HOME", str(empty))
    monkeypatch.chdir(empty)
    (empty / "new.toml").write_text("version = 2\n")
    found = command("--config", "new.toml", "config", "check")
    assert found.code == 78
    assert f"try: fnr --config {empty}/new.toml config check" in found.err


def test_init_where_nothing_can_be_written(at: Run, empty: Path) -> None:
    (empty / "file").write_text("")
    found = at("init", empty / "file" / "sub")
    assert found.code == 74
    found = at("init", empty / "file")
    assert (found.code, f"why: {empty}/file is no folder\n" in found.err) == (74, True)


def test_a_link_to_nothing_is_named(command: Run, at: Run, tmp_path: Path) -> None:
    """A disk that is not mounted, most often; the folder itself is good."""
    place, gone = tmp_path / "place", tmp_path / "gone"
    place.mkdir()
    (place / "fnr.toml").symlink_to(gone / "fnr.toml")
    found = at("init", place)
    assert found.code == 74
    assert f"error: {place}/fnr.toml cannot be written\n" in found.err
    assert f"why: {place}/fnr.toml is a link to {gone}/fnr.toml, which is not there" in found.err
    (home := tmp_path / "home").symlink_to(gone)
    for words in (["init"], ["daemon", "start"]):
        found = command("--home", home, *words)
        assert found.code == 74
        assert f"why: {home} is a link to {gone}, which is not there\n" in found.err
    with pytest.raises(StorageError) as told:
        make_folders(find_paths(str(home)))
    assert told.value.why == f"{home} is a link to {gone}, which is not there"


def test_a_mistake_of_ours_in_init_is_noted_in_the_folder_it_was_given(
    command: Run, empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other home, in earnest the system's own places, is not touched."""
    monkeypatch.setattr(init, "TEMPLATE", None)
    found = command("--home", tmp_path / "other", "init", empty / "new")
    assert found.code == 70
    assert len([*(empty / "new" / "state" / "crash").iterdir()]) == 1
    assert not (tmp_path / "other").exists()


def test_show_writes_toml_that_loads_again(at: Run, empty: Path) -> None:
    at("init")
    text = (empty / "fnr.toml").read_text()
    # Brings a second function that nobody has declared.
    (empty / "fnr.toml").write_text(text.replace("# enabled = true", "enabled = true"))
    assert at("config", "check").out.endswith("good; 2 functions\n")
    shown = at("config", "show").out
    assert "\n# [functions.run]  built in\n# idle_timeout = " in shown
    (empty / "fnr.toml").write_text(shown)
    assert at("config", "check").code == 0
    assert at("config", "show").out == shown


def test_show_tells_where_each_key_comes_from(
    at: Run, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty / "fnr.toml").write_text('[log]\nlevel = "debug"\n')
    monkeypatch.setenv("FNR_LOG_FILES", "3")
    rows = [row.split("\t") for row in at("config", "show", "--origin").out.splitlines()]
    found = {key: (value, origin) for key, value, origin in rows}
    assert found["log.level"] == ('"debug"', "fnr.toml:2")
    assert found["log.files"] == ("3", "env FNR_LOG_FILES")
    assert found["log.format"] == ('"text"', "default")


def test_show_of_a_thousand_functions_says_where_a_table_begins(at: Run, empty: Path) -> None:
    """Looking through every key for each of them took longer than a test may."""
    tables = "".join(
        f"[functions.f{n}]\ncommand = ['a']\n[functions.f{n}.retry]\nmax = 2\n"
        for n in range(2_000)
    )
    (empty / "fnr.toml").write_text(tables)
    rows = [row.split("\t") for row in at("config", "show", "--origin").out.splitlines()]
    origins = {key: origin for key, _, origin in rows}
    assert origins["functions.f0.retry"] == "fnr.toml:4"
    assert origins["functions.f1999.retry"] == "fnr.toml:8000"
    assert origins["functions.f1999.workers"] == "default"


def test_secrets_in_env_are_not_shown(at: Run, empty: Path) -> None:
    (empty / "fnr.toml").write_text(
        '[redact]\nenv_keys = ["license*"]\n'
        '[functions.f]\npython = "a:b"\n'
        'env = { HF_TOKEN = "hf_abc", LEVEL = "3", LICENSE_KEY = "hf_abc" }\n'
    )
    shown = at("config", "show").out
    assert 'env = { HF_TOKEN = "***", LEVEL = "3", LICENSE_KEY = "***" }' in shown
    assert "hf_abc" not in shown


def test_path_names_every_place(at: Run, empty: Path) -> None:
    assert at("config", "path").out.splitlines()[1] == f"config:     {empty}/fnr.toml"
    assert at("config", "path", "-o", "name").out == f"{empty}/fnr.toml\n"


# ── db ───────────────────────────────────────────────────────────────────────


def test_the_store_is_checked_copied_and_put_back(at: Run, empty: Path, tmp_path: Path) -> None:
    at("init")
    at("daemon", "start")
    at("submit", "greet", "name=World", "--wait")
    copy = tmp_path / "copy.db"
    assert at("db", "backup", copy).out == f"{copy}\n"
    assert at("db", "backup", copy).code == 6
    store = find_paths(str(empty)).store_file
    found = at("db", "backup", f"{store}-journal")
    assert (found.code, "a file of the store itself" in found.err) == (6, True)
    linked = find_paths(str(tmp_path / "linked"))
    Path(linked.state_dir).mkdir(parents=True)
    Path(linked.store_file).symlink_to(store)
    assert at("--home", linked.home, "db", "backup", f"{store}-journal").code == 6
    found = at("db", "backup", "/proc/copy.db")
    assert found.code == 74
    assert found.err.startswith("error: the copy /proc/copy.db was not kept\n  why: No such file")
    assert at("db", "restore", copy, "-y").code == 6
    found = at("db", "check")
    assert (found.code, found.err) == (0, "good: every invariant holds\n")
    at("submit", "greet", "name=later", "--wait")
    assert at("daemon", "stop", "--drain").code == 0

    assert at("db", "restore", copy).code == 6  # nobody at the terminal to be asked
    found = at("db", "restore", copy, "-y")
    assert (found.code, "the store of before is " in found.err) == (0, True)
    assert len(at("task", "list", "-o", "name").out.split()) == 1
    assert " -> " in at("db", "vacuum").out
    assert "schema:             version" in at("db", "stats").out
    assert at("db", "check", "-o", "json").json["items"] == []
    sizes = at("db", "vacuum", "-o", "json").json
    assert (sizes["schema"], sizes["bytes_before"]) == ("fnr.db.vacuum/1", sizes["bytes_after"])
    assert at("db", "restore", copy, "-y", "-o", "json").json == {
        "schema": "fnr.db.restore/1",
        "file": f"{empty}/state/fnr.db",
        "replaced": f"{empty}/state/fnr.db.replaced-2",
    }


def test_who_restores_is_told_what_still_runs_of_the_store_of_before(
    at: Run, empty: Path, tmp_path: Path
) -> None:
    at("init")
    at("daemon", "start")
    at("db", "backup", tmp_path / "copy.db")
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    at("run", "--detach", "--", "sh", "-c", f"echo begun > {started}; read word < {gate}")
    assert started.read_text() == "begun\n"
    assert at("daemon", "stop").code == 0
    found = at("db", "restore", tmp_path / "copy.db")
    assert "still running of this store: 1 attempt; " in found.err
    assert "not confirmed" in found.err
    at("daemon", "start")
    gate.write_text("go on\n")
    assert at("daemon", "stop", "--drain").code == 0
    found = at("db", "restore", tmp_path / "copy.db", "-y")
    assert (found.code, "still running" in found.err) == (0, False)


def test_a_daemon_removes_what_a_killed_restore_has_left(at: Run, empty: Path) -> None:
    at("init")
    left = empty / "state" / ".fnr.db.4711-x.draft"
    left.parent.mkdir()
    left.write_text("half")
    others = left.with_name(".fnr.db.saved.4711-x.draft")
    others.write_text("somebody's backup")
    at("daemon", "start")
    assert not left.exists()
    assert others.exists()
    assert at("daemon", "stop", "--drain").code == 0


def test_a_damaged_store_can_still_be_copied(at: Run, empty: Path, tmp_path: Path) -> None:
    at("init")
    at("daemon", "start")
    at("submit", "greet", "name=World", "--wait")
    assert at("daemon", "stop", "--drain").code == 0
    with closing(sqlite3.connect(empty / "state" / "fnr.db")) as store, store:
        store.execute("UPDATE tally SET count = count + 1")
    copy = tmp_path / "my copy.db"
    found = at("db", "backup", copy)
    assert found.code == 65
    assert found.err.splitlines()[1] == "  why: it is not a whole store"
    anyway = found.err.splitlines()[-1].removeprefix("  try: ")
    words = shlex.split(anyway)
    assert words[-4:] == ["db", "backup", "--damaged", str(copy)]
    found = at(*words[-4:])
    assert (found.code, found.out) == (0, f"{copy}\n")
    assert "the copy is as damaged as the store: " in found.err
    assert at("db", "restore", copy, "-y").code == 65
    assert at("db", "restore", copy, "-y", "--damaged").code == 0
    assert at("db", "check").code == 1


def test_what_is_no_file_is_not_restored_and_is_the_one_that_is_named(
    at: Run, empty: Path, tmp_path: Path
) -> None:
    """Method: a folder, and a pipe that would be waited at for ever."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        found = at("db", "restore", path, "-y")
        assert (found.code, found.err.splitlines()[0]) == (65, f"error: {path} cannot be restored")


def test_of_a_newer_copy_the_copy_is_said_to_be_newer(at: Run, tmp_path: Path) -> None:
    """And not the store, which is as it was."""
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(copy)) as newer:
        newer.execute("PRAGMA user_version = 999")
    found = at("db", "restore", copy, "-y")
    what, why, _ = found.err.splitlines()
    assert (found.code, what) == (69, f"error: {copy} is from a newer version of fnr")
    assert why.startswith("  why: it has schema version 999, this fnr knows ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_copy_that_may_not_be_read_is_a_matter_of_permission(at: Run, tmp_path: Path) -> None:
    (tmp_path / "copy.db").touch(mode=0o000)
    assert at("db", "restore", tmp_path / "copy.db", "-y").code == 77


def test_without_a_store_there_is_nothing_to_care_for(at: Run, empty: Path) -> None:
    for words in (["check"], ["backup", empty / "copy"], ["vacuum"], ["stats"]):
        found = at("db", *words)
        assert found.code == 4
        assert "there is no store yet" in found.err
