"""How an attempt ended, and the one frame that says so."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from fnr.api.frames import Done, Fail, Output, encode
from fnr.policy.evidence import Code, Evidence, ExceptionFact, KilledBy, Phase
from fnr.policy.json_numbers import as_builtin, number_lost
from fnr.policy.nesting import is_deeper_than
from fnr.policy.raw_json import raw_problem
from fnr.policy.task import RESULT_BYTES_MAX, RESULT_DEPTH_MAX

_NOTHING = b"null"
_encode = msgspec.json.Encoder(enc_hook=as_builtin).encode


class ResultTooLargeError(ValueError):
    """The result is over the limit."""

    def __init__(self, size_bytes: int, what: str = "the result") -> None:
        super().__init__(
            f"{what} is {size_bytes} bytes; at most {RESULT_BYTES_MAX} are taken."
            " Store it somewhere and return where."
        )


class ResultTooDeepError(ValueError):
    """The result is lists in lists, or objects in objects, beyond the limit."""

    def __init__(self, what: str = "the result") -> None:
        super().__init__(
            f"{what} is nested deeper than {RESULT_DEPTH_MAX} levels."
            " Return it flat, or store it somewhere and return where."
        )


class Ended(Struct, frozen=True, kw_only=True):
    """The end of an attempt: a result, or evidence.

    leave: why the worker must not run another attempt after this one; "" when it can.
    pid, pid_start: of the command, when it failed.
    """

    result: bytes = _NOTHING
    evidence: Evidence | None = None
    output: Output = Output()
    leave: str = ""
    pid: int = 0
    pid_start: int = 0


def frame_of(token: str, ended: Ended, *, duration_ms: int, undo: bool = False) -> bytes:
    """The frame that reports it; undo: the attempt left a journal of undo steps."""
    if ended.evidence is None:
        return encode(
            Done(
                token=token,
                result=Raw(ended.result),
                duration_ms=duration_ms,
                output=ended.output,
                undo=undo,
            )
        )
    return encode(
        Fail(
            token=token,
            evidence=ended.evidence,
            duration_ms=duration_ms,
            output=ended.output,
            undo=undo,
            pid=ended.pid,
            pid_start=ended.pid_start,
        )
    )


def encode_result(value: object) -> bytes:
    """A return value as JSON on one line. Raises TypeError or ValueError when it is none."""
    if value is None:
        return _NOTHING
    try:
        encoded = _encode(value)
    except UnicodeEncodeError as error:
        # As it stands it reads as if the input were to blame.
        raise ValueError(f"the result holds text that is not Unicode: {error}") from None
    except RecursionError:
        raise ResultTooDeepError from None
    if len(encoded) > RESULT_BYTES_MAX:
        raise ResultTooLargeError(len(encoded))
    if is_deeper_than(RESULT_DEPTH_MAX, encoded):
        raise ResultTooDeepError
    if problem := raw_problem(value, encoded):
        raise ValueError(f"the result holds {problem}")
    if number := number_lost(value, encoded):
        raise ValueError(f"the result holds {number}, which is not JSON")
    # Only a Raw inside the value can bring a newline; it would break the frame in two.
    return msgspec.json.format(encoded, indent=-1) if b"\n" in encoded else encoded


def read_json(text: bytes) -> bytes:
    """JSON that a program wrote, checked, on one line. Raises ValueError when it is none."""
    if len(text) > RESULT_BYTES_MAX:
        raise ResultTooLargeError(len(text), "stdout")
    try:
        msgspec.json.decode(text)
        if is_deeper_than(RESULT_DEPTH_MAX, text):
            raise ResultTooDeepError("stdout")
        return msgspec.json.format(text, indent=-1)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"stdout is not JSON: {error}") from error
    except RecursionError as error:
        raise ResultTooDeepError("stdout") from error


def refused_input(kind: type[Exception], message: str) -> Evidence:
    """Evidence that the input cannot be used for this function; nothing was run."""
    bases = tuple(base.__name__ for base in kind.__mro__[1:-2])
    return Evidence(
        phase=Phase.RUN,
        message=message,
        exceptions=(ExceptionFact(type=kind.__name__, message=message, bases=bases),),
        codes=(Code(family="fnr", value="bad_input"),),
    )


def killer(reason: str) -> KilledBy:
    """Who ended the attempt, by the reason of a Cancel."""
    try:
        return KilledBy(reason)
    except ValueError:  # a word of a newer daemon
        return KilledBy.CANCEL
