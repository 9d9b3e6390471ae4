"""Every test of the store gets a real file, and every statement it runs is explained."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import statement_plans
from store_values import Book
from writer_probes import Commits

from fnr.store.connection import Store, read_only
from fnr.store.transaction import Reader, Transaction


@pytest.fixture(autouse=True)
def _plans(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test that ran a statement without an index."""
    statement_plans.install(monkeypatch)
    statement_plans.WATCH.found.clear()
    yield
    assert not statement_plans.WATCH.found


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    """Where the test's store is."""
    return tmp_path / "fnr.db"


@pytest.fixture
def book(store_file: Path) -> Iterator[Book]:
    """A store in one hand: no loop, no thread."""
    opened = Book(store_file)
    yield opened
    opened.close()


@pytest.fixture
def tx(book: Book) -> Transaction:
    """A transaction that is never committed."""
    return book.tx


@pytest.fixture
async def store(store_file: Path) -> AsyncIterator[Store]:
    """The writer as the daemon has it."""
    opened = await Store.open(store_file)
    yield opened
    await opened.close()


@pytest.fixture
def reader(store: Store) -> Iterator[Reader]:
    """A second connection, which sees only what is committed."""
    opened = read_only(store.path)
    yield opened
    opened.close()


@pytest.fixture
async def watched(store_file: Path) -> AsyncIterator[tuple[Store, Commits]]:
    """A store with its commit hook."""
    commits = Commits()
    opened = await Store.open(store_file, commit_hook=commits)
    yield opened, commits
    await opened.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB; only root can make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
