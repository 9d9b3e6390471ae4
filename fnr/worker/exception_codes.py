"""Machine-readable codes that an exception carries: errno, HTTP status, exit code, time to wait.

Nothing here imports the libraries it understands; their exceptions are known by their attributes,
each of which may be missing, be something else, or raise when read.
"""

from __future__ import annotations

import errno
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeGuard

from fnr.policy.evidence import CODES_MAX, Code
from fnr.worker.foreign_text import clean
from fnr.worker.wishes import SECONDS_MAX, Asked

_HTTP_ATTRIBUTES = ("status_code", "status", "code", "http_status")
_NAME_CHARS_MAX = 100
_SQLSTATE_CHARS = 5


def codes_of(errors: Iterable[BaseException]) -> tuple[Code, ...]:
    """Every code found along a chain, each once, in the order of the chain."""
    found: dict[Code, None] = {}
    for error in errors:
        for reader in (_errno, _http, _exit, _named):
            found.update(dict.fromkeys(reader(error)))
    return tuple(found)[:CODES_MAX]


def retry_after_ms(errors: Iterable[BaseException], *, now_ms: int) -> int | None:
    """How long the other side asks to wait, from an attribute or a Retry-After header.

    now_ms: Unix time, for headers that name an instant.
    """
    for error in errors:
        for hint in (attribute(error, "retry_after"), _header(error, "Retry-After")):
            if (wait_ms := _wait_ms(hint, now_ms=now_ms)) is not None:
                return wait_ms
    return None


def attribute(value: object, name: str) -> object:
    """An attribute of a foreign object; None when it is missing or cannot be read."""
    try:
        return getattr(value, name, None)
    except BaseException:  # noqa: BLE001 - a property may raise anything, SystemExit included
        return None


def _errno(error: BaseException) -> Iterator[Code]:
    number = attribute(error, "errno") if isinstance(error, OSError) else None
    if not _is_number(number):
        return
    # An SSLError and a gaierror put numbers of their own where an errno is expected.
    if _is_a(error, "ssl", "SSLError"):
        reason = attribute(error, "reason")
        if isinstance(reason, str):
            yield _code("ssl", reason)
    elif _is_a(error, "socket", "gaierror"):
        names = vars(sys.modules["socket"])
        yield from (
            Code(family="resolver", value=name)
            for name, value in names.items()
            if name.startswith("EAI_") and value == number
        )
    elif number in errno.errorcode:
        yield Code(family="errno", value=errno.errorcode[number])


def _http(error: BaseException) -> Iterator[Code]:
    if isinstance(error, SystemExit):  # its code is an exit code
        return
    response = attribute(error, "response")
    for source in (response, error):
        for name in _HTTP_ATTRIBUTES:
            status = attribute(source, name)
            if _is_number(status) and 400 <= status <= 599:
                yield Code(family="http", value=str(int(status)))
                return
    if isinstance(response, dict):  # botocore
        status = _inside(response, "ResponseMetadata", "HTTPStatusCode")
        if _is_number(status) and 400 <= status <= 599:
            yield Code(family="http", value=str(int(status)))
        name_of_error = _inside(response, "Error", "Code")
        if isinstance(name_of_error, str):
            yield _code("aws", name_of_error)


def _exit(error: BaseException) -> Iterator[Code]:
    number = attribute(error, "returncode")  # subprocess.CalledProcessError and its likes
    if not _is_number(number):
        return
    if number > 0:
        yield Code(family="exit", value=str(int(number)))
    elif number < 0:
        try:
            yield Code(family="signal", value=signal.Signals(-number).name)
        except ValueError:  # a real-time signal has no name
            yield Code(family="signal", value=str(-number))


def _named(error: BaseException) -> Iterator[Code]:
    wish = attribute(error, "fnr_code")
    if isinstance(wish, str) and wish and isinstance(error, Asked):
        yield _code("fnr", wish)
    name = attribute(error, "sqlite_errorname")
    if isinstance(name, str):
        yield _code("sqlite", name)
    for state in (attribute(error, "sqlstate"), attribute(error, "pgcode")):
        if isinstance(state, str) and len(state) == _SQLSTATE_CHARS:
            yield _code("sqlstate", state)
    code = attribute(error, "code")
    if callable(code) and type(error).__module__.startswith("grpc"):
        answer = attribute(_answer(code), "name")
        if isinstance(answer, str):
            yield _code("grpc", answer)


def _code(family: str, name: str) -> Code:
    return Code(family=family, value=clean(name, _NAME_CHARS_MAX))


def _header(error: BaseException, name: str) -> object:
    for source in (attribute(error, "response"), error):
        get = attribute(attribute(source, "headers"), "get")
        if callable(get):
            return _answer(get, name)
    return None


def _answer(call: Callable[..., object], *args: str) -> object:
    try:
        return call(*args)
    except BaseException:  # noqa: BLE001 - a foreign method; without its answer there is no hint
        return None


def _wait_ms(hint: object, *, now_ms: int) -> int | None:
    if isinstance(hint, str):
        hint = hint.strip()
        if not hint.replace(".", "", 1).isdecimal():
            return _until_ms(hint, now_ms=now_ms)
        hint = float(hint)
    if isinstance(hint, int | float) and not isinstance(hint, bool) and 0 <= hint <= SECONDS_MAX:
        return round(hint * 1_000)
    return None


def _until_ms(date: str, *, now_ms: int) -> int | None:
    try:
        from email.utils import parsedate_to_datetime  # noqa: PLC0415 - 2 MiB for few failures
    except (OSError, MemoryError):  # the hint is not worth the rest of the evidence
        return None
    try:
        at_ms = parsedate_to_datetime(date).timestamp() * 1_000
    except (ValueError, OverflowError):
        return None
    return max(0, round(at_ms - now_ms))


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_a(error: BaseException, module: str, name: str) -> bool:
    # Whoever raised such an exception has imported its module.
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(error, kind)


def _inside(value: dict[object, object], outer: str, inner: str) -> object:
    part = value.get(outer)
    return part.get(inner) if isinstance(part, dict) else None
