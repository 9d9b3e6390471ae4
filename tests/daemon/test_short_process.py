"""A program that runs for a moment, and what it leaves behind."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from fnr.daemon import short_process


def test_who_goes_on_writing_does_not_hold_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever left its session and its mark may have the pipe, and fill it for ever."""
    sizes: list[int] = []
    read = os.read

    def counted(fd: int, size: int) -> bytes:
        sizes.append(size)
        return read(fd, size)

    loop = SimpleNamespace(add_reader=lambda *_: None, remove_reader=lambda _: None)
    parts: Any = SimpleNamespace(loop=loop)
    tail = short_process._Tail(parts, os.open("/dev/zero", os.O_RDONLY))
    monkeypatch.setattr(os, "read", counted)
    tail.close()
    # As much as a pipe can hold where nobody with rights has made it larger.
    assert 1 << 20 <= sum(sizes) <= 1 << 22
