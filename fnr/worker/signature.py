"""Which input a Python function takes: its keyword parameters, checked before the call.

A mismatch is the submitter's mistake and is named as such; a TypeError from inside the function
would look the same and mean something else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from msgspec import Struct

_KEYWORDS = frozenset({inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY})


class Signature(Struct, frozen=True, kw_only=True):
    """required: must be given. allowed: may be given; None when any name may."""

    required: frozenset[str] = frozenset()
    allowed: frozenset[str] | None = None

    def mismatch(self, arguments: Mapping[str, Any]) -> str:
        """Why these arguments do not fit, naming the parameter; "" when they do."""
        names = arguments.keys()
        if self.required <= names and (self.allowed is None or names <= self.allowed):
            return ""
        if missing := sorted(self.required - names):
            return f"missing input {_quoted(missing)}; the function needs {_all(self.required)}"
        unknown = sorted(names - (self.allowed or frozenset()))
        return f"unknown input {_quoted(unknown)}; the function takes {_all(self.allowed)}"


def signature_of(function: Callable[..., Any]) -> Signature:
    """What the function takes. Raises TypeError when it cannot be called by keywords."""
    try:
        parameters = _whole(function).parameters.values()
    except ValueError:  # some functions written in C do not say
        return Signature()
    required, allowed, anything = set(), set(), False
    for parameter in parameters:
        needed = parameter.default is parameter.empty
        if parameter.kind in _KEYWORDS:
            allowed.add(parameter.name)
            if needed:
                required.add(parameter.name)
        elif parameter.kind is parameter.VAR_KEYWORD:
            anything = True
        elif parameter.kind is parameter.POSITIONAL_ONLY and needed:
            raise TypeError(
                f"parameter {parameter.name!r} is positional-only; fnr passes the input by name"
            )
    return Signature(required=frozenset(required), allowed=None if anything else frozenset(allowed))


def _whole(function: Any) -> inspect.Signature:
    """The signature: of a wrapper its own where it names what it takes, else what it wraps."""
    call = inspect.getattr_static(function, "__call__", None)
    if isinstance(call, staticmethod | classmethod):
        # Python 3.11 takes its first parameter for "self".
        function = function.__call__
    with suppress(ValueError):
        own = inspect.signature(function, follow_wrapped=False)
        if all(one.kind is not one.VAR_KEYWORD for one in own.parameters.values()):
            return own
    return inspect.signature(function)


def _quoted(names: list[str]) -> str:
    return ", ".join(map(repr, names))


def _all(names: frozenset[str] | None) -> str:
    return ", ".join(sorted(names)) if names else "none"
