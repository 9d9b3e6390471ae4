"""Functions that the live tests of clients and commands run."""

from __future__ import annotations

import sys
from pathlib import Path


def count_lines(text: str) -> int:
    """How many lines a text has; prints what it does."""
    print(f"counting {len(text)} characters")
    print("a word on stderr", file=sys.stderr)
    return len(text.splitlines())


def repeat(text: str, times: int) -> str:
    """A result as long as one wants it."""
    return text * times


def refuse(n: int = 0) -> None:
    """Fail as no retry can help."""
    raise ValueError(f"[rank0]: CUDA error [/b] \x1b[31mred {n}")


def open_gate(path: str) -> str:
    """Wait until somebody writes to a named pipe; what they wrote."""
    with Path(path).open() as pipe:
        return pipe.read()
