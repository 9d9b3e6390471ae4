"""What a command line left when it ran inside a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec


class Ran(msgspec.Struct):
    """What a command left: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as JSON."""
        return msgspec.json.decode(self.out)

    @property
    def error(self) -> Any:
        """The error on stderr, in JSON mode."""
        return msgspec.json.decode(self.err.splitlines()[-1])["error"]


Run = Callable[..., Ran]
