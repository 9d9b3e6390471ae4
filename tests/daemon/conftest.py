"""Fixtures for tests with a real daemon."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live_home import LiveHome


@pytest.fixture
def home_at() -> Iterator[Callable[[str], LiveHome]]:
    """Make homes with a given fnr.toml; all of them are ended and removed after the test."""
    homes: list[LiveHome] = []

    def make(toml: str) -> LiveHome:
        # Not tmp_path: a Unix socket's path must stay under 108 bytes.
        home = LiveHome(Path(tempfile.mkdtemp(prefix="fnr-")), toml)
        homes.append(home)
        return home

    yield make
    for home in homes:
        home.close()
        shutil.rmtree(home.folder, ignore_errors=True)
