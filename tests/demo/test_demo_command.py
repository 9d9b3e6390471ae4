"""`fnr demo` as people run it: whole, kept, and interrupted."""

from __future__ import annotations

import errno
import json
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from demo_figures import FIGURES
from msgspec.structs import replace

from fnr.api.errors import Failed, FnrError, StorageError
from fnr.cli.demo.command import LOOK_AROUND
from fnr.cli.demo.report import Figures
from fnr.cli.demo.scenario import Scenario
from fnr.cli.main import run

FILES = 6
COMMAND = [sys.executable, "-m", "fnr"]


@pytest.fixture
def parent() -> Iterator[Path]:
    """A folder for homes, with a path short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="d-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def begin(parent: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "--home", str(parent), "demo", "--tasks-max", str(3 * FILES), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def processes_of(folder: Path) -> dict[str, str]:
    """Pid -> command line of everybody who names the folder in command line or environment."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if bytes(folder) in command + b"\0" + (process / "environ").read_bytes():
                found[process.name] = command.replace(b"\0", b" ").decode()
    return found


def test_the_demo_loses_nothing_and_leaves_nothing(parent: Path) -> None:
    with begin(parent, "-o", "json") as demo:
        out, err = demo.communicate()
    assert demo.returncode == 0, out + err
    figures = json.loads(out)
    assert figures["schema"] == "fnr.demo/1"
    assert figures["ok"] is True
    # Every list of the proof names flaws.
    flaws = {
        name: found for name, found in figures["proof"].items() if isinstance(found, list) and found
    }
    assert flaws == {}
    # Three steps a file, twelve troubles of which eight stay dead, one more that is refused.
    assert (figures["files"], figures["accepted"]) == (FILES, 3 * FILES + 12)
    assert (figures["done"], figures["dead"], figures["cancelled"]) == (3 * FILES + 4, 8, 0)
    ways = figures["recoveries"]
    assert (ways["waited"], ways["smaller"], ways["undone"]) == (1, 1, 1)
    assert len(figures["refused"]) == 1
    assert figures["objects_stored"] == figures["proof"]["objects_compared"] == FILES
    assert figures["replayed"] == figures["came_home"] >= 1
    assert (figures["daemons_killed"], figures["workers_killed"] >= 2) == (1, True)
    assert {row["trouble"] for row in figures["dead_after"]} == {
        "missing file",
        "a folder, not a file",
        "truncated .gz",
        "key of a wrong type",
        "over its memory limit",
        "never ends",
        "segmentation fault",
        "fails after it wrote a file",
    }
    assert list(parent.iterdir()) == []
    assert processes_of(parent) == {}


@pytest.mark.parametrize("moment", ["home /", "tasks accepted", "SIGKILL to the daemon"])
def test_an_interrupted_demo_leaves_no_process_and_no_folder(parent: Path, moment: str) -> None:
    with begin(parent) as demo:
        assert demo.stderr is not None
        for line in demo.stderr:
            if moment in line:
                demo.send_signal(signal.SIGINT)
                break
        out, err = demo.communicate()
    assert demo.returncode == 130, err
    assert out == ""
    assert list(parent.iterdir()) == []
    assert processes_of(parent) == {}


def test_a_demo_that_is_killed_while_a_daemon_begins_leaves_no_process_and_no_folder(
    parent: Path,
) -> None:
    """It held no lock yet: the home was removed, and there again, with a daemon that stayed."""
    with begin(parent) as demo:
        assert demo.stderr is not None
        while "SIGKILL to the daemon" not in (line := demo.stderr.readline()):
            assert line
        [caretaker] = [
            int(pid) for pid, words in processes_of(parent).items() if "caretaker" in words
        ]
        pidfd = os.pidfd_open(caretaker)
        while not any(words.endswith("daemon ") for words in processes_of(parent).values()):
            assert demo.poll() is None
        demo.kill()
        demo.communicate()
    try:
        gone, _, _ = select.select([pidfd], [], [], 60)
    finally:
        os.close(pidfd)
    assert gone
    assert list(parent.iterdir()) == []
    assert processes_of(parent) == {}


def test_a_kept_home_can_be_explored_and_ended_as_printed(
    parent: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Method: the play itself is left out, the stage is real."""
    monkeypatch.setattr(Scenario, "run", lambda _: FIGURES)
    assert run(["--home", str(parent), "demo", "--keep", "-q"]) == 0
    out, _ = capsys.readouterr()
    [home] = parent.iterdir()
    assert f"  fnr --home {home} dlq list" in out.splitlines()
    assert {"files", "objects", "marks"} <= {part.name for part in home.iterdir()}
    assert [command for command in processes_of(home).values() if command.endswith("daemon ")]

    stop, remove = out.splitlines()[-1].strip().split(" && ")
    assert run(stop.split()[1:]) == 0
    assert processes_of(home) == {}
    assert remove == f"rm -r {home}"


def test_what_ends_a_kept_home_removes_nothing_else(
    parent: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Below a folder with a space in its name another folder was to be removed, and no daemon
    ended."""
    monkeypatch.setattr(Scenario, "run", lambda _: FIGURES)
    assert run(["--home", str(parent / "a b"), "demo", "--keep", "-q"]) == 0
    out, _ = capsys.readouterr()
    (parent / "a").mkdir()
    fnr = f'fnr() {{ {shlex.join(COMMAND)} "$@"; }}'
    subprocess.run(["sh", "-ec", f"{fnr}\n{out.splitlines()[-1]}"], check=True)
    assert sorted(folder.name for folder in parent.iterdir()) == ["a", "a b"]
    assert (list((parent / "a b").iterdir()), processes_of(parent)) == ([], {})


def test_every_command_to_look_around_with_shows_something(parent: Path) -> None:
    with begin(parent, "--keep") as demo:
        out, err = demo.communicate()
    assert demo.returncode == 0, out + err
    *around, end = [line[6:] for line in out.splitlines() if line.startswith("  fnr --home ")]
    try:
        [letter, *_] = shown(f"--home {next(parent.iterdir())} dlq list -o name").split()
        silent = [words for words in around if not shown(words.replace("ID", letter))]
    finally:
        shown(end.split(" && ")[0])
    assert len(around) == len(LOOK_AROUND)
    assert silent == []


def shown(words: str) -> str:
    return subprocess.run(
        [*COMMAND, *shlex.split(words)], capture_output=True, text=True, check=True
    ).stdout


def test_a_play_that_fails_leaves_its_home_only_if_it_is_to_be_kept(
    parent: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Scenario) -> Figures:
        raise Failed("the play failed")

    monkeypatch.setattr(Scenario, "run", fail)
    assert run(["--home", str(parent), "demo"]) == 1
    assert (list(parent.iterdir()), processes_of(parent)) == ([], {})

    assert run(["--home", str(parent), "demo", "--keep"]) == 1
    [home] = parent.iterdir()
    first, told = capsys.readouterr().err.partition("the home is left: ")[2].splitlines()[:2]
    assert first == f"{home}; to end it:"
    assert run(told.strip().split(" && ")[0].split()[1:]) == 0
    assert processes_of(parent) == {}


@pytest.mark.parametrize(
    ("error", "step"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "demo --home DIR"),
        (StorageError("the disk is nearly full", next_step="fnr --home {} db stats"),
         "demo --home DIR"),
        (Failed("it failed", next_step="fnr --home {} status"), "demo --keep"),
    ],
)  # fmt: skip
def test_whoever_has_no_room_is_told_where_to_and_not_of_a_home_that_is_gone(
    parent: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: OSError | FnrError,
    step: str,
) -> None:
    def fail(_: Scenario) -> Figures:
        [home] = parent.iterdir()
        if isinstance(error, FnrError):
            error.next_step = error.next_step.format(home)
        raise error

    monkeypatch.setattr(Scenario, "run", fail)
    code = run(["--home", str(parent), "demo", "-q"])
    err = capsys.readouterr().err
    assert err.endswith(f"  try: fnr --home {parent} {step}\n")
    if isinstance(error, OSError):
        assert code == StorageError.exit_code
        assert f"does not fit into {parent}" in err
        assert "MiB free at" in err


def test_flaws_end_it_with_exit_code_1(
    parent: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flawed = replace(FIGURES, ok=False, proof=replace(FIGURES.proof, lost=["01TASK"]))
    monkeypatch.setattr(Scenario, "run", lambda _: flawed)
    assert run(["--home", str(parent), "demo", "-q", "-o", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["proof"]["lost"] == ["01TASK"]


def test_a_folder_that_is_not_there_is_refused() -> None:
    done = subprocess.run(
        [*COMMAND, "demo", "--input", "/no/such/folder", "-o", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 65
    assert json.loads(done.stderr)["error"]["code"] == "bad_data"
