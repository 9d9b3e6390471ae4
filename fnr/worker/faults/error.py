"""Any exception with any message or code: nothing is damaged, and fnr must call it by its name."""

from __future__ import annotations

import builtins
import errno
import sys
from typing import Any, NoReturn

from fnr.worker.fault_point import FaultPoint


def meet(point: FaultPoint) -> NoReturn:
    """Raise it."""
    raise made(point.option("exception"), point.option("message"), point.option("code"))


def made(name: str, message: str, code: str) -> BaseException:
    """An exception of this type; a type that nobody has loaded is made up under its name.

    code: "-" for none, ENOSPC for an errno, a number for a status.
    """
    if code in vars(errno):
        return OSError(getattr(errno, code), message)
    kind = _type(name)
    try:
        error = kind(message)
    except TypeError:  # a type with a constructor of its own
        error = _made_up(name)(message)
    if code.isdecimal():
        error.status = int(code)  # type: ignore[attr-defined]  # as HTTP libraries have it
    return error


def _type(name: str) -> type[BaseException]:
    module, _, last = name.rpartition(".")
    found: Any = getattr(sys.modules.get(module, builtins) if module else builtins, last, None)
    if isinstance(found, type) and issubclass(found, BaseException):
        return found
    return _made_up(name)


def _made_up(name: str) -> type[BaseException]:
    module, _, last = name.rpartition(".")
    return type(last, (Exception,), {"__module__": module or "builtins"})
