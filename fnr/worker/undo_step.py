"""Carry out one step of undo, in a process of its own: `python -m fnr.worker.undo_step`.

The daemon starts it with the function's folder, user and environment, hands the step over on
standard input, and reads from the exit code what came of it; the last line printed says why. It
dies with the daemon, so that no step is ever carried out by two at once.
"""

from __future__ import annotations

import errno
import inspect
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from fnr.api.undo_order import (
    EXIT_FAILED,
    EXIT_HOPELESS,
    EXIT_UNDONE,
    Failed,
    Hopeless,
    UndoOrder,
)
from fnr.host.process import become, die_with_parent
from fnr.worker.undo import look_at, outside, problem_with

_TEXT_CHARS_MAX = 300


def main() -> int:
    """Carry out the step on standard input; the exit code."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=UndoOrder)
    die_with_parent(order.parent_pid)
    try:
        if problem := problem_with(order.kind, order.data):
            raise Hopeless(problem)
        why = _ACTS[order.kind](order)
    except Hopeless as error:
        return _end(EXIT_HOPELESS, str(error))
    except Failed as error:
        return _end(EXIT_FAILED, str(error))
    return _end(EXIT_UNDONE, why)


def _end(code: int, why: str) -> int:
    with suppress(OSError, ValueError):
        sys.stdout.write(f"\n{why}\n")
        sys.stdout.flush()
    return code


def _remove_file(order: UndoOrder) -> str:
    path = str(order.data["path"])
    if problem := outside(path, order.within):
        raise Hopeless(problem)
    folder = os.path.dirname(path)  # noqa: PTH120 - as in undo.py
    if os.path.realpath(folder) != folder:
        raise Hopeless(f"{folder} leads elsewhere now, to {os.path.realpath(folder)}")
    found = look_at(path)
    before = order.data.get("before")
    if found is not None and before is not None and not order.ours:
        if found == before:
            return "it was there before the attempt and has not been touched: left as it is"
        raise Hopeless(
            f"{path} was there before the attempt and has been changed since; removing it would not"
            " bring the old one back"
        )
    try:
        os.unlink(path)  # noqa: PTH108 - as in undo.py
    except FileNotFoundError:
        return "there is no such file: nothing to remove"
    except NotADirectoryError:
        return "there is no such folder: nothing to remove"
    except IsADirectoryError as error:
        raise Hopeless(f"{path} is a folder") from error
    except OSError as error:
        if error.errno in {errno.ENAMETOOLONG, errno.ELOOP}:
            return f"no such file can exist ({error.strerror}): nothing to remove"
        raise Failed(f"{path}: {error.strerror}") from error
    return "removed"


def _http_delete(order: UndoOrder) -> str:
    from fnr.worker.undo_http import http_delete  # noqa: PLC0415 - 30 ms that only uploads need

    return http_delete(order)


def _command(order: UndoOrder) -> str:
    argv = order.data["argv"]
    try:
        # In our place: what dies with the daemon, and what its exit code tells, is the program.
        become(argv)
    except OSError as error:
        raise Failed(f"{argv[0]}: {error.strerror}") from error


def _call(order: UndoOrder) -> str:
    from fnr.worker.python_function import find  # noqa: PLC0415 - only for calls

    sys.path[0:0] = [os.getcwd()]  # noqa: PTH109 - as in undo.py
    name = str(order.data["function"])
    try:
        value = find(name)(order.data.get("data"))
        if inspect.isawaitable(value):
            import asyncio  # noqa: PLC0415 - only for coroutines

            asyncio.run(_awaited(value))
    except Exception as error:
        import traceback  # noqa: PLC0415 - only for failures

        traceback.print_exc()
        raise Failed(f"{name}: {type(error).__name__}: {error}"[:_TEXT_CHARS_MAX]) from error
    return f"{name} returned"


async def _awaited(value: Any) -> None:
    await value


_ACTS: dict[str, Callable[[UndoOrder], str]] = {
    "remove_file": _remove_file,
    "http_delete": _http_delete,
    "command": _command,
    "call": _call,
}

if __name__ == "__main__":
    sys.exit(main())
