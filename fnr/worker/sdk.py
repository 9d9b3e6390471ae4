"""What a function may ask of, and tell, the worker that runs it; the whole of it fits on a page.

In a plain script, without a worker, everything here does nothing and says so once, so a function
can be tried out as it is.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class AttemptInfo(Struct, frozen=True, kw_only=True):
    """Which attempt is running.

    number: 1 for the first try at the task.
    key:    the same for every attempt at this task and for no other task: an idempotency key.
    """

    task_id: str = ""
    number: int = 0
    token: str = ""
    key: str = ""


class Host(Protocol):
    """What the worker provides."""

    def report_progress(self, done: float, total: float | None, stage: str) -> None:
        """Pass on how far the attempt is."""

    def is_cancelled(self) -> bool:
        """Whether the running attempt was asked to end."""

    def running_attempt(self) -> AttemptInfo:
        """Which attempt is running."""


class _Place:
    """Where this module runs: inside a worker, or nowhere."""

    host: Host | None = None
    warned = False


def progress(done: float, total: float | None = None, *, stage: str = "") -> None:
    """Say how far the work is; cheap, never blocks, and shown at most ten times a second.

    It also tells a progress_timeout that the work is getting somewhere.
    """
    if (host := _host("progress")) is not None:
        host.report_progress(done, total, stage)


def cancelled() -> bool:
    """Whether to stop: the task was cancelled, or its time is up.

    Clean up and raise an exception soon; otherwise the worker is ended by force. Returning counts
    as success.
    """
    host = _host("cancelled")
    return host.is_cancelled() if host is not None else False


def attempt() -> AttemptInfo:
    """Which attempt is running."""
    host = _host("attempt")
    return host.running_attempt() if host is not None else AttemptInfo()


def set_host(host: Host | None) -> None:
    """Say who answers; for the worker only. None in a forked copy, which is no worker."""
    _Place.host = host
    _Place.warned = host is None


def _host(name: str) -> Host | None:
    if _Place.host is None and not _Place.warned:
        _Place.warned = True
        import warnings  # noqa: PLC0415 - only outside a worker

        warnings.warn(
            f"fnr.{name}() does nothing here: this program is not run by an fnr worker",
            RuntimeWarning,
            stacklevel=3,
        )
    return _Place.host
