"""A user's daemon is found from a login, which has XDG_RUNTIME_DIR, and from cron without it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live_home import end_workers

# Root has the system's places; in a user namespace of its own it is nobody.
NOBODY = [] if os.geteuid() else ["unshare", "--user"]
GUARDED = """
import fnr
def call(gates):
    for gate in gates:
        open(gate, "w").close()
    try:
        with fnr.breaker("storage"):
            return "called"
    except fnr.BreakerOpen:
        return "refused"
"""
Fnr = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def fnr() -> Iterator[Fnr]:
    """Run a command line as a user with this XDG_RUNTIME_DIR below his home, or without one."""
    if NOBODY and subprocess.run([*NOBODY, "true"], capture_output=True, check=False).returncode:
        pytest.skip("root cannot become somebody else here")
    folder = Path(tempfile.mkdtemp(prefix="fnr-"))

    def run(*words: str, runtime: str = "") -> subprocess.CompletedProcess[str]:
        env = {"HOME": str(folder), "PATH": os.environ["PATH"]}
        if runtime:
            (folder / runtime).mkdir(exist_ok=True)
            env["XDG_RUNTIME_DIR"] = f"{folder}/{runtime}"
        command = [*NOBODY, sys.executable, "-m", "fnr", *words]
        return subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=60, check=False
        )

    yield run
    run("daemon", "stop", "--now")
    end_workers(folder)
    shutil.rmtree(folder)


def test_cron_and_logins_find_the_same_daemon_whoever_has_started_it(fnr: Fnr) -> None:
    assert fnr("init").returncode == 0
    for starts, asks in (("login", ""), ("", "login"), ("login", "another")):
        assert fnr("daemon", "start", runtime=starts).returncode == 0
        submitted = fnr("submit", "greet", "name=you", "--wait", runtime=asks)
        assert (submitted.stdout, submitted.returncode) == ('"Hello, you\\n"\n', 0)
        assert fnr("daemon", "start", runtime=asks).stderr == "the daemon runs already\n"
        stopped = fnr("daemon", "stop", runtime=asks)
        assert stopped.stderr == "the daemon has ended; workers go on\n"


def test_a_place_that_a_logout_has_removed_is_looked_for_no_longer(fnr: Fnr) -> None:
    fnr("init")
    assert fnr("daemon", "start", runtime="login").returncode == 0
    place = Path(fnr("config", "path", "-o", "json").stdout.split('"socket":"')[1].split('"')[0])
    assert place.parent.parent.name == "login"
    assert fnr("daemon", "stop", "--now").returncode == 0
    shutil.rmtree(place.parent)
    assert fnr("daemon", "start").returncode == 0
    assert fnr("submit", "greet", "name=you", "--wait", runtime="login").returncode == 0


def test_a_worker_finds_the_daemon_that_was_started_after_a_logout(
    fnr: Fnr, tmp_path: Path
) -> None:
    """Where it began to work is gone with the login; so is what breakers are shown in.

    Method: two pipes that it cannot open before somebody reads, then a service forced open by then.
    """
    fnr("init")
    begun, goes_on = tmp_path / "begun", tmp_path / "goes-on"
    os.mkfifo(begun)
    os.mkfifo(goes_on)
    (tmp_path / "guarded.py").write_text(GUARDED)
    settings = Path(fnr("config", "path", "-o", "name").stdout.strip())
    table = f'[functions.guarded]\npython = "guarded:call"\ncwd = "{tmp_path}"\n'
    settings.write_text(f"{settings.read_text()}\n{table}")
    assert fnr("daemon", "start", runtime="login").returncode == 0
    gates = f'gates=["{begun}", "{goes_on}"]'
    task_id = fnr("submit", "guarded", gates, runtime="login").stdout.strip()
    assert begun.read_text() == ""
    place = Path(fnr("config", "path", "-o", "json").stdout.split('"socket":"')[1].split('"')[0])
    assert fnr("daemon", "stop").returncode == 0
    shutil.rmtree(place.parent)
    assert fnr("daemon", "start").returncode == 0
    assert fnr("breaker", "open", "storage", "--for", "1h", "--reason", "test").returncode == 0
    assert goes_on.read_text() == ""
    assert fnr("task", "wait", task_id, "--for", "30s").returncode == 0
    assert '"result":"refused"' in fnr("task", "show", task_id, "-o", "json").stdout
