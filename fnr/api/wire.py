"""JSON lines between client and daemon: envelopes, limits, the version handshake.

client → daemon: {"v": 1, "id": 7, "ask": {"op": "GetStatus"}}
daemon → client: {"id": 7, "ok": …} or {"id": 7, "error": {…}} or {"id": 7, "event": {…}}
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from fnr.api.any_request import AnyRequest
from fnr.api.errors import BadData, FnrError, ProtocolMismatch, from_json
from fnr.api.question import Request, answer_type
from fnr.api.requests import Event

PROTOCOL = 1
# An atomic batch is one frame; a single input is at most 10 MiB.
REQUEST_BYTES_MAX = 64 * 1024 * 1024

Answer = TypeVar("Answer")


class Envelope(Struct, frozen=True, kw_only=True):
    """A request on the wire."""

    v: int
    id: int
    ask: AnyRequest


class _Outline(Struct, frozen=True):
    """What can be read of a request that does not decode."""

    v: int = 0
    id: int = 0


class Reply(Struct, frozen=True, kw_only=True):
    """An answer on the wire; one of ok, error and event is set."""

    id: int
    ok: Raw = Raw()
    error: dict[str, Any] | None = None
    event: Event | None = None


_envelopes = msgspec.json.Decoder(Envelope)
_outlines = msgspec.json.Decoder(_Outline)
_replies = msgspec.json.Decoder(Reply)
_encoder = msgspec.json.Encoder()


def encode_request(request: Request[Any], *, request_id: int) -> bytes:
    """One request as one line."""
    return _encoder.encode({"v": PROTOCOL, "id": request_id, "ask": request}) + b"\n"


def decode_request(line: bytes) -> tuple[int, AnyRequest | FnrError]:
    """The id and the request, or the error to answer with."""
    try:
        envelope = _envelopes.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _why_not(line, error)
    if envelope.v != PROTOCOL:
        return envelope.id, _mismatch(envelope.v)
    return envelope.id, envelope.ask


def encode_answer(request_id: int, answer: object) -> bytes:
    """An answer as one line."""
    return _encoder.encode({"id": request_id, "ok": answer}) + b"\n"


def encode_error(request_id: int, error: FnrError) -> bytes:
    """An error as one line."""
    return _encoder.encode({"id": request_id, "error": error.as_json()}) + b"\n"


def encode_event(request_id: int, event: Event) -> bytes:
    """An event as one line."""
    return _encoder.encode({"id": request_id, "event": event}) + b"\n"


def decode_reply(line: bytes) -> Reply:
    """A reply; BadData if it is not one."""
    try:
        return _replies.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadData("the daemon sent something that is not a reply", why=str(error)) from error


def open_answer(request: Request[Answer], reply: Reply) -> Answer:
    """The typed answer in a reply; raises the error it carries, ProtocolMismatch if it is none."""
    if reply.error is not None:
        raise from_json(reply.error)
    try:
        answer: Answer = msgspec.json.decode(reply.ok, type=answer_type(type(request)))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolMismatch(
            "the daemon's answer was not understood",
            why=f"program and daemon may be of different versions: {error}",
            next_step="fnr daemon restart",
        ) from error
    return answer


def _why_not(line: bytes, error: Exception) -> tuple[int, FnrError]:
    try:
        outline = _outlines.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0, BadData("the request is not JSON", why=str(error))
    if outline.v != PROTOCOL:
        return outline.id, _mismatch(outline.v)
    return outline.id, BadData("the request was not understood", why=str(error))


def _mismatch(version: int) -> ProtocolMismatch:
    return ProtocolMismatch(
        f"client speaks protocol {version}, the daemon {PROTOCOL}",
        why="program and daemon are of different versions",
        next_step="fnr daemon restart",
    )
