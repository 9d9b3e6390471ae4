"""JSON that programs can read, whatever bytes a path holds and however the stream is encoded."""

from __future__ import annotations

from typing import Any, TextIO

import msgspec

from fnr.cli.terminal import writes_utf8

_encode = msgspec.json.Encoder().encode


def json_bytes(value: object) -> bytes:
    """The value as JSON on one line; bytes that are no characters are written as in tables."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return _encode(_told(msgspec.to_builtins(value, enc_hook=_of_raw)))


def json_text(raw: bytes, stream: TextIO) -> str:
    r"""JSON as a stream takes it: a character that it has no bytes for is "\u2192" in there."""
    text = raw.decode()
    if text.isascii() or writes_utf8(stream):
        return text
    import json  # noqa: PLC0415 - hardly ever needed

    return "".join(one if one.isascii() else json.dumps(one)[1:-1] for one in text)


def _told(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_told(name): _told(one) for name, one in value.items()}
        case list():
            return [_told(one) for one in value]
        case _:
            return value


def _of_raw(value: msgspec.Raw) -> Any:
    return msgspec.json.decode(bytes(value))
