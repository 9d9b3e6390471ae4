"""The functions that the demo runs in its workers: two that work, the others give trouble.

Each writes down that it is done, in a file of its own for each task, so that a task that was
completed twice is seen whatever fnr's store says.
"""

from __future__ import annotations

import faulthandler
import hashlib
import os
import socket
import threading
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

import fnr

# Folder of the marks, and port of the object store; fnr.toml sets them.
MARKS_VARIABLE = "FNR_DEMO_MARKS"
PORT_VARIABLE = "FNR_DEMO_PORT"
# Shorter than the object store's slowest answers.
ANSWER_TIMEOUT_S = 1.0
CHUNK_BYTES = 1 << 20
BEGUN_SUFFIX = ".begun"


class StoreAnswerError(Exception):
    """The object store answered with an error; fnr reads status and headers."""

    def __init__(self, status: int, reason: str, headers: Message) -> None:
        super().__init__(f"HTTP {status} {reason}")
        self.status = status
        self.headers = headers


def digest(path: str) -> dict[str, object]:
    """Count a file's bytes and lines and hash it."""
    sha256, size_bytes, lines = hashlib.sha256(), 0, 0
    with Path(path).open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            sha256.update(chunk)
            size_bytes += len(chunk)
            lines += chunk.count(b"\n")
    mark_done()
    return {"sha256": sha256.hexdigest(), "bytes": size_bytes, "lines": lines}


def upload(path: str, key: str) -> dict[str, object]:
    """Put a file into the object store, under the same idempotency key at every attempt."""
    target = "/objects/" + key
    body = Path(path).read_bytes()
    connection = HTTPConnection(
        "127.0.0.1", int(os.environ[PORT_VARIABLE]), timeout=ANSWER_TIMEOUT_S
    )
    try:
        headers = {"Idempotency-Key": fnr.attempt().key}
        connection.request("PUT", quote(target), body=body, headers=headers)
        answer = connection.getresponse()
        if answer.status >= 400:
            raise StoreAnswerError(answer.status, answer.reason, answer.headers)
    finally:
        connection.close()
    mark_done()
    return {"key": key, "bytes": len(body), "new": answer.status == 201}


def hungry(mib: int) -> int:
    """Take more memory than its limit allows."""
    return len(bytearray(mib << 20))


def roomy(mib: int) -> int:
    """As much memory as asked for; its limit allows less, and its ladder asks for less."""
    size_bytes = hungry(mib)
    mark_done()
    return size_bytes


def listen(port: int) -> int:
    """Take a port that somebody else may hold."""
    with socket.create_server(("127.0.0.1", port)):
        mark_done()
    return port


def publish(path: str) -> None:
    """Write a file, and find out only then that it should not have been written."""
    fnr.undo.remove_file(path)
    Path(path).write_text("too early", "utf-8")
    raise fnr.Reject("the last check failed, after the file was written")


def endless() -> None:
    """Never end."""
    threading.Event().wait()


def crash() -> None:
    """Die of a segmentation fault."""
    faulthandler._sigsegv()  # type: ignore[attr-defined]  # noqa: SLF001 - CPython's own way to crash itself


def patient() -> str:
    """Wait to be killed; the attempt that finds that this has happened is done."""
    begun = Path(os.environ[MARKS_VARIABLE]) / f"{fnr.attempt().task_id}{BEGUN_SUFFIX}"
    if not begun.exists():
        fnr.progress(0, 1, stage="waiting to be killed")
        begun.touch()
        threading.Event().wait()
    mark_done()
    return "survived"


def mark_done() -> None:
    """Note that this attempt has done its work."""
    attempt = fnr.attempt()
    file = Path(os.environ[MARKS_VARIABLE]) / attempt.task_id
    # O_APPEND: two attempts at once would leave two lines, not one over the other.
    fd = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(fd, f"{attempt.token}\n".encode())
    finally:
        os.close(fd)
