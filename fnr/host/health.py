"""Ask a service whether it is well: an HTTP GET, a TCP connection, or a command; with a deadline.

Nothing here waits longer than it was told to, and no command outlives its deadline.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from base64 import b64encode
from collections.abc import Sequence
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from msgspec import Struct

from fnr.host import process

_ANSWER_BYTES_MAX = 4_096
_WELL = range(200, 400)
_PORTS = {"http": 80, "https": 443}
GET, TCP, COMMAND = "GET", "TCP", "COMMAND"


class Health(Struct, frozen=True, kw_only=True):
    """What was found; in words for the operator."""

    healthy: bool
    found: str


async def ask(probe: Sequence[str], *, timeout_ms: int, cwd: str | None = None) -> Health:
    """One probe. probe: ("GET", url), ("TCP", "host:port") or ("COMMAND", word, …)."""
    kind, *words = probe
    try:
        async with asyncio.timeout(timeout_ms / 1_000):
            if kind == COMMAND:
                return await _run(words, cwd=cwd)
            if kind == TCP:
                return await _connect(words[0])
            return await _get(words[0])
    except TimeoutError:
        return Health(healthy=False, found=f"no answer within {timeout_ms} ms")
    except (OSError, ValueError, EOFError) as error:
        return Health(healthy=False, found=f"{type(error).__name__}: {error}")


async def _connect(address: str) -> Health:
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    writer.close()
    return Health(healthy=True, found=f"{address} takes connections")


async def _get(url: str) -> Health:
    parts = urlsplit(url)
    assert parts.hostname is not None, url
    secure = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or _PORTS[parts.scheme]
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = parts.netloc.rpartition("@")[2]
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: fnr\r\nAccept: */*\r\n"
            f"{_login(parts)}Connection: close\r\n\r\n".encode()
        )
        await writer.drain()
        line = await reader.readline()
    except ValueError:
        line = b""  # longer than any that HTTP begins with
    finally:
        writer.close()
    words = line[:_ANSWER_BYTES_MAX].decode("latin-1").split(maxsplit=2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdecimal():
        return Health(healthy=False, found="it answers, but not in HTTP")
    status = " ".join(words[1:]).strip()
    return Health(healthy=int(words[1]) in _WELL, found=f"HTTP {status}")


def _login(parts: SplitResult) -> str:
    """The header for the name and the password of a URL; nothing for one without."""
    if parts.username is None:
        return ""
    words = unquote_to_bytes(parts.username) + b":" + unquote_to_bytes(parts.password or "")
    return f"Authorization: Basic {b64encode(words).decode()}\r\n"


async def _run(argv: Sequence[str], *, cwd: str | None) -> Health:
    child = process.spawn(argv, env=dict(os.environ), cwd=cwd)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(child.pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(child.pidfd)
        # Also what it left behind goes.
        process.kill_group(child)
        if not ended.is_set():
            await _reaped(child)
        found = process.reap(child.pid, child.pidfd)
        os.close(child.pidfd)
    if found.code == 0:
        return Health(healthy=True, found=f"{argv[0]} ended with 0")
    how = f"signal {found.signal}" if found.code is None else f"exit code {found.code}"
    return Health(healthy=False, found=f"{argv[0]} ended with {how}")


async def _reaped(child: process.Child) -> None:
    """Wait for the end of a process that was killed: the kernel's affair of a moment."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(child.pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(child.pidfd)
