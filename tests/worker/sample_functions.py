"""Functions for the workers under test; they wait at gates, never for a time."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import ctypes
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

import fnr

calls: list[None] = []


def nothing() -> None:
    """The least a function can do."""


def echo(a: int, b: str = "b", *, c: object = None) -> list[object]:
    return [a, b, c]


def anything(**given: Any) -> dict[str, Any]:
    return given


class Renderer:
    """What a function may be called when it is in a class."""

    of_object: Renderer

    def render(self, scene: str) -> str:
        return scene

    def kept_in(scene: str) -> str:  # type: ignore[misc]  # noqa: N805 - a class as a folder
        return scene

    @staticmethod
    def as_static(scene: str) -> str:
        return scene

    @classmethod
    def as_class(cls, scene: str) -> str:
        return scene


Renderer.of_object = Renderer()


def count_calls() -> int:
    calls.append(None)
    return len(calls)


def prints_and_writes(printed: int, file: str, written: int) -> int:
    """Prints so many bytes, and writes so many into a file."""
    print("x" * printed, flush=True)
    return Path(file).write_bytes(b"x" * written)


def limits_itself(bytes_max: int) -> str:
    """As a user who may not raise a limit again."""
    if os.geteuid() == 0:
        os.seteuid(65_534)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, bytes_max))
    return "done"


def goes_to(folder: str) -> str:
    """Says where it begins, then goes elsewhere."""
    begun = str(Path.cwd())
    os.chdir(folder)
    return begun


kept: list[object] = []


def opens_all() -> None:
    """Opens files until it may open no more, and closes none; its module imports nothing."""
    sys.modules.pop("traceback", None)
    while True:
        kept.append(open(os.devnull))  # noqa: SIM115, PTH123 - that is its mistake


class _Odd:
    """A stream as somebody wrote it who never flushes."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        raise RuntimeError("nothing to flush")


def replaces_stdout() -> str:
    for name in ("stdout", "stderr"):
        setattr(sys, name, _Odd())
    return "done"


def at_gate(gate: str) -> str:
    """Says that it has begun, waits at the gate, returns what came through it."""
    fnr.progress(1)
    return Path(gate).read_text()


def ask_then_end(gate: str, answer: str = "cancelled") -> str:
    fnr.progress(1)
    Path(gate).read_text()
    if fnr.cancelled():
        raise RuntimeError(answer)
    return "not cancelled"


def with_finally(note: str) -> None:
    """Waits for ever; what it does at its end shows that its end was a gentle one."""
    try:
        fnr.progress(1)
        threading.Event().wait()
    finally:
        with_finally_note(note)


def with_finally_note(note: str) -> None:
    Path(note).write_text("cleaned up")


def deaf_to_sigterm(gate: str) -> str:
    try:
        fnr.progress(1)
        threading.Event().wait()
    except BaseException:  # noqa: BLE001 - being deaf is the point
        fnr.progress(2)
        return Path(gate).read_text()
    return "never"


def fail_with(kind: str = "ValueError", message: str = "no good") -> None:
    print("on stdout")
    print("on stderr", file=sys.stderr)
    raise {"ValueError": ValueError, "TypeError": TypeError, "OSError": OSError}[kind](message)


def leave(code: object = 3) -> None:
    raise SystemExit(code)


def interrupt() -> None:
    raise KeyboardInterrupt


def returns(what: str) -> object:
    return {
        "an object": object(),
        "nan": {"deep": [1.0, float("nan")]},
        "a null": {"deep": [None, 1.5]},
        "too much": "x" * (10 * 1024 * 1024),
        "half a pair": "\ud800",
        "raw": {"raw": msgspec.Raw(b"[1,\n 2]")},
        "raw words": {"raw": msgspec.Raw(b"no JSON")},
        "raw bytes": msgspec.Raw(b'"\xff"'),
        # As deep as the worker itself can write: who reads it stands lower on its stack.
        "too deep": nested(900),
        "endless": endless(),
        "deep": nested(500),
    }[what]


def nested(levels: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(levels - 1):
        found = [found]
    return found


def endless() -> list[Any]:
    """It holds itself."""
    found: list[Any] = []
    found.append(found)
    return found


def prints(text: str, times: int = 1) -> int:
    for _ in range(times):
        print(text)
    return times


def place() -> list[str]:
    return [str(Path.cwd()), sys.path[0], os.read(0, 10).decode()]


def allocate(mib: int) -> int:
    return len(bytearray(mib << 20))


def crash() -> None:
    ctypes.string_at(0)


def attempt_info() -> dict[str, Any]:
    return msgspec.to_builtins(fnr.attempt())


def report(steps: int, gate: str) -> int:
    """Reports as fast as it can; the last report is the highest."""
    for step in range(steps + 1):
        fnr.progress(step, steps, stage="counting")
    Path(gate).read_text()
    return steps


def forks(ends: object = None) -> int:
    """Comes back twice; only one of the two is the worker, and says how the other one ended."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if ends is not None:
        raise SystemExit(ends)
    return 1


def run_child(note: str) -> str:
    """Leaves a child behind, as a pool of processes would."""
    child = subprocess.Popen(["sleep", "1000"])
    Path(note).write_text(str(child.pid))
    return "done"


async def loop_id(delay_turns: int = 1) -> int:
    for _ in range(delay_turns):
        await asyncio.sleep(0)
    return id(asyncio.get_running_loop())


async def waits_for_ever(note: str) -> None:
    try:
        fnr.progress(1)
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        with_finally_note(note)


async def leaves_a_child(pipe: str) -> None:
    """Waits for ever; what it has started goes on until somebody writes into the pipe."""
    _left_behind.append(await asyncio.create_subprocess_exec("cat", pipe))
    fnr.progress(1)
    await asyncio.Event().wait()


async def left_by_another_task(note: str, *, stops: bool = False) -> None:
    """Waits for ever, and another task of its own ends the loop under it."""

    async def other() -> None:
        if stops:
            asyncio.get_running_loop().stop()
        else:
            raise SystemExit(7)

    async with asyncio.TaskGroup() as group:
        group.create_task(other())
        try:
            await asyncio.Event().wait()
        finally:
            with_finally_note(note)


async def returns_exit() -> None:
    raise SystemExit(7)


def positional_only(a: int, /) -> int:
    return a


not_callable = 42


def guarded(
    *,
    error: str = "",
    caught: bool = False,
    after: str = "",
    wrapped: bool = False,
    nested: bool = False,
    lease: str = "",
    times: int = 1,
    gate: str = "",
    ignores_one: bool = False,
) -> object:
    """Make guarded calls to a service: that fail, that are refused, or within one another."""
    for _ in range(times):
        try:
            with fnr.breaker("storage", ignore=KeyError if ignores_one else (KeyError,)):
                if gate:
                    Path(gate).read_text()
                if nested:
                    with fnr.breaker("storage"):
                        pass
                if error:
                    raise getattr(builtins, error)("no")
        except fnr.BreakerOpen as refused:
            if wrapped:
                raise RuntimeError("could not render") from refused
            raise
        except Exception:
            if not caught:
                raise
    if after:
        raise getattr(builtins, after)("elsewhere")
    return _can_be_had(lease) if lease else None


def guarded_at_once(*, how: str, fails: bool = False) -> None:
    """Make three calls at the same time, all guarded by one object."""
    guard = fnr.breaker("storage")
    if how == "tasks":
        asyncio.run(_as_tasks(guard, fails))
    elif how == "threads":
        together = threading.Barrier(3)
        threads = [
            threading.Thread(target=_call, args=(guard, fails, together.wait)) for _ in "123"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:
        _call(guard, fails, lambda: _call(guard, fails, lambda: _call(guard, fails, bool)))


def _call(guard: fnr.breaker, fails: bool, meanwhile: Callable[[], object]) -> None:
    with contextlib.suppress(OSError), guard:
        meanwhile()
        if fails:
            raise OSError("no")


async def _as_tasks(guard: fnr.breaker, fails: bool) -> None:
    together = asyncio.Barrier(3)

    async def call() -> None:
        with contextlib.suppress(OSError):
            async with guard:
                await together.wait()
                if fails:
                    raise OSError("no")

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(call())


def _can_be_had(path: str) -> bool:
    """Can another process have the lease of storage?"""
    program = (
        "import sys; from fnr.host.breaker_lease import TrialLeases\n"
        "print(TrialLeases(sys.argv[1]).take('storage'))"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, check=True)
    return done.stdout == b"True\n"


def keeps(data: Any) -> bool:
    """Whether it was kept; beginning from what was kept before."""
    return fnr.checkpoint(data)


def keeps_at_once(gate: str) -> list[bool]:
    """Two threads; the second one keeps something once the gate is open."""
    told: list[bool] = []
    first = threading.Thread(target=lambda: told.append(fnr.checkpoint("first")))
    first.start()
    Path(gate).read_text()
    told.append(fnr.checkpoint("second"))
    first.join()
    return told


def begins_from() -> Any:
    return fnr.attempt().checkpoint


def previews(path: str, gate: str) -> None:
    fnr.progress(1, 2, stage="half", preview=Path(path))
    Path(gate).read_text()


def outlived_by_copy(gate: str, note: str) -> None:
    """Leaves a forked copy behind that says how its undo step was taken."""
    if os.fork() == 0:
        Path(gate).read_text()
        told = "recorded"
        try:
            fnr.undo.remove_file("/nowhere/of-the-first")
        except RuntimeError as error:
            told = str(error)
        Path(note).write_text(told)
        os._exit(0)


_left_behind: list[object] = []


async def outlived(gate: str, note: str, *, first: bool = False) -> str:
    """Leaves a thread behind; in the attempt after that says what it was told meanwhile."""
    if first:
        _left_behind.append(asyncio.ensure_future(asyncio.to_thread(_goes_on, gate, note)))
        await asyncio.sleep(0)
        return "left"
    fnr.progress(1)
    return await asyncio.to_thread(Path(note).read_text)


def _goes_on(gate: str, note: str) -> None:
    Path(gate).read_text()
    fnr.progress(99)
    told = {"kept": fnr.checkpoint("of the first"), "cancelled": fnr.cancelled()}
    told |= {"key": fnr.attempt().key, "number": fnr.attempt().number}
    try:
        fnr.undo.remove_file("/nowhere/of-the-first")
    except RuntimeError as error:
        told["undo"] = str(error)
    Path(note).write_text(json.dumps(told))
