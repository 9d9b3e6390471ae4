"""Named places where a test ends this very process, as SIGKILL or a power cut would.

FNR_FAILPOINT=name ends it at the first passage, name@3 at the third. Without the variable a
passage costs one comparison.
"""

from __future__ import annotations

import os
import signal


def _arm(wish: str) -> tuple[str, int]:
    name, _, count = wish.partition("@")
    return name, int(count or 1)


_name, _left = _arm(os.environ.get("FNR_FAILPOINT", ""))


def failpoint(name: str) -> None:
    """Pass a named place; end here if a test asked for it."""
    if name == _name:
        _pass_armed()


def _pass_armed() -> None:
    global _left  # noqa: PLW0603 - a process dies once
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
