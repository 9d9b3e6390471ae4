"""Write TOML as people would: text in the quotes that need the fewest escapes, short lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

LINE_CHARS_MAX = 100

Value = str | int | bool | Iterable[str | int]


def quoted(text: str) -> str:
    """Text as a TOML string; literal where that is readable."""
    if "'" not in text and text.isprintable():
        return f"'{text}'" if '"' in text or "\\" in text else f'"{text}"'
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(map(_character, escaped)) + '"'


def assigned(values: Mapping[str, Value]) -> list[str]:
    """One line for each key; a list that would be long gets a line for each of its items."""
    return [f"{key} = {_value(key, value)}" for key, value in values.items()]


def _value(key: str, value: Value) -> str:
    if not isinstance(value, Iterable) or isinstance(value, str):
        return _plain(value)
    items = [_plain(item) for item in value]
    short = f"[{', '.join(items)}]"
    if len(key) + len(short) < LINE_CHARS_MAX:
        return short
    return "[\n" + "".join(f"    {item},\n" for item in items) + "]"


def _plain(value: str | int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else quoted(value)


def _character(char: str) -> str:
    if char.isprintable():
        return char
    number = ord(char)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
