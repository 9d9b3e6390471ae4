"""May this be a task's input: is it storable JSON, and does it fit the types declared for it?

Keys written twice are safe: everyone who reads an input takes the last one, this module included.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from fnr.policy.task import INPUT_BYTES_MAX, INPUT_DEPTH_MAX

INPUT_TYPES: dict[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, str),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "any": lambda _value: True,
}

_decoder = msgspec.json.Decoder(dict[str, Any])


class DeclaresInput(Protocol):
    """A function as far as this module cares: its name and its declared types."""

    @property
    def name(self) -> str: ...

    @property
    def input(self) -> dict[str, str]: ...


def check_input(settings: DeclaresInput, input: Mapping[str, Any]) -> str | None:  # noqa: A002 - the word of the house
    """Say why this input does not fit what the function declares; None when it does."""
    declared = settings.input
    if not declared:
        return None
    for key, value in input.items():
        kind = declared.get(key)
        if kind is None:
            return _undeclared(settings, key)
        if value is None and kind.endswith("?"):
            continue
        if not INPUT_TYPES[kind.rstrip("?")](value):
            return f"{key}: {settings.name} wants {kind.rstrip('?')}, got {json_kind(value)}"
    missing = [key for key, kind in declared.items() if not kind.endswith("?") and key not in input]
    if missing:
        return f"{settings.name} needs {', '.join(missing)}"
    return None


def validate_input_json(raw: bytes) -> str | None:
    """Say why these bytes cannot be a task's input; None when they can.

    Costs one decode and two searches in the ordinary case; only input with more brackets than
    the depth allowed, or with an escaped NUL, is walked.
    """
    if len(raw) > INPUT_BYTES_MAX:
        return f"{len(raw)} bytes; at most {INPUT_BYTES_MAX} are accepted"
    try:
        value = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _why_not_json(raw, error)
    if b"\\u0000" in raw and (key := _find_nul(value)):
        return f"{key} contains \\u0000, which cannot be stored as text or passed to a program"
    if b"\\ud" in raw or b"\\uD" in raw:
        try:
            msgspec.json.encode(value)
        except UnicodeEncodeError:
            return _SURROGATE
    return _too_deep(raw, value)


def json_kind(value: object) -> str:
    """What JSON calls a value: "a number", "null"."""
    if value is None:
        return "null"
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "text",
             list: "a list", dict: "an object"}  # fmt: skip
    return kinds.get(type(value), type(value).__name__)


_SURROGATE = "contains half of a surrogate pair (like \\ud800), which is not a character"
_DEEP = f"nested deeper than {INPUT_DEPTH_MAX} levels"


def _undeclared(settings: DeclaresInput, key: str) -> str:
    nearest = difflib.get_close_matches(key, settings.input, n=1)
    if nearest:
        return f"{settings.name} does not take {key!r}, did you mean {nearest[0]!r}?"
    return f"{settings.name} does not take {key!r}; it takes {', '.join(settings.input)}"


def _is_utf8(raw: bytes) -> bool:
    # What msgspec raises for it depends on its version.
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _why_not_json(raw: bytes, error: Exception) -> str:
    if isinstance(error, RecursionError):
        return _DEEP
    if not _is_utf8(raw):
        return "not UTF-8"
    if isinstance(error, msgspec.ValidationError):
        if "object" in str(error):
            return f'must be a JSON object like {{"n": 3}}, {str(error).lower()}'
        return f"not storable: {error}"
    for word in (b"NaN", b"Infinity"):
        if word in raw:
            return f"not JSON: {word.decode()} is no JSON number"
    if not raw.strip():
        return "empty; an input without values is {}"
    if raw.startswith(b"\xef\xbb\xbf"):
        return "not JSON: it begins with a byte order mark; save it as UTF-8 without one"
    return _SURROGATE if b"\\ud" in raw.lower() else f"not JSON: {error}"


def _find_nul(value: object) -> str:
    """The key under which a text with a NUL stands; "" when there is none."""
    pending: list[tuple[str, object]] = [("the input", value)]
    while pending:
        place, item = pending.pop()
        if isinstance(item, str) and "\0" in item:
            return place
        if isinstance(item, dict):
            if any("\0" in key for key in item):
                return "a key"
            pending.extend((key, inner) for key, inner in item.items())
        elif isinstance(item, list):
            pending.extend((place, inner) for inner in item)
    return ""


def _too_deep(raw: bytes, value: object) -> str | None:
    if raw.count(b"{") + raw.count(b"[") <= INPUT_DEPTH_MAX:
        return None
    level: list[Any] = [value]
    for _depth in range(INPUT_DEPTH_MAX):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return None
    return _DEEP
