"""`fnr demo` as people run it: whole, kept, and interrupted."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

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
    flaws = {
        name: found for name, found in figures["proof"].items() if isinstance(found, list) and found
    }
    assert flaws == {}
    # Three steps a file, nine troubles of which seven stay dead, one more that is refused.
    assert (figures["files"], figures["accepted"]) == (FILES, 3 * FILES + 9)
    assert (figures["done"], figures["dead"], figures["cancelled"]) == (3 * FILES + 2, 7, 0)
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


def test_a_kept_home_can_be_explored_and_ended_as_printed(parent: Path) -> None:
    with begin(parent, "--keep", "-q") as demo:
        out, err = demo.communicate()
    assert demo.returncode == 0, out + err
    try:
        [home] = parent.iterdir()
        command = next(line for line in out.splitlines() if "dlq list" in line).split()
        assert command[:3] == ["fnr", "--home", str(home)]
        listed = subprocess.run(
            [*COMMAND, *command[1:], "-o", "json"], capture_output=True, text=True, check=True
        )
        assert len(json.loads(listed.stdout)["items"]) == 7
        assert {"files", "objects", "marks"} <= {part.name for part in home.iterdir()}
    finally:
        stop = out.splitlines()[-1].split(" && ")[0].split()
        subprocess.run([*COMMAND, *stop[1:]], check=True, capture_output=True)
    assert processes_of(parent) == {}


def test_a_folder_that_is_not_there_is_refused() -> None:
    done = subprocess.run(
        [*COMMAND, "demo", "--input", "/no/such/folder", "-o", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert json.loads(done.stderr)["error"]["code"] == "not_found"
