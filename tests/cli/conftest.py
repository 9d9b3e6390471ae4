"""Fixtures for tests of the command line: a stand-in daemon, a real one, a terminal."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "client"))
sys.path.insert(0, str(Path(__file__).parent.parent / "daemon"))

from cli_runs import Ran, Run
from live_home import LiveHome
from wire_server import WireServer

from fnr.cli.main import run

FUNCTIONS = Path(__file__).parent.parent / "client"
TOML = (
    "".join(
        f"""
[functions.{name}]
python = "live_functions:{function}"
env = {{ PYTHONPATH = "{FUNCTIONS}" }}
"""
        for name, function in (
            ("count", "count_lines"),
            ("gate", "open_gate"),
            ("refuse", "refuse"),
        )
    )
    + """
[functions.say]
command = ["echo", "{word}"]
input = { word = "str" }
result = "stdout"
"""
)


@pytest.fixture
def server() -> Iterator[WireServer]:
    """A stand-in for the daemon, listening."""
    made = WireServer().start()
    yield made
    made.close()


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line in this process; nobody is at the terminal."""

    def run_words(*words: object, stdin: str | bytes = "") -> Ran:
        raw = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        code = run([str(word) for word in words])
        sys.stdout.flush()
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return run_words


@pytest.fixture
def fnr(server: WireServer, command: Run) -> Run:
    """Run a command line against the stand-in."""
    return lambda *words, **options: command("--home", server.home, *words, **options)


@pytest.fixture(scope="session")
def home() -> Iterator[LiveHome]:
    """One real daemon for all tests that only add to it."""
    made = LiveHome(Path(tempfile.mkdtemp(prefix="fnr-")), TOML).up()
    yield made
    made.close()
    shutil.rmtree(made.folder, ignore_errors=True)


@pytest.fixture
def live(home: LiveHome, command: Run) -> Run:
    """Run a command line against the real daemon."""
    return lambda *words, **options: command("--home", home.folder, *words, **options)
