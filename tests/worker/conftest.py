"""A fake daemon, and gates, for every test that wants them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_daemon import FakeDaemon
from gates import Gate


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    """Listens in a folder of its own; its workers are dead afterwards."""
    with FakeDaemon(tmp_path) as fake:
        yield fake


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """Holds a function back until the test lets it go."""
    with Gate(tmp_path / "gate") as one:
        yield one
