"""The canary: a function that does nothing but say that it was there, for drills.

It leaves a mark for each attempt that came to its end, outside of fnr, so that a drill can see what
was completed twice or never, whatever fnr's store says.
"""

from __future__ import annotations

import os

from fnr.worker import sdk


def canary(marks: str = "", linger_ms: int = 0, **_: object) -> str:
    """Do nothing for so long, leave a mark, and tell which attempt it was.

    marks: folder of the marks; without one there are none.
    """
    if linger_ms:
        _linger(linger_ms)
    attempt = sdk.attempt()
    if marks:
        mark(marks, attempt.task_id, attempt.token)
    return attempt.token


def mark(folder: str, task_id: str, token: str) -> None:
    """One line in the task's file; two attempts would leave two."""
    fd = os.open(f"{folder}/{task_id}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(fd, f"{token}\n".encode())
    finally:
        os.close(fd)


def _linger(for_ms: int) -> None:
    import select  # noqa: PLC0415 - only for those who linger

    select.poll().poll(for_ms)
