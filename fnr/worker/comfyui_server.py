"""Ask a ComfyUI server, which is on this host or near: JSON over HTTP, without proxies."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

# To load a model it may not answer for a while; who follows a prompt asks again.
ANSWER_S = 30.0
ANSWER_BYTES_MAX = 64 * 1024 * 1024
_PART_BYTES = 1024 * 1024
_REDIRECT = range(300, 400)
_CLIENTS_FAULT = range(400, 500)


class HttpRefusedError(Exception):
    """It has answered, and does not want what it was asked. answer: its JSON, if that is some."""

    def __init__(self, words: str, *, status_code: int, answer: object) -> None:
        super().__init__(words)
        self.status_code = status_code
        self.answer = answer


class HttpTroubleError(OSError):
    """It has answered that it cannot now, or with what is no answer."""

    def __init__(self, words: str, *, status_code: int | None = None) -> None:
        super().__init__(words)
        self.status_code = status_code


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Of a POST it would make a GET, whose good answer says nothing of what was posted."""

    def redirect_request(self, req: urllib.request.Request, *more: Any) -> Any:
        return None if req.data is not None else super().redirect_request(req, *more)


class ComfyServer:
    """One server. What cannot be asked raises OSError: ConnectionError where nobody is there."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Redirects())

    def get(self, path: str) -> Any:
        """What it answers. Raises OSError and HttpRefusedError."""
        with self._open(urllib.request.Request(self._url + path)) as answer:  # noqa: S310 - http(s)
            return _json(_read(answer))

    def post(self, path: str, body: object) -> Any:
        """The same; None for an answer without words."""
        request = urllib.request.Request(  # noqa: S310 - checked to be http or https
            self._url + path,
            data=msgspec.json.encode(body),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        with self._open(request) as answer:
            words = _read(answer)
        return _json(words) if words.strip() else None

    @contextmanager
    def download(self, path: str, query: Mapping[str, str]) -> Iterator[Iterator[bytes]]:
        """A file in parts; raises OSError also where it ends too soon."""
        url = f"{self._url}{path}?{urllib.parse.urlencode(query)}"
        with self._open(urllib.request.Request(url)) as answer:  # noqa: S310 - http(s)
            yield _parts(answer)

    @contextmanager
    def _open(self, request: urllib.request.Request) -> Iterator[http.client.HTTPResponse]:
        try:
            with self._opener.open(request, timeout=ANSWER_S) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            raise _refused(request, error) from None
        except urllib.error.URLError as error:
            # What is below says whether anybody is there.
            raise error.reason if isinstance(error.reason, OSError) else error from None
        except http.client.HTTPException as error:
            words = f"{request.full_url}: {type(error).__name__}: {error}"
            raise HttpTroubleError(words) from error


def _refused(
    request: urllib.request.Request, error: urllib.error.HTTPError
) -> HttpRefusedError | HttpTroubleError:
    words = f"{request.get_method()} {request.full_url}: HTTP {error.code} {error.reason}"
    if error.code in _REDIRECT:
        words += f", leads to {error.headers.get('Location')}: url must name where it is"
    with error:
        try:
            said = error.read(ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException):
            said = b""
    if error.code not in _CLIENTS_FAULT and error.code not in _REDIRECT:
        return HttpTroubleError(words, status_code=error.code)
    try:
        answer = _decoded(said)
    except (ValueError, RecursionError):
        answer = None
    return HttpRefusedError(words, status_code=error.code, answer=answer)


def _read(answer: http.client.HTTPResponse) -> bytes:
    words = answer.read(ANSWER_BYTES_MAX + 1)
    if len(words) > ANSWER_BYTES_MAX:
        raise HttpTroubleError(f"{answer.url}: more than {ANSWER_BYTES_MAX} bytes")
    return words


def _json(words: bytes) -> Any:
    try:
        return _decoded(words)
    except (ValueError, RecursionError) as error:
        raise HttpTroubleError(f"an answer that is no JSON: {error}") from None


def _decoded(words: bytes) -> Any:
    """Its JSON. Raises ValueError and RecursionError.

    ComfyUI writes NaN and Infinity, of any prompt that it knows: nodes that are to run each time
    say so by NaN. These are null here.
    """
    try:
        return msgspec.json.decode(words)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(words, parse_constant=lambda _: None)


def _parts(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    left = answer.length
    while part := answer.read(_PART_BYTES):
        if left is not None:
            left -= len(part)
        yield part
    if left:
        raise HttpTroubleError(f"{answer.url}: {left} bytes of it are missing")
