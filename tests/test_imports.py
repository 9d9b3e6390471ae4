"""What is loaded when, and which floor may know which."""

from __future__ import annotations

import ast
import json
import os
import pty
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {
    "aiosqlite",
    "asyncio",
    "msgspec",
    "psutil",
    "rich",
    "sqlite3",
    "subprocess",
    "textual",
    "typer",
}
MODULES = "import sys; sys.stderr.write('\\n'.join(sorted(sys.modules)))"


def modules_after(code: str, *args: str) -> set[str]:
    """The modules that a fresh Python has loaded once it has run this code.

    Measured without coverage, which would load half the standard library itself.
    """
    environ = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{MODULES}", *args],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.splitlines())


@pytest.fixture
def answered_home(tmp_path: Path) -> Iterator[Path]:
    """A home at whose socket somebody answers one question with an empty status."""
    (tmp_path / "run").mkdir()
    status = {"state": "running", "version": "0", "home": str(tmp_path), "functions": []}
    reply = json.dumps({"id": 1, "ok": status}).encode() + b"\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(tmp_path / "run" / "fnr.sock"))
        listening.listen()

        def answer() -> None:
            connected, _ = listening.accept()
            with connected:
                connected.makefile("rb").readline()
                connected.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        yield tmp_path
        thread.join()


def test_status_loads_nothing_heavy(answered_home: Path) -> None:
    code = "import sys\nfrom fnr.__main__ import main\nassert main() == 0"
    loaded = modules_after(code, "--home", str(answered_home), "status")
    assert "fnr.cli.quick" in loaded
    assert not loaded & HEAVY


def test_the_tui_is_on_its_way_without_typer(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from fnr.tui import start\n"
        "start.prepared = lambda *_, **__: lambda: 0\n"
        "from fnr.__main__ import main\n"
        "assert main() == 0"
    )
    master, slave = pty.openpty()
    environ = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{MODULES}", "--home", str(tmp_path), "tui", "dlq"],
        env={**environ, "TERM": "xterm"},
        stdin=slave,
        stdout=slave,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    os.close(master)
    os.close(slave)
    loaded = set(done.stderr.splitlines())
    assert "fnr.cli.quick_tui" in loaded
    assert not loaded & {"typer", "asyncio", "sqlite3"}


def test_the_package_itself_loads_nothing_of_its_own() -> None:
    assert {name for name in modules_after("import fnr") if name.startswith("fnr")} == {"fnr"}


def test_every_command_but_its_own_stays_unloaded() -> None:
    """`fnr --help` names all commands without importing one of them."""
    code = "from fnr.__main__ import main\nassert main() == 0"
    loaded = modules_after(code, "--help")
    assert "fnr.cli.main" in loaded
    strangers = {"fnr.cli.task", "fnr.cli.dlq", "fnr.cli.daemon", "sqlite3", "asyncio", "textual"}
    assert not loaded & strangers
    assert not {name for name in loaded if name.startswith("fnr.tui")}


def test_a_worker_loads_little() -> None:
    """There may be one worker for each of many functions, each with its own memory."""
    loaded = modules_after("import fnr.worker.__main__, fnr.worker.start")
    assert not loaded & (HEAVY - {"msgspec", "subprocess"})
    ours = {name for name in loaded if name.startswith("fnr.")}
    assert not {name for name in ours if name.startswith(("fnr.cli", "fnr.daemon", "fnr.store"))}


def test_policy_needs_the_standard_library_msgspec_and_re2_only() -> None:
    """And for the words of rules, in one file that could do without it, decision 0017."""
    allowed = sys.stdlib_module_names | {"fnr", "msgspec", "re2"}
    strangers = {}
    for path in sorted((ROOT / "fnr" / "policy").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                if name.partition(".")[0] not in allowed:
                    strangers[path.name] = name
    assert strangers == {"word_table.py": "ahocorasick_rs"}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the floors of the tree in a folder, without a cache and without coverage."""
    environ = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env=environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_floors_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


# File, line that breaks a contract when it stands there, contract, what the linter says to it.
BREACHES = [
    (
        "policy/retry.py",
        "import time",
        "Policy is pure",
        "fnr.policy is not allowed to import time",
    ),
    (
        *("policy/retry.py", "import fnr.store.connection", "Floors"),
        "fnr.policy is not allowed to import fnr.store",
    ),
    (
        *("daemon/parts.py", "import fnr.cli.render", "Floors"),
        "fnr.daemon is not allowed to import fnr.cli",
    ),
    (
        *("tui/__init__.py", "import fnr.store.connection", "The TUI knows only the api"),
        "fnr.tui is not allowed to import fnr.store",
    ),
    ("policy/task.py", "import fnr.policy.verdict", "No cycles", "- .task -> .verdict (1 import)"),
]


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a tree with all of the breaches: each has words of its own."""
    folder = tmp_path_factory.mktemp("breached")
    shutil.copytree(ROOT / "fnr", folder / "fnr")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for file, line, _, _ in BREACHES:
        path = folder / "fnr" / file
        path.write_text(f"{path.read_text()}\n{line}\n")
    done = lint(folder)
    assert done.returncode == 1
    return done.stdout.partition("Broken contracts")[2]


@pytest.mark.parametrize(("file", "line", "contract", "words"), BREACHES)
def test_a_breach_of_the_floors_is_refused(
    refusals: str, file: str, line: str, contract: str, words: str
) -> None:
    assert words in refusals.partition(f"\n{contract}")[2], refusals
