"""Hide what must not be seen: secrets by their shape, by expressions, and by what they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import re2

from fnr.policy.secret_arguments import passwords_among
from fnr.policy.secret_forms import forms_of, hidden_over_lines
from fnr.policy.secret_keys import BLANK, hidden_blocks
from fnr.policy.secret_looks import NAMES, VALUE_CHARS_MIN
from fnr.policy.secret_shapes import all_shapes

PATTERN_CHARS_MAX = 8_000
_DEPTH_MAX = 100

# Of names in inputs; "max_tokens" and "tokenizer" are none.
_SECRET_NAME = re.compile(rf"(?:{NAMES})s?\Z(?<!tokens)", re.IGNORECASE)
# Of these the value tells whether it is secret: "Basic …" is, "required" is not.
_TELLING_NAME = re.compile(r"(?:.*-)?(?:authorization|cookie)|_?auth|pass", re.IGNORECASE)
_PATH = re.compile(r"[~.]{0,2}/")
_SECRET_FLAG = re.compile(rf"--?[\w-]*(?:{NAMES})", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Does a name say that what stands under it is secret: HF_TOKEN, db-password, apiKeys?"""
    return _SECRET_NAME.search(name) is not None


class BadRedactPatternError(ValueError):
    """An expression that cannot be used, and why."""


def check_redact_pattern(pattern: str) -> None:
    """Raise BadRedactPatternError for an expression that could not be used."""
    if len(pattern) > PATTERN_CHARS_MAX:
        raise BadRedactPatternError(f"{len(pattern)} characters; at most {PATTERN_CHARS_MAX}")
    try:
        empty = _compiled(pattern).search(b"") is not None
    except (re2.error, UnicodeEncodeError) as error:
        raise BadRedactPatternError(_why(pattern, error)) from None
    if empty:
        raise BadRedactPatternError("it matches the empty text, and so any text")


class Redaction:
    """Hides secrets by their shapes, by expressions, and by what they are.

    patterns: the operator's expressions. values: texts that are secret themselves.
    """

    def __init__(self, patterns: Iterable[str] = (), values: Iterable[str] = ()) -> None:
        self._patterns = [_compiled(pattern) for pattern in patterns]
        self._values = [form for value in values for form in forms_of(value)]

    def knowing(self, values: Sequence[str]) -> Redaction:
        """One that hides these values as well."""
        if not values:
            return self
        more = Redaction(values=values)
        more._patterns = self._patterns
        more._values = [*more._values, *self._values]
        return more

    def text(self, text: str) -> str:
        """The text without secrets."""
        given = text.encode("utf-8", "surrogatepass")
        hidden = self.data(given)
        return text if hidden == given else hidden.decode("utf-8", "replace")

    def data(self, data: bytes) -> bytes:
        """The same for text that is not decoded yet, or cannot be."""
        for value in self._values:
            if value in data:
                data = data.replace(value, BLANK)
        data = hidden_over_lines(data, self._values)
        for pattern in self._patterns:
            data = pattern.sub(BLANK, data)
        data = hidden_blocks(data)
        for shapes in all_shapes():
            data = shapes.hidden(data)
        return data

    def leaves(self, lines: bytes) -> bool:
        """Is it known of many lines at once that none of them has a secret?

        What an expression of the operator's says of one line, it need not say of many.
        """
        return not self._patterns and self.data(lines) is lines

    def json(self, raw: bytes | msgspec.Raw) -> bytes:
        """A JSON value without secrets: in its texts, and under names that say so."""
        given = msgspec.json.decode(raw)
        hidden = self._value(given, depth=0)
        return bytes(raw) if hidden == given else msgspec.json.encode(hidden)

    def _value(self, value: Any, *, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if depth >= _DEPTH_MAX:
            return value
        if isinstance(value, dict):
            if (named := _of_entry(value)) is not None:
                value = value | {named: BLANK.decode()}
            all_secret = value.get("kind") == "Secret"
            return {
                self.text(name): self._stored(item)
                if all_secret and name in {"data", "stringData"} and isinstance(item, dict)
                else self._named(name, item, depth=depth + 1)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return self._arguments(value, depth=depth + 1)
        return value

    def _stored(self, data: dict[str, Any]) -> dict[str, Any]:
        """What a Secret of Kubernetes has under its names."""
        return {self.text(name): BLANK.decode() for name in data}

    def _arguments(self, words: list[Any], *, depth: int) -> list[Any]:
        """A list, which may be a command's arguments."""
        hidden = [
            self._passed(before, item, depth=depth)
            for before, item in zip([None, *words], words, strict=False)
        ]
        for at, flag in passwords_among(words).items():
            hidden[at] = flag + BLANK.decode()
        return hidden

    def _named(self, name: str, value: Any, *, depth: int) -> Any:
        if isinstance(value, str) and _TELLING_NAME.fullmatch(name):
            return self._under(name, value)
        if not is_secret_name(name) or (
            isinstance(value, str) and name.lower() == "pwd" and _PATH.match(value)
        ):
            return self._value(value, depth=depth)
        if isinstance(value, str):
            return BLANK.decode() if len(value) >= VALUE_CHARS_MIN else value
        if isinstance(value, list) and depth < _DEPTH_MAX:
            return [self._named(name, item, depth=depth + 1) for item in value]
        return self._value(value, depth=depth)

    def _under(self, name: str, value: str) -> str:
        """What a text would have behind this name."""
        value = self.text(value)
        shown = self.text(f"{name}: {value}")
        return shown.removeprefix(f"{name}: ") if shown.startswith(f"{name}: ") else BLANK.decode()

    def _passed(self, before: Any, value: Any, *, depth: int) -> Any:
        """An item of a list, which may be a command's arguments: --password, then the password."""
        if isinstance(before, str) and isinstance(value, str) and _SECRET_FLAG.fullmatch(before):
            return value if value.startswith("-") else BLANK.decode()
        if isinstance(before, str) and isinstance(value, str) and _TELLING_NAME.fullmatch(before):
            return self._under(before, value)
        return self._value(value, depth=depth)


def _of_entry(item: dict[str, Any]) -> str | None:
    """Of {"name": "DB_PASSWORD", "value": …}, as lists of variables have it, the secret's key."""
    for name, held in (("name", "value"), ("key", "value"), ("Name", "Value"), ("Key", "Value")):
        said, value = item.get(name), item.get(held)
        if isinstance(said, str) and is_secret_name(said) and isinstance(value, str):
            return held if len(value) >= VALUE_CHARS_MIN else None
    return None


@lru_cache(maxsize=1_024)
def _compiled(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern.encode(), options)


def _why(pattern: str, error: Exception) -> str:
    if any(sign in pattern for sign in ("(?=", "(?!", "(?<=", "(?<!")):
        return "look-around is not in RE2: write an expression for all that shall be hidden"
    words = error.args[0] if error.args else str(error)
    return words.decode(errors="replace") if isinstance(words, bytes) else str(words)
