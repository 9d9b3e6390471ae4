"""What a function may ask of, and tell, the worker that runs it; the whole of it fits on a page.

In a plain script, without a worker, everything here does nothing and says so once, so a function
can be tried out as it is.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from contextlib import suppress
from os import PathLike, fspath
from threading import get_ident
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, cast

import msgspec
from msgspec import Struct

from fnr.policy.evidence import CHAIN_MAX, Evidence
from fnr.policy.json_numbers import as_builtin, number_lost
from fnr.policy.nesting import is_deeper_than
from fnr.policy.raw_json import raw_problem
from fnr.policy.task import RESULT_DEPTH_MAX
from fnr.worker.wishes import Reject, Retry, Wait
from fnr.worker.wrong_call import WrongCallError

__all__ = ["Reject", "Retry", "Wait"]

Function = TypeVar("Function", bound=Callable[..., Any])
CHECKPOINT_BYTES_MAX = 1024 * 1024


class AttemptInfo(Struct, frozen=True, kw_only=True):
    """Which attempt is running.

    number: 1 for the first try at the task.
    key:    the same for every attempt at this task and for no other task: an idempotency key.
    checkpoint: what an earlier attempt at it kept; None when there is nothing.
    """

    task_id: str = ""
    number: int = 0
    token: str = ""
    key: str = ""
    checkpoint: Any = None


class BreakerOpen(Exception):
    """A service is not to be called now; fnr parks the task until it may be, at no cost.

    service: its name. retry_after: seconds until it may be tried, as far as that is known.
    """

    def __init__(
        self, service: str, why: str, retry_after: float, *, ends_by_itself: bool = True
    ) -> None:
        super().__init__(f"breaker {service} is {why}")
        self.service = service
        self.retry_after = retry_after
        self._why = why
        # False: its rest is over, and nobody knows when its probe succeeds.
        self._ends_by_itself = ends_by_itself

    def __reduce__(self) -> tuple[object, ...]:
        """As a pool of processes hands it on: made anew from what it was made of."""
        return type(self), (self.service, self._why, self.retry_after), self.__dict__

    def told(self, evidence: Evidence) -> Evidence:
        """The end of an attempt that this refusal has ended."""
        return msgspec.structs.replace(
            evidence,
            message=str(self),
            refused_by=self.service,
            retry_after_ms=round(self.retry_after * 1_000) if self._ends_by_itself else None,
        )


def refusal(error: BaseException) -> BreakerOpen | None:
    """The refusal that ended an attempt: itself, or as the declared cause of what was raised."""
    link: BaseException | None = error
    for _ in range(CHAIN_MAX):
        if link is None or isinstance(link, BreakerOpen):
            return link
        link = link.__cause__
    return None


class Guarded(Protocol):
    """One guarded call that has begun."""

    def end(self, error: BaseException | None) -> None:
        """It has ended: well, or with what it raised."""


class Host(Protocol):
    """What the worker provides."""

    def report_progress(self, done: float, total: float | None, stage: str, preview: str) -> None:
        """Pass on how far the attempt is."""

    def keep_checkpoint(self, body: bytes) -> bool:
        """Have it stored; whether it is."""

    def is_cancelled(self) -> bool:
        """Whether the running attempt was asked to end."""

    def running_attempt(self) -> AttemptInfo:
        """Which attempt is running."""

    def guard(self, service: str, ignore: tuple[type[BaseException], ...]) -> Guarded:
        """Begin a guarded call to a service, or raise BreakerOpen."""


class _Place:
    """Where this module runs: inside a worker, or nowhere."""

    host: Host | None = None
    warned = False


def progress(
    done: float,
    total: float | None = None,
    *,
    stage: str = "",
    preview: str | PathLike[str] = "",
) -> None:
    """Say how far the work is; cheap, never blocks, and shown at most ten times a second.

    It also tells a progress_timeout that the work is getting somewhere.
    preview: a file that shows the work so far, such as an image.
    """
    # Here, so that what is no number is found out by a test and in a plain script as well.
    done, total, preview = float(done), None if total is None else float(total), fspath(preview)
    if (here := _host("progress")) is not None:
        here.report_progress(done, total, str(stage), preview)


def checkpoint(data: Any) -> bool:
    """Keep data (JSON) for the next attempt at this task, in place of what was kept before.

    The next attempt finds it in `fnr.attempt().checkpoint`, if it has the same function and input.
    Waits until the daemon has it on disk: True then, and it survives a SIGKILL of everybody. False
    when nobody took it within 5 seconds; it is still on its way, so just go on.
    Raises TypeError for what is no JSON, ValueError for NaN, infinity, above 1 MiB and 500 levels:
    store that yourself, keep where.
    """
    body = _flat_enough(data)
    if problem := raw_problem(data, body):
        raise ValueError(f"the checkpoint holds {problem}")
    if number := number_lost(data, body):
        raise WrongCallError(f"the checkpoint holds {number}, which is not JSON")
    if len(body) > CHECKPOINT_BYTES_MAX:
        raise WrongCallError(f"a checkpoint of {len(body)} bytes; at most {CHECKPOINT_BYTES_MAX}")
    here = _host("checkpoint")
    return here.keep_checkpoint(body) if here is not None else False


def _flat_enough(data: Any) -> bytes:
    deep = f"the checkpoint is nested deeper than {RESULT_DEPTH_MAX} levels"
    try:
        body = msgspec.json.encode(data, enc_hook=as_builtin)
    except RecursionError:
        raise WrongCallError(deep) from None
    if is_deeper_than(RESULT_DEPTH_MAX, body):
        raise WrongCallError(deep)
    return body


def cancelled() -> bool:
    """Whether to stop: the task was cancelled, or its time is up.

    Clean up and raise an exception soon; otherwise the worker is ended by force. Returning counts
    as success.
    """
    here = _host("cancelled")
    return here.is_cancelled() if here is not None else False


class breaker:  # noqa: N801 - reads as the word it stands for: `with fnr.breaker("storage"):`
    """Guard calls to a service: `with`, `async with`, or above a function.

    While its breaker is open the call does not begin and BreakerOpen is raised; let it through,
    and fnr parks the task until the service may be tried, at no cost. An exception that leaves the
    call is a failure of the service, unless fnr finds that the input was wrong.

    ignore: exceptions that say nothing of the service. One object may guard any number of calls
    at once, of threads and of coroutines.
    """

    __slots__ = ("_guard", "_ignore", "_others", "_service")

    def __init__(
        self,
        service: str,
        *,
        ignore: type[BaseException] | tuple[type[BaseException], ...] = (),
    ) -> None:
        self._service = service
        # As behind `except`: one of them stands for itself.
        self._ignore = (ignore,) if isinstance(ignore, type) else ignore
        self._guard: Guarded | None = None
        # What began while that one had not ended: by who began it, the latest last.
        self._others: dict[object, list[Guarded]] | None = None

    def __enter__(self) -> Self:
        host = _Place.host or _host("breaker")
        if host is not None:
            guard = host.guard(self._service, self._ignore)
            if self._guard is None:
                self._guard = guard
            else:
                if self._others is None:
                    self._others = {}
                self._others.setdefault(_runner(), []).append(guard)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        guard = self._guard
        if self._others:
            guard = self._ending(self._others)
        else:
            self._guard = None
        if guard is not None:
            guard.end(error)

    def _ending(self, others: dict[object, list[Guarded]]) -> Guarded | None:
        """Of several calls the one that ends here: the latest of who runs now."""
        runner = _runner()
        if runner not in others and self._guard is None:
            # Begun by somebody else, as a generator may be.
            runner = next(iter(others))
        if runner in others:
            guard = others[runner].pop()
            if not others[runner]:
                del others[runner]
            return guard
        first, self._guard = self._guard, None
        return first

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


def _runner() -> object:
    """Who runs now: a task of asyncio, or a thread."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None:
        with suppress(RuntimeError):  # no loop runs in this thread
            if (task := asyncio.current_task()) is not None:
                return task
    return get_ident()


def attempt() -> AttemptInfo:
    """Which attempt is running."""
    here = _host("attempt")
    return here.running_attempt() if here is not None else AttemptInfo()


def host() -> Host | None:
    """Who answers now."""
    return _Place.host


def set_host(other: Host | None) -> None:
    """Say who answers; for the worker only. None in a forked copy, which is no worker."""
    _Place.host = other
    _Place.warned = other is None


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
