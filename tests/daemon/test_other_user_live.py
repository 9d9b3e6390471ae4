"""Workers that run as another user can do their work, and nothing more."""

from __future__ import annotations

import json
import os
import pwd
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from breaker_news import BreakerNews
from live_home import FUNCTIONS, LiveHome
from msgspec import Raw
from test_task_life import end_of, submit
from undo_waits import ended, steps_of

import fnr
from fnr.api import requests as ask
from fnr.api.breaker_requests import ForceBreakers, ResetBreakers
from fnr.api.frames import Done, encode
from fnr.host.breaker_lease import TrialLeases
from fnr.host.inotify import Inotify
from fnr.policy.breaker import BreakerState
from fnr.policy.task import TaskState
from fnr.policy.undo import Line, journal_line

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts workers as others")

NAME = "nobody"
WAY_IN = Path(__file__).parent / "way_in.py"
OPEN = (sys.base_prefix, sys.prefix, str(Path(fnr.__file__).parents[1]), str(FUNCTIONS))
HomeAt = Callable[[str], LiveHome]


def function(name: str, target: str = "", extra: str = "", *, user: str = NAME) -> str:
    module = "other_user_functions" if target else "worked_functions"
    return f"""
[functions.{name}]
python = "{module}:{target or name}"
cwd = "{FUNCTIONS}"
user = "{user}"
grace = "1s"
workers = {{ min = 0, max = 1 }}
retry = {{ max = 0, unknown_max = 0 }}
{extra}
"""


GUARDED = function("guarded", "guarded")


@pytest.fixture
def uid() -> int:
    return pwd.getpwnam(NAME).pw_uid


@pytest.fixture
def open_home(home_at: HomeAt) -> HomeAt:
    """Homes that every user can enter, as /var/lib is, whose daemon's Python they can enter too."""
    prefix = ["unshare", "-m", sys.executable, str(WAY_IN), *OPEN, "--"]
    try:
        tried = subprocess.run([*prefix, "/bin/true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if tried.returncode:
        pytest.skip(f"no mounts of one's own here: {tried.stderr.decode().strip()[-300:]}")

    def make(toml: str) -> LiveHome:
        home = home_at(toml)
        home.prefix = prefix
        home.folder.chmod(0o755)
        (home.folder / "fnr.toml").chmod(0o600)
        return home

    return make


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder in which everybody may write."""
    folder = Path(tempfile.mkdtemp(prefix="fnr-shared-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def fifo(path: Path) -> Path:
    os.mkfifo(path)
    path.chmod(0o666)
    return path


def result_of(home: LiveHome, task_id: str) -> Any:
    end = end_of(home, task_id)
    assert end.task.state is TaskState.DONE, home.ask(ask.GetTask(task_id=task_id)).errors
    return json.loads(bytes(end.result))


def test_it_runs_as_that_user_and_sees_nothing_of_ours(open_home: HomeAt, uid: int) -> None:
    home = open_home(function("who", "who", "nice = -2") + function("noop", user="root")).up()
    result_of(home, submit(home, "noop"))  # a worker of ours has left its files too
    entry, paths = pwd.getpwnam(NAME), home.paths
    secrets = {
        "config": paths.config_file,
        "store": paths.store_file,
        "telemetry": paths.telemetry_file,
        "state": paths.state_dir,
        "spool": paths.spool_dir,
        "logs": paths.log_dir,
        "run": paths.run_dir,
        "now": f"{paths.run_dir}/now",
        "trials": paths.trial_file,
        "users": paths.users_dir,
        "clients' socket": paths.socket_file,
    }
    found = result_of(home, submit(home, "who", {**secrets, "breakers": paths.breaker_file}))
    assert found["refused"].pop("breakers") == ""
    assert set(found.pop("refused").values()) <= {"PermissionError", "OSError"}
    assert found == {
        "ids": [uid, uid, entry.pw_gid],
        "groups": sorted({*os.getgrouplist(NAME, entry.pw_gid), entry.pw_gid}),
        "home": entry.pw_dir,
        "user": NAME,
        "nice": -2,
    }


def test_its_folder_is_its_own_and_its_sockets_folder_is_ours(open_home: HomeAt, uid: int) -> None:
    home = open_home(function("noop")).up()
    result_of(home, submit(home, "noop"))

    def look(path: str) -> tuple[int, str]:
        found = Path(path).stat()
        return found.st_uid, stat.filemode(found.st_mode)

    assert look(home.paths.spool_of(uid)) == (uid, "drwx------")
    assert look(home.paths.worker_socket_of(uid)) == (uid, "srw-------")
    assert look(f"{home.paths.run_dir}/{uid}") == (0, "drwx--x--x")
    assert look(home.paths.users_dir) == (0, "drwx--x--x")
    assert look(home.paths.state_dir) == (0, "drwx------")
    assert look(home.paths.log_dir) == (0, "drwx------")


def test_a_result_made_while_no_daemon_ran_is_delivered_by_the_adopted_worker(
    open_home: HomeAt, shared: Path, uid: int
) -> None:
    home = open_home(function("block_on")).up()
    started, gate = fifo(shared / "started"), fifo(shared / "gate")
    task_id = submit(home, "block_on", {"started": str(started), "fifo": str(gate)})
    pid = int(started.read_text())
    assert Path(f"/proc/{pid}").stat().st_uid == uid
    home.kill()
    spool = home.paths.spool_of(uid)
    with Inotify() as watch:
        watch.folder(spool)
        gate.write_text("alone")
        while not [*Path(spool).glob("*.json")]:
            watch.wait(30_000)
    home.up()
    end = end_of(home, task_id)
    assert (bytes(end.result), end.task.attempts) == (b'"alone"', 1)
    assert Path(f"/proc/{pid}").exists()


def test_a_result_outlives_its_worker_and_its_daemon(
    open_home: HomeAt, shared: Path, uid: int
) -> None:
    home = open_home(function("block_on")).up()
    started, gate = fifo(shared / "started"), fifo(shared / "gate")
    task_id = submit(home, "block_on", {"started": str(started), "fifo": str(gate)})
    pid = int(started.read_text())
    home.kill()
    spool = Path(home.paths.spool_of(uid))
    with Inotify() as watch:
        watch.folder(str(spool))
        gate.write_text("both")
        while not [*spool.glob("*.json")]:
            watch.wait(30_000)
    os.kill(pid, signal.SIGKILL)
    home.up()
    end = end_of(home, task_id)
    assert (bytes(end.result), end.task.attempts) == (b'"both"', 1)
    home.end()
    assert [*spool.iterdir()] == []


def test_all_of_its_processes_end_with_a_cancelled_attempt(open_home: HomeAt, shared: Path) -> None:
    home = open_home(function("family", "family")).up()
    started = fifo(shared / "started")
    task_id = submit(home, "family", {"started": str(started)})
    pids = [int(word) for word in started.read_text().split()]
    watched = [os.pidfd_open(pid) for pid in pids]
    home.ask(ask.CancelTasks(task_ids=[task_id]))
    assert end_of(home, task_id).task.state is TaskState.CANCELLED
    # At once: an attempt is over when its group is proven gone. A zombie counts as gone.
    ended_fds, _, _ = select.select(watched, [], [], 0)
    assert ended_fds == watched
    for fd in watched:
        os.close(fd)


@pytest.mark.parametrize("dies", [True, False])
def test_its_last_words_are_kept(open_home: HomeAt, dies: bool) -> None:
    """The daemon reads those of the dead, the worker itself those of an attempt that failed."""
    home = open_home(function("fail_loudly", "fail_loudly")).up()
    task_id = submit(home, "fail_loudly", {"dies": dies})
    assert end_of(home, task_id).task.state is TaskState.DEAD
    [error] = home.ask(ask.GetTask(task_id=task_id)).errors
    assert error.evidence.exit_code == (3 if dies else None)
    assert "the last words of another user" in error.evidence.stderr_tail


def test_a_command_has_its_working_folder_and_its_last_words(open_home: HomeAt, uid: int) -> None:
    command = 'echo $(id -u) > "$0/me"; cat "$0/me"; echo gone >&2'
    home = open_home(
        f"""
[functions.say]
command = ["sh", "-c", '{command}', "{{workdir}}"]
result = "stdout"
user = "{NAME}"
cwd = "/"
"""
    ).up()
    assert result_of(home, submit(home, "say")).strip() == str(uid)
    home.end()
    assert [*Path(home.paths.spool_of(uid)).iterdir()] == []


def test_an_open_breaker_refuses_its_calls(open_home: HomeAt) -> None:
    """Method: whoever cannot read the file that shows it goes on as if it were closed."""
    home = open_home(GUARDED).up()
    news = BreakerNews(home)
    assert result_of(home, submit(home, "guarded")) == "called"

    def force(state: BreakerState, for_ms: int) -> None:
        home.ask(ForceBreakers(names=["storage"], state=state, for_ms=for_ms, reason="a test"))

    news.until("storage forced_open", act=lambda: force(BreakerState.FORCED_OPEN, 3_600_000))
    assert "open" in result_of(home, submit(home, "guarded"))
    home.ask(ResetBreakers(names=["storage"]))
    assert result_of(home, submit(home, "guarded")) == "called"


def test_what_it_did_is_undone_as_that_user(open_home: HomeAt, shared: Path, uid: int) -> None:
    home = open_home(function("with_undo", "with_undo")).up()
    task_id = submit(home, "with_undo", {"witness": str(shared / "witness")})
    assert end_of(home, task_id).task.state is TaskState.DEAD
    ended(home, task_id)
    assert (shared / "witness").read_text().strip() == str(uid)


def test_what_it_says_of_the_attempts_of_others_is_not_believed(
    open_home: HomeAt, shared: Path, uid: int
) -> None:
    home = open_home(function("block_on", user="root") + function("noop")).up()
    result_of(home, submit(home, "noop"))
    started, gate = fifo(shared / "started"), fifo(shared / "gate")
    task_id = submit(home, "block_on", {"started": str(started), "fifo": str(gate)})
    pid = int(started.read_text())
    [attempt] = home.ask(ask.GetTask(task_id=task_id)).attempts
    home.kill()
    os.kill(pid, signal.SIGKILL)
    witness = shared / "witness"
    forged = encode(Done(token=attempt.token, result=Raw(b'"forged"')))
    act = Line(id="1-1", kind="command", data={"argv": ["touch", str(witness)]}, at_ms=1)
    for name, said in (("json", forged), ("undo", journal_line(act))):
        planted = Path(home.paths.spool_of(uid)) / f"{attempt.token}.{name}"
        planted.write_bytes(said)
        os.chown(planted, uid, uid)
    home.up()
    assert end_of(home, task_id).task.state is TaskState.DEAD
    assert steps_of(home, task_id) == []
    home.end()
    home.up()
    assert steps_of(home, task_id) == []
    assert [*Path(home.paths.spool_of(uid)).iterdir()] == []
    assert not witness.exists()


def test_what_it_puts_into_its_spool_keeps_no_daemon_from_starting(
    open_home: HomeAt, uid: int
) -> None:
    home = open_home(function("noop")).up()
    result_of(home, submit(home, "noop"))
    home.end()
    spool, token = Path(home.paths.spool_of(uid)), "0" * 26
    for suffix in ("json", "undo"):
        (spool / f"{token}.{suffix}").mkdir()
        (spool / f"x{token}.{suffix}").write_text("{}")
        os.mkfifo(spool / f"{'1' * 26}.{suffix}")
        (spool / os.fsdecode(b"\xff" * 26 + f".{suffix}".encode())).write_text("{}")
    home.up()
    result_of(home, submit(home, "noop"))
    assert not [*spool.glob(f"{'1' * 26}.*")]


def test_a_home_that_the_user_cannot_enter_is_named(open_home: HomeAt) -> None:
    home = open_home(function("noop"))
    home.folder.chmod(0o700)
    home.up()
    submit(home, "noop")
    [line] = [one for one in home.ask(ask.GetStatus()).functions if one.function == "noop"]
    assert f"user 'nobody' cannot enter {home.folder}, which is on the way" in home.log()
    assert line.problem.startswith("no worker could be started: user 'nobody' cannot enter")


def test_a_python_that_the_user_cannot_enter_is_named(open_home: HomeAt) -> None:
    way = (Path(sys.executable).resolve(), Path(fnr.__file__))
    if all(folder.stat().st_mode & 0o001 for path in way for folder in path.parents):
        pytest.skip("every user can enter the folders of this Python")
    home = open_home(function("noop"))
    home.prefix = []
    home.up()
    submit(home, "noop")
    [line] = [one for one in home.ask(ask.GetStatus()).functions if one.function == "noop"]
    assert line.problem.startswith("no worker could be started: user 'nobody' cannot enter /")
    assert "user 'nobody' cannot enter /" in home.log()


def test_a_trial_of_another_user_is_the_only_one(open_home: HomeAt) -> None:
    """Method: a process of ours has the lease, so the worker's call must not be a second trial."""
    home = open_home('[breakers.storage]\nfailures = 1\nopen = "10ms"\n' + GUARDED).up()
    news = BreakerNews(home)
    assert result_of(home, submit(home, "guarded")) == "called"
    leases = TrialLeases(home.paths.trial_file)
    assert leases.take("storage")
    news.until("storage half_open", act=lambda: submit(home, "guarded", {"ill": True}))
    assert "its trial runs" in result_of(home, submit(home, "guarded"))
    leases.release_all()
    called: list[Any] = []
    news.until("storage closed", act=lambda: called.append(submit(home, "guarded")))
    assert result_of(home, called[0]) == "called"
