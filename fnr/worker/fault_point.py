"""Where a fault can come in the place of a function: only for attempts that a drill has marked.

A fault acts while its dead-man process lives and not a moment longer; who comes too late finds the
function as it is. What is met is written down first, which proves the effect however it ends.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from fnr.api.frames import Run, WorkerSpec
from fnr.host.chaos_records import Effect, is_held, note_effect
from fnr.host.clock import Clock
from fnr.host.procfs import pid_start
from fnr.policy.chaos import WorkerFault


class FaultPoint(Struct, frozen=True, kw_only=True):
    """What a fault has to do with.

    lock: without it the control thread can do nothing. call: the function itself.
    """

    fault: WorkerFault
    lock: threading.Lock
    memory_mib: int | None
    call: Callable[[], Any]
    arguments: dict[str, Any]

    def option(self, name: str) -> str:
        """An option of the fault; "@NAME" stands for what the task's input says."""
        value = self.fault.options[name]
        return str(self.arguments.get(value[1:], "-")) if value.startswith("@") else value

    @property
    def held(self) -> bool:
        """Whether the fault is to act still."""
        return is_held(self.fault.folder)


def in_attempt(
    fault: WorkerFault,
    run: Run,
    *,
    spec: WorkerSpec,
    lock: threading.Lock,
    function: Callable[..., Any],
    clock: Clock,
) -> Callable[..., Any]:
    """What to call in the place of the function."""

    def faulty(**arguments: Any) -> Any:
        point = FaultPoint(
            fault=fault,
            lock=lock,
            memory_mib=spec.limits.memory_mib,
            call=lambda: function(**arguments),
            arguments=arguments,
        )
        met = _met(spec, clock, task_id=run.task_id, token=run.token)
        if not point.held or not note_effect(fault.folder, met):
            return point.call()
        return _deed(fault)(point)

    return faulty


def at_start(fault: WorkerFault, *, spec: WorkerSpec, clock: Clock) -> None:
    """Meet a fault while loading; raises what it raises."""
    point = FaultPoint(
        fault=fault, lock=threading.Lock(), memory_mib=None, call=_nothing, arguments={}
    )
    if point.held and note_effect(fault.folder, _met(spec, clock)):
        _deed(fault)(point)


def _met(spec: WorkerSpec, clock: Clock, *, task_id: str = "", token: str = "") -> Effect:
    return Effect(
        at_ms=clock.now_ms(),
        pid=os.getpid(),
        pid_start=pid_start(os.getpid()) or 0,
        function=spec.function,
        task_id=task_id,
        token=token,
    )


def _deed(fault: WorkerFault) -> Callable[[FaultPoint], Any]:
    module = importlib.import_module(f"fnr.worker.faults.{fault.fault.replace('-', '_')}")
    deed: Callable[[FaultPoint], Any] = module.meet
    return deed


def _nothing() -> None:
    """Loading has nothing to call."""
