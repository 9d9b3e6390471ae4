"""What a function may ask of, and tell, the worker that runs it; the whole of it fits on a page.

In a plain script, without a worker, everything here does nothing and says so once, so a function
can be tried out as it is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, cast

from msgspec import Struct

Function = TypeVar("Function", bound=Callable[..., Any])


class AttemptInfo(Struct, frozen=True, kw_only=True):
    """Which attempt is running.

    number: 1 for the first try at the task.
    key:    the same for every attempt at this task and for no other task: an idempotency key.
    """

    task_id: str = ""
    number: int = 0
    token: str = ""
    key: str = ""


class BreakerOpen(Exception):
    """A service is not to be called now; fnr parks the task until it may be, at no cost.

    service: its name. retry_after: seconds until it may be tried, as far as that is known.
    """

    def __init__(self, service: str, why: str, retry_after: float) -> None:
        super().__init__(f"breaker {service} is {why}")
        self.service = service
        self.retry_after = retry_after


class Guarded(Protocol):
    """One guarded call."""

    def __enter__(self) -> Any:
        """Begin it, or raise BreakerOpen."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """It has ended."""


class Host(Protocol):
    """What the worker provides."""

    def report_progress(self, done: float, total: float | None, stage: str) -> None:
        """Pass on how far the attempt is."""

    def is_cancelled(self) -> bool:
        """Whether the running attempt was asked to end."""

    def running_attempt(self) -> AttemptInfo:
        """Which attempt is running."""

    def guard(self, service: str, ignore: tuple[type[BaseException], ...]) -> Guarded:
        """Guard one call to a service."""


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


class breaker:  # noqa: N801 - reads as the word it stands for: `with fnr.breaker("storage"):`
    """Guard calls to a service: `with`, `async with`, or above a function.

    While its breaker is open the call does not begin and BreakerOpen is raised; let it through,
    and fnr parks the task until the service may be tried, at no cost. An exception that leaves the
    call is a failure of the service, unless fnr finds that the input was wrong.

    ignore: exceptions that say nothing of the service.
    """

    __slots__ = ("_guard", "_ignore", "_service")

    def __init__(self, service: str, *, ignore: tuple[type[BaseException], ...] = ()) -> None:
        self._service = service
        self._ignore = ignore
        self._guard: Guarded | None = None

    def __enter__(self) -> Self:
        host = _host("breaker")
        if host is not None:
            guard = host.guard(self._service, self._ignore)
            guard.__enter__()
            self._guard = guard
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.__exit__(kind, error, tb)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, tb)

    def __call__(self, function: Function) -> Function:
        """Guard every call of a function."""
        service, ignore = self._service, self._ignore
        import inspect  # noqa: PLC0415 - 2 MiB that only this needs

        guarded: Any
        if inspect.iscoroutinefunction(function):

            async def guarded(*args: Any, **kwargs: Any) -> Any:
                with breaker(service, ignore=ignore):
                    return await function(*args, **kwargs)

        else:

            def guarded(*args: Any, **kwargs: Any) -> Any:
                with breaker(service, ignore=ignore):
                    return function(*args, **kwargs)

        wrapped: Any = functools.wraps(function)(guarded)
        return cast("Function", wrapped)


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
