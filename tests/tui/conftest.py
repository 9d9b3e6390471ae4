"""Fixtures for tests of the TUI."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tui_home import StoreServer, fill

from fnr.config.paths import Paths, find_paths


@pytest.fixture(scope="session")
def filled() -> Iterator[Paths]:
    """A home with two hundred tasks in its store, and no daemon."""
    # Not tmp_path: a Unix socket's path must stay under 108 bytes.
    folder = Path(tempfile.mkdtemp(prefix="fnr-"))
    paths = find_paths(str(folder))
    fill(paths.store_file)
    yield paths
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def daemon(filled: Paths) -> Iterator[StoreServer]:
    """A stand-in for the daemon of that home."""
    server = StoreServer(Path(filled.home))
    server.start()
    yield server
    server.close()
