"""Inputs as people type them: KEY=VALUE, JSON, a file, standard input."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import msgspec

from fnr.api.errors import BadData, UsageError
from fnr.cli.given_file import opened
from fnr.cli.terminal import is_terminal
from fnr.policy.input_types import validate_input_json
from fnr.policy.task import INPUT_BYTES_MAX


def build_input(words: list[str], source: str | None) -> bytes:
    """The input as JSON: what `source` says, with the KEY=VALUE words over it."""
    raw = b"{}" if source is None else read_source(source)
    raw = checked(raw)
    if not words:
        return raw
    values: dict[str, Any] = msgspec.json.decode(raw)
    for word in words:
        name, value = _split(word, what="input")
        values[name] = typed(value)
    return checked(encoded(values))


def read_source(source: str) -> bytes:
    """The bytes of `JSON`, `@FILE` or `-`."""
    if source == "-":
        if is_terminal(sys.stdin):
            raise UsageError("- reads the input from standard input, and that is the terminal")
        return sys.stdin.buffer.read(INPUT_BYTES_MAX + 1)
    if not source.startswith("@"):
        return source.encode("utf-8", "surrogateescape")
    path = Path(source[1:])
    with opened(str(path), called=f"the input file {path}") as file:
        return file.read(INPUT_BYTES_MAX + 1)


def typed(value: str) -> Any:
    """The value that a word stands for: JSON if it is, else the text itself."""
    try:
        return msgspec.json.decode(value.encode("utf-8", "surrogateescape"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return value


def key_values(words: list[str], *, flag: str) -> dict[str, str]:
    """K=V words as texts."""
    return dict(_split(word, what=flag) for word in words)


def as_text(word: str) -> str:
    """A word of the command line that is UTF-8, also where the locale has no such letters."""
    try:
        return word if word.isascii() else os.fsencode(word).decode()
    except UnicodeError:
        return word


def _split(word: str, *, what: str) -> tuple[str, str]:
    name, equals, value = as_text(word).partition("=")
    if not name or not equals:
        like = "KEY=VALUE" if what == "input" else f"{what} KEY=VALUE"
        raise UsageError(f"{what}: {word!r} is not KEY=VALUE", why=f"write it like {like}")
    return name, value


def encoded(values: dict[str, Any]) -> bytes:
    """The values as JSON; BadData when a word among them was not UTF-8."""
    try:
        return msgspec.json.encode(values)
    except UnicodeEncodeError as error:
        raise BadData("the input is not UTF-8", why=str(error)) from error


def checked(raw: bytes) -> bytes:
    """The input on one line, as the wire wants it; BadData when it cannot be one."""
    problem = validate_input_json(raw)
    if problem is not None:
        raise BadData("the input was refused", why=problem, next_step="write it like '{\"n\": 3}'")
    return msgspec.json.format(raw, indent=-1)


def with_quotes(error: BadData, values: list[str]) -> BadData:
    """Say how a text is typed that looks like JSON, if that is what went wrong."""
    wrong = error.why.partition(":")[0]
    for word in values:
        name, _, value = word.partition("=")
        if name == wrong and "wants str" in error.why:
            # Its own quotes, too: '"{"a":1}"' would be read as a text that begins with a quote.
            quoted = f"{name}={shlex.quote(msgspec.json.encode(value).decode())}"
            error.details += (f"a text that looks like JSON needs its quotes: {quoted}",)
    return error
