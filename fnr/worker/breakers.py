"""Calls to services that a function guards itself: `with fnr.breaker("storage"):`.

While the breaker is closed a call costs one read of the record that the daemon shows, and nothing
is sent unless it fails. What fails is told to the daemon, which names the failure and decides
whether it speaks against the service.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar, Token
from typing import Self

from msgspec.structs import replace

from fnr.api.frames import Called, Unseen
from fnr.host.breaker_file import BreakerRecord, BreakerView
from fnr.host.clock import Clock
from fnr.policy.evidence import Evidence, Phase
from fnr.worker.capture import capture, chain_of
from fnr.worker.duty import Duty
from fnr.worker.sdk import BreakerOpen, refusal
from fnr.worker.wrong_call import WrongCallError

# A service that fails is told of often enough by the first calls.
REPORTS_PER_S_MAX = 50
UNSEEN_EVERY_MS = 1_000
# When nobody knows when the next call may be tried.
RETRY_MS = 1_000
# A record that was seen closed is not read again within this.
FRESH_NS = 1_000_000
_MARK = "__fnr_service__"
_NOT_SEEN = BreakerRecord(name="", state="closed")
_REFUSING = frozenset({"open", "forced_open"})
# Services that the code at hand is the trial of: what it calls in turn belongs to the trial.
_trying: ContextVar[frozenset[str]] = ContextVar("trying", default=frozenset())


class Quiet:
    """A call while its breaker is closed and nothing has failed: shared by all of them.

    fresh_until_ns: the record is read again after this, on the clock of ticks.
    """

    __slots__ = ("_calls", "fresh_until_ns", "record")

    def __init__(self, record: BreakerRecord, calls: Calls, fresh_until_ns: int) -> None:
        self.record = record
        self.fresh_until_ns = fresh_until_ns
        self._calls = calls

    def end(self, error: BaseException | None) -> None:
        """It has ended."""
        if error is not None and _tells(error, ()):
            self._calls.failed(self.record.name, self.record.generation, error)


class Guard:
    """A guarded call that is more than a quiet one: a trial, or one that the daemon listens to."""

    __slots__ = ("_calls", "_context", "_ignore", "_record", "_since_ms", "_trial", "_view")

    def __init__(
        self, view: BreakerView, calls: Calls, ignore: tuple[type[BaseException], ...]
    ) -> None:
        self._view = view
        self._calls = calls
        self._ignore = ignore
        self._trial = False
        self._context: Token[frozenset[str]] | None = None

    def begin(self, record: BreakerRecord | None) -> Self:
        """Begin under what was seen of the breaker, or raise BreakerOpen."""
        if record is None or record.state != "closed":
            record = self._calls.admit(self._view, record)
            if record.state == "half_open":
                self._try(record)
        self._record = record
        if record.call_max_ms:
            self._since_ms = self._calls.begun(self, record.call_max_ms)
        return self

    def end(self, error: BaseException | None) -> None:
        """It has ended."""
        limited = bool(self._record.call_max_ms)
        told = limited and self._calls.was_slow(self, failed=error is not None)
        if error is None:
            if not told and self._record.listens and not self._belongs_to_trial():
                self._calls.told(self._view.name, self._record.generation, None)
        elif _tells(error, self._ignore):
            self._calls.failed(self._view.name, self._record.generation, error, told=told)
        if self._context is not None:
            with suppress(ValueError):  # another context ends it: a generator's, say
                _trying.reset(self._context)
            self._context = None
        if self._trial:
            self._trial = False
            self._calls.trials.release(self._view.name)

    def slow(self, now_ms: int) -> None:
        """It has run for longer than a call to its service may."""
        taken_ms = now_ms - self._since_ms
        self._calls.told(self._view.name, self._record.generation, None, slow_ms=taken_ms)

    def _try(self, record: BreakerRecord) -> None:
        """Begin a trial, or be part of one; raises BreakerOpen when another has it."""
        name, trials = self._view.name, self._calls.trials
        if name in trials.own or name in _trying.get():
            return
        if not trials.take(name):
            raise BreakerOpen(name, "half open, and its trial runs", RETRY_MS / 1_000)
        again = self._view.look()
        if again is None or again.generation != record.generation:
            # The last trial has ended between our look and our lease.
            trials.release(name)
            raise BreakerOpen(name, "changing", RETRY_MS / 1_000)
        self._trial = True
        self._context = _trying.set(_trying.get() | {name})

    def _belongs_to_trial(self) -> bool:
        """A call within a trial: the success of the whole is told, not that of each part."""
        name = self._view.name
        if self._record.state != "half_open" or self._trial:
            return False
        return name in self._calls.trials.own or name in _trying.get()


class Calls:
    """All guarded calls of this worker."""

    def __init__(
        self,
        duty: Duty,
        *,
        path: str,
        clock: Clock,
        wake: Callable[[], None],
        wake_at: Callable[..., None],
    ) -> None:
        self.trials = duty.trials
        self._duty = duty
        self._path = path
        self._clock = clock
        self._boot_ms = clock.boot_ms
        self._ticks_ns = clock.ticks_ns
        self._boot_id = clock.boot_id()
        self._wake = wake
        self._wake_at = wake_at
        self._views: dict[str, BreakerView] = {}
        self._guarded: set[str] = set()
        # By name, and only of services that this attempt has called already.
        self._quiet: dict[str, Quiet] = {}
        self._unseen_at_ms: dict[str, int] = {}
        # Calls that may take only so long, with the moment (boot clock) at which that is over. Who
        # takes one out tells of it: the end of the call, or the control thread while it lasts.
        self._limited: dict[Guard, int] = {}
        self._second = 0
        self._told_in_second = 0

    def guard(self, name: str, ignore: tuple[type[BaseException], ...]) -> Quiet | Guard:
        """Begin one call, or raise BreakerOpen."""
        # The way of nearly every call: nothing may stand here that does not have to.
        quiet = self._quiet.get(name)
        if quiet is not None and not ignore and self._ticks_ns() < quiet.fresh_until_ns:
            return quiet
        fresh_until_ns = self._ticks_ns() + FRESH_NS
        view = self._views.get(name)
        if view is None:
            check_name(name)
            view = self._views.setdefault(name, BreakerView(self._path, self._boot_id, name))
        record = view.look()
        if quiet is not None and quiet.record is record and not ignore:
            quiet.fresh_until_ns = fresh_until_ns
            return quiet
        self._guarded.add(name)
        ordinary = record is not None and record.state == "closed" and not record.listens
        if record is not None and ordinary and not record.call_max_ms:
            self._quiet[name] = Quiet(record, self, fresh_until_ns)
        else:
            self._quiet.pop(name, None)
        return Guard(view, self, ignore).begin(record)

    def begin(self) -> None:
        """Another attempt begins."""
        if self._guarded:
            self._guarded = set()
            self._quiet = {}

    def find_anew(self) -> None:
        """A daemon took us on: what an earlier one showed need not be where this one writes."""
        for view in [*self._views.values()]:
            view.find_anew()

    def admit(self, view: BreakerView, record: BreakerRecord | None) -> BreakerRecord:
        """Let a call begin, or raise BreakerOpen; the record that it begins under."""
        if record is None:
            self._miss(view.name)
            # What is not seen any more still counts for as long as it said it would.
            record = view.last or _NOT_SEEN
            if record.state == "half_open" or self._left_ms(record) <= 0:
                return replace(record, state="closed", listens=False)
        if record.state in _REFUSING:
            left_ms = self._left_ms(record)
            why = f"open for another {-(-left_ms // 1_000)} s" if left_ms > 0 else "open"
            after_s = max(left_ms, RETRY_MS) / 1_000
            raise BreakerOpen(view.name, why, after_s, ends_by_itself=left_ms > 0)
        return record

    def failed(
        self, service: str, generation: int, error: BaseException, *, told: bool = False
    ) -> None:
        """A guarded call has raised. told: that it was slow, and one call counts once."""
        if getattr(error, _MARK, None) is None:
            with suppress(Exception):  # a foreign class may allow no attribute
                setattr(error, _MARK, service)
        if told:
            return
        evidence = capture(error, phase=Phase.RUN, now_ms=self._clock.now_ms())
        self.told(service, generation, replace(evidence, traceback="", service=service))

    def begun(self, guard: Guard, call_max_ms: int) -> int:
        """A call that may take only so long has begun: now, boot clock."""
        now_ms = self._boot_ms()
        self._limited[guard] = now_ms + call_max_ms
        self._wake_at(now_ms + call_max_ms, now_ms=now_ms)
        return now_ms

    def was_slow(self, guard: Guard, *, failed: bool) -> bool:
        """Whether the call that ends is told of as slow; a failure speaks for itself."""
        until_ms = self._limited.pop(guard, None)
        if until_ms is None:
            return True
        now_ms = self._boot_ms()
        if failed or now_ms < until_ms:
            return False
        guard.slow(now_ms)
        return True

    def look(self, now_ms: int) -> int | None:
        """Tell of calls that last for too long; when the next one will, None: there is none."""
        for guard, until_ms in self._limited.copy().items():
            if now_ms >= until_ms and self._limited.pop(guard, None) is not None:
                guard.slow(now_ms)
        return min(self._limited.copy().values(), default=None)

    def told(
        self, service: str, generation: int, evidence: Evidence | None, *, slow_ms: int = 0
    ) -> None:
        """Let the daemon know how a call ended, or that it takes long."""
        second = self._clock.boot_ms() // 1_000
        if second != self._second:
            self._second, self._told_in_second = second, 0
        self._told_in_second += 1
        if self._told_in_second > REPORTS_PER_S_MAX:
            return
        run = self._duty.running
        token = None if run is None else run.token
        self._duty.report(
            Called(
                service=service,
                generation=generation,
                token=token,
                evidence=evidence,
                slow_ms=slow_ms,
            )
        )
        self._wake()

    def described(self, evidence: Evidence, error: BaseException) -> Evidence:
        """The end of an attempt with what is known of the services it called."""
        if not self._guarded:
            return evidence
        refused = refusal(error)
        if refused is not None:
            return refused.told(evidence)
        marks = [mark for link in chain_of(error) if (mark := getattr(link, _MARK, None))]
        service = marks[-1] if marks and isinstance(marks[-1], str) else ""
        return replace(evidence, service=service, guarded=tuple(sorted(self._guarded)))

    def _left_ms(self, record: BreakerRecord) -> int:
        return record.until_ms - self._clock.boot_ms()

    def _miss(self, name: str) -> None:
        now_ms = self._clock.boot_ms()
        if now_ms - self._unseen_at_ms.get(name, -UNSEEN_EVERY_MS) >= UNSEEN_EVERY_MS:
            self._unseen_at_ms[name] = now_ms
            self._duty.report(Unseen(services=(name,)))
            self._wake()


def check_name(name: str) -> None:
    """A name that no breaker can have would guard nothing, and say nothing of it."""
    from fnr.config.breaker_words import service_names  # noqa: PLC0415 - once for each service

    try:
        service_names([name])
    except ValueError as error:
        raise WrongCallError(f"fnr.breaker: {error}") from None


def _tells(error: BaseException, ignore: tuple[type[BaseException], ...]) -> bool:
    """Does this say anything of the service? An interruption and a refusal do not."""
    return isinstance(error, Exception) and not isinstance(error, (BreakerOpen, *ignore))
