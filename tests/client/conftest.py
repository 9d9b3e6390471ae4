"""Fixtures for tests of the clients."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "daemon"))

from wire_server import WireServer


@pytest.fixture
def server() -> Iterator[WireServer]:
    """A stand-in for the daemon, listening."""
    made = WireServer().start()
    yield made
    made.close()
