"""Run a Python function in this process: loaded once, called with the input as keyword arguments.

Whatever the function raises, KeyboardInterrupt and SystemExit included, ends the attempt and not
the worker. A coroutine runs on one event loop that is kept from attempt to attempt.
"""

from __future__ import annotations

import importlib
import os
import select
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from fnr.api.frames import Output, Run, WorkerSpec
from fnr.host import own_use
from fnr.host.clock import Clock
from fnr.host.limits import apply_limits
from fnr.host.subreaper import children_since
from fnr.policy.chaos import WorkerFault
from fnr.policy.evidence import WORKER_GOT, Evidence, KilledBy, Phase
from fnr.worker.capture import capture
from fnr.worker.control import Control
from fnr.worker.duty import Duty
from fnr.worker.interrupt import Interrupted, Interrupts, new_poll
from fnr.worker.outcome import Ended, encode_result, killer, refused_input
from fnr.worker.own_log import OwnLog
from fnr.worker.signature import Signature, signature_of

if TYPE_CHECKING:
    import asyncio

_NS_PER_MS = 1_000_000
# A daemon that is there insists after a second at most.
INSIST_MS = 5_000
LOOK_MS = 20


class PythonFunction:
    """The function of this worker."""

    def __init__(
        self,
        spec: WorkerSpec,
        *,
        duty: Duty,
        control: Control,
        interrupts: Interrupts,
        log: OwnLog,
        clock: Clock,
    ) -> None:
        self._spec = spec
        self._duty = duty
        self._control = control
        self._interrupts = interrupts
        self._log = log
        self._clock = clock
        self._function: Callable[..., Any] = _not_loaded
        self._signature = Signature()
        self._runner: asyncio.Runner | None = None
        self._peak_mib = 0
        # The working folder as it is when everything is loaded.
        self._folder = -1
        duty.on_cancel = self._on_cancel
        self._cancel_task: Callable[[], None] | None = None

    def load(self) -> Evidence | None:
        """Import the function; evidence when that fails. Raises Interrupted."""
        with self._duty.lock:
            self._control.watch()
        limits = self._spec.limits
        try:
            # cpu_time and file_size count anew for every attempt: process and log live on.
            apply_limits(memory_mib=limits.memory_mib, files=limits.files)
            self._interrupts.guard()
            if self._spec.fault is not None:
                self._meet_at_start(self._spec.fault)
            with own_use.file_size_limited(limits.file_size_mib, beside=self._log.size()):
                self._function = self._found()
                self._signature = signature_of(self._function)
                self._folder = os.open(".", os.O_PATH | os.O_CLOEXEC)
            self._interrupts.open = False
            if self._interrupts.forked:
                _leave_copy(b"")
            if self._has_lost_descriptors():
                raise ImportError("importing it closes file descriptors of its worker")
        except Interrupted:
            raise
        except BaseException as error:  # noqa: BLE001 - importing runs foreign code
            self._interrupts.open = False
            evidence = self._capture(error, Phase.IMPORT)
            if self._interrupts.forked:
                _leave_copy(evidence)
            self._has_lost_descriptors()
            return self._with_drill(evidence)
        self._peak_mib = own_use.peak_mib()
        return None

    def run(self, run: Run) -> Ended:
        """Run one attempt."""
        with self._duty.lock:
            self._control.watch()
        log_from = self._log.size()
        cpu_from_ns = own_use.cpu_ns()
        if self._spec.limits.cpu_time_s is not None:
            own_use.limit_cpu_from_here(self._spec.limits.cpu_time_s)
        file_size_mib = self._spec.limits.file_size_mib
        try:
            if file_size_mib is None:
                result = self._call(run)
            else:
                with own_use.file_size_limited(file_size_mib, beside=log_from):
                    result = self._call(run)
        except Interrupted as error:  # between the end of the function and the end of its guard
            result = self._failed(error, Phase.RUN)
        if self._interrupts.forked:
            _leave_copy(result)
        _flush()
        self._has_lost_descriptors()
        if self._duty.cancel is not None:
            self._see_off_what_it_left()
        log_to = self._log.size()
        output = Output(
            log_path=self._log.path,
            log_from=log_from,
            log_to=log_to,
            cpu_ms=(own_use.cpu_ns() - cpu_from_ns) // _NS_PER_MS,
            peak_mib=self._grown_to_mib(),
        )
        leave = self._why_leave(log_to, file_size_mib)
        if isinstance(result, bytes):
            return Ended(result=result, output=output, leave=leave)
        tail = self._log.tail(log_from, log_to)
        return Ended(evidence=replace(result, stderr_tail=tail), output=output, leave=leave)

    def _found(self) -> Callable[..., Any]:
        if self._spec.comfyui is None:
            return find(self._spec.python)
        from fnr.worker.comfyui import Workflow  # noqa: PLC0415 - 10 MiB for who asks a server

        return Workflow(self._spec.comfyui, clock=self._clock)

    def close(self) -> None:
        """Let unfinished coroutines clean up behind themselves."""
        if self._runner is not None:
            with suppress(OSError):  # a function may have closed what the loop waits by
                self._runner.close()

    def _has_lost_descriptors(self) -> bool:
        """Has foreign code closed some of ours? Then we go on without them, to say what came."""
        self._log.size()
        self._log.keep_streams()
        if self._log.regained:
            with self._duty.lock:
                self._duty.mend()
        return self._log.regained

    def _see_off_what_it_left(self) -> None:
        """Who was asked to end may have ended alone, as a coroutine does, and left its processes.

        Until they are gone the attempt is not over: the daemon insists, and ends all of the group.
        """
        poll = new_poll()
        poll.register(self._interrupts.fd, select.POLLIN)
        until_ms = self._clock.boot_ms() + INSIST_MS
        with suppress(Interrupted):
            while children_since(self._duty.since_ms) and self._clock.boot_ms() < until_ms:
                self._interrupts.wait(poll, LOOK_MS)

    def _why_leave(self, log_to: int, file_size_mib: int | None) -> str:
        if self._log.regained:
            return "its function closed file descriptors of the worker"
        # A log that goes on for ever would let files grow for ever as well.
        return "log_size" if file_size_mib is not None and log_to >= file_size_mib << 20 else ""

    def _call(self, run: Run) -> bytes | Evidence:
        phase = Phase.RUN
        interrupts = self._interrupts
        try:
            arguments = msgspec.json.decode(run.input)
            if mismatch := self._mismatch(arguments):
                return refused_input(TypeError, mismatch)
            function = self._function if run.fault is None else self._faulty(run, run.fault)
            # The attempt before may have gone elsewhere, and whose turn comes next is chance.
            os.fchdir(self._folder)
            interrupts.guard()
            value = function(**arguments)
            if hasattr(type(value), "__await__"):
                value = self._await(value)
            interrupts.open = False
            phase = Phase.RESULT
            return encode_result(value)
        except BaseException as error:  # noqa: BLE001 - whatever it raises is its failure, not ours
            interrupts.open = False
            return self._failed(error, phase)

    def _faulty(self, run: Run, fault: WorkerFault) -> Callable[..., Any]:
        """The function with a drill's fault in its place."""
        from fnr.worker.fault_point import in_attempt  # noqa: PLC0415 - only while a drill runs

        return in_attempt(
            fault,
            run,
            spec=self._spec,
            lock=self._duty.lock,
            function=self._function,
            clock=self._clock,
        )

    def _meet_at_start(self, fault: WorkerFault) -> None:
        from fnr.worker.fault_point import at_start  # noqa: PLC0415 - only while a drill runs

        at_start(fault, spec=self._spec, clock=self._clock)

    def _with_drill(self, evidence: Evidence) -> Evidence:
        fault = self._spec.fault
        return evidence if fault is None else replace(evidence, drill=fault.drill_id)

    def _mismatch(self, arguments: object) -> str:
        if not isinstance(arguments, dict):
            return f"the input must be a JSON object, not {type(arguments).__name__}"
        return self._signature.mismatch(arguments)

    def _failed(self, error: BaseException, phase: Phase) -> Evidence:
        evidence = self._control.described(self._capture(error, phase), error)
        cancel = self._duty.cancel
        if phase is not Phase.RUN:
            return evidence
        if cancel is not None:
            killed_by, why = killer(cancel.reason), cancel.why or f"asked to end: {cancel.reason}"
        elif self._interrupts.asked:
            killed_by, why = KilledBy.OPERATOR, f"{WORKER_GOT} {self._interrupts.signal.name}"
        else:
            return evidence
        return replace(evidence, killed_by=killed_by, kill_reason=why)

    def _capture(self, error: BaseException, phase: Phase) -> Evidence:
        return capture(error, phase=phase, now_ms=self._clock.now_ms())

    def _await(self, value: Awaitable[Any]) -> Any:
        """Run a coroutine to its end. A signal cancels it instead of raising in the event loop."""
        import asyncio  # noqa: PLC0415 - 7 MiB that only async functions need

        if self._runner is None:
            self._runner = asyncio.Runner()
        loop = self._runner.get_loop()

        async def whole() -> Any:
            return await value

        task = loop.create_task(whole())

        def cancel() -> None:
            loop.call_soon_threadsafe(task.cancel)

        self._interrupts.soft = self._cancel_task = cancel
        self._interrupts.open = False
        if self._duty.cancel is not None or self._interrupts.asked:
            cancel()
        try:
            return loop.run_until_complete(task)
        except BaseException:
            if not task.done():
                # Another task has ended the loop, by SystemExit or stop(): what is left of this
                # one would go on beside the next attempt.
                task.cancel()
                with suppress(BaseException):
                    loop.run_until_complete(task)
            raise
        finally:
            self._interrupts.soft = self._cancel_task = None

    def _on_cancel(self) -> None:
        if (cancel := self._cancel_task) is not None:
            cancel()

    def _grown_to_mib(self) -> int | None:
        """The peak, if this attempt set it; an older peak says nothing about this attempt."""
        peak_mib = own_use.peak_mib()
        if peak_mib <= self._peak_mib:
            return None
        self._peak_mib = peak_mib
        return peak_mib


def find(name: str) -> Callable[..., Any]:
    """The callable "pkg.mod:name"; raises whatever importing it raises."""
    module_name, _, path = name.partition(":")
    if not module_name or not path:
        raise ValueError(f"python = {name!r} must read 'package.module:callable'")
    found: Any = importlib.import_module(module_name)
    for part in path.split("."):
        owner, found = found, getattr(found, part)
    if isinstance(owner, type) and _wants_self(found):
        raise TypeError(f"{name} is a method, and there is no object to call it on")
    if not callable(found):
        raise TypeError(f"{name} is {type(found).__name__}, which cannot be called")
    function: Callable[..., Any] = found
    return function


def _wants_self(found: object) -> bool:
    """Is it a method as its class has it? The submitter would be asked for an input "self"."""
    code = getattr(found, "__code__", None)
    return code is not None and code.co_varnames[: code.co_argcount][:1] == ("self",)


def _flush() -> None:
    for name in ("stdout", "stderr"):
        # The disk may be full, and foreign code may have closed or deleted the stream, or put in
        # its place something that raises whatever it likes.
        try:  # noqa: SIM105 - twice for each attempt, and `suppress` is five calls
            getattr(sys, name).flush()
        except BaseException:  # noqa: BLE001, S110 - see above
            pass


def _leave_copy(result: bytes | Evidence) -> None:
    """A fork of this process came back from foreign code; the original goes on as the worker."""
    code = 0
    if not isinstance(result, bytes):
        # Of sys.exit(), by which copies end as others do, it is what that was given.
        code = 1 if result.exit_code is None else result.exit_code
        if code:
            os.write(2, result.traceback.encode())
    _flush()
    os._exit(code)


def _not_loaded(**_: object) -> None:
    raise AssertionError("load() comes first")
