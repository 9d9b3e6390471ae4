"""The demo's object store: HTTP on loopback, in a process of its own, and not to be relied on.

    PUT  /objects/BUCKET/KEY   store an object, under an Idempotency-Key
    GET  /objects/BUCKET/KEY   give it back
    GET  /ledger               what was stored how often, and which faults happened
    POST /repair               from now on no faults, and the vault lets everybody in

The bucket "vault" answers 403 until it is repaired. Other requests meet the faults of their seed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import struct
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec

from fnr.cli.demo.faults import Fault, fault_of
from fnr.host.process import die_with_parent

HOST = "127.0.0.1"
VAULT = "vault"
BODY_BYTES_MAX = 32 * 1024 * 1024
HEAD_BYTES_MAX = 64 * 1024
BUSY_RETRY_AFTER_S = 1
SHUT_MS = 100
NAME_CHARS_MAX = 150
# Longer than functions.upload waits for an answer.
SLOW_MS = 1_500

_REASONS = {
    200: "OK",
    201: "Created",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    503: "Service Unavailable",
    507: "Insufficient Storage",
}


class StoredObject(msgspec.Struct, kw_only=True):
    """One key: its content now, and what happened to it.

    versions: idempotency key -> sha256, one for each time that it was stored.
    repeats:  puts that came again under a known idempotency key and stored nothing.
    """

    sha256: str
    size_bytes: int
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    repeats: int = 0


class Ledger(msgspec.Struct, kw_only=True):
    """The store's own account of itself; faults: how often each happened, 403s included."""

    objects: dict[str, StoredObject] = msgspec.field(default_factory=dict)
    faults: dict[str, int] = msgspec.field(default_factory=dict)
    requests: int = 0


class Objects:
    """What is stored, on disk, one file a key, and the account of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger()

    def put(self, key: str, body: bytes, *, idempotency_key: str) -> int:
        """Store an object; the HTTP status to answer with.

        Stored under a new idempotency key, it is a new version (201). The same put again is the
        same version (200); other content under a used idempotency key is a conflict (409).
        """
        sha256 = hashlib.sha256(body).hexdigest()
        known = self.ledger.objects.get(key)
        if known and idempotency_key in known.versions:
            if known.versions[idempotency_key] != sha256:
                return 409
            known.repeats += 1
            return 200
        self._file(key).write_bytes(body)
        if known is None:
            known = self.ledger.objects[key] = StoredObject(sha256=sha256, size_bytes=len(body))
        known.sha256, known.size_bytes = sha256, len(body)
        known.versions[idempotency_key] = sha256
        return 201

    def get(self, key: str) -> bytes | None:
        """The content of a key; None if there is none."""
        return self._file(key).read_bytes() if key in self.ledger.objects else None

    def _file(self, key: str) -> Path:
        # A key may be "..", hold "/" or be longer than a name may be; its hash is none of these.
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        return self.folder / f"{digest[:16]}-{quote(key, safe='')[-NAME_CHARS_MAX:]}"


class Request(msgspec.Struct, frozen=True):
    """One HTTP request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class ObjectServer:
    """Answers requests, or does not, as the seed says."""

    def __init__(self, objects: Objects, *, seed: int) -> None:
        self.objects = objects
        self.seed = seed
        self.broken = True
        self._asked: Counter[str] = Counter()
        self._shut = asyncio.Event()
        # Bound and never listening: it keeps the port ours while the door is shut.
        self._port_holder = _bound(0)
        self.port: int = self._port_holder.getsockname()[1]
        self._door = _listening(self.port)

    async def serve(self) -> None:
        """Serve until cancelled; while the door is shut, the kernel refuses whoever knocks."""
        while True:
            server = await asyncio.start_server(self._talk, sock=self._door, limit=HEAD_BYTES_MAX)
            await self._shut.wait()
            server.close()
            await asyncio.sleep(SHUT_MS / 1_000)
            self._shut.clear()
            self._door = _listening(self.port)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            request = await _read(reader)
            self.objects.ledger.requests += 1
            fault = self._fault(request)
            if fault in {Fault.SHUT, Fault.RESET}:
                _reset(writer)
                if fault is Fault.SHUT:
                    self._shut.set()
                return
            answer = _SORRY[fault] if fault in _SORRY else self._answer(request)
            if fault is Fault.LOST:
                _reset(writer)
                return
            if fault is Fault.SLOW:
                await asyncio.sleep(SLOW_MS / 1_000)
            writer.write(answer)
            await writer.drain()
        writer.close()

    def _fault(self, request: Request) -> Fault | None:
        if not self.broken or request.method != "PUT" or _bucket(request.path) == VAULT:
            return None
        self._asked[request.path] += 1
        fault = fault_of(self.seed, request.path, self._asked[request.path])
        if fault is not None:
            self._count(fault.value)
        return fault

    def _answer(self, request: Request) -> bytes:
        match request.method, request.path:
            case "GET", "/ledger":
                return _response(200, msgspec.json.encode(self.objects.ledger))
            case "POST", "/repair":
                self.broken = False
                return _response(200)
        key = request.path.removeprefix("/objects/")
        if key == request.path or not key:
            return _response(404)
        match request.method:
            case "GET":
                found = self.objects.get(key)
                return _response(404) if found is None else _response(200, found)
            case "PUT":
                return self._put(key, request)
        return _response(400)

    def _put(self, key: str, request: Request) -> bytes:
        if self.broken and _bucket(request.path) == VAULT:
            self._count("403 from the vault")
            return _response(403)
        idempotency_key = request.headers.get("idempotency-key", "")
        if not idempotency_key:
            return _response(400)
        return _response(self.objects.put(key, request.body, idempotency_key=idempotency_key))

    def _count(self, fault: str) -> None:
        faults = self.objects.ledger.faults
        faults[fault] = faults.get(fault, 0) + 1


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, *_ = [*first.split(" "), "", ""]
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    length = headers.get("content-length", "0")
    size_bytes = int(length) if length.isdecimal() else 0
    body = await reader.readexactly(min(size_bytes, BODY_BYTES_MAX))
    return Request(method, unquote(path), headers, body)


def _response(status: int, body: bytes = b"", *, headers: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\n{headers}\r\n"
    )
    return head.encode("latin-1") + body


_SORRY: dict[Fault | None, bytes] = {
    Fault.BUSY: _response(503, headers=f"Retry-After: {BUSY_RETRY_AFTER_S}\r\n"),
    Fault.FULL: _response(507),
}


def _reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with an RST, as a crashed server's kernel does."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _bound(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    found.bind((HOST, port))
    return found


def _listening(port: int) -> socket.socket:
    found = _bound(port)
    found.listen()
    return found


def _bucket(path: str) -> str:
    return path.removeprefix("/objects/").partition("/")[0]


def main(words: list[str]) -> None:
    """Serve until killed, or until the demo ends; the port is the first line of the output.

    words: folder for the objects, seed, pid of the demo.
    """
    folder, seed, parent_pid = words
    die_with_parent(int(parent_pid))
    server = ObjectServer(Objects(Path(folder)), seed=int(seed))
    os.write(sys.stdout.fileno(), f"{server.port}\n".encode())
    asyncio.run(server.serve())


if __name__ == "__main__":
    main(sys.argv[1:])
