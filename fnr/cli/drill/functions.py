"""What the drill runs in workers beside the canary: talk to a service, write a file, be patient."""

from __future__ import annotations

import select
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path

from fnr.worker import sdk
from fnr.worker.canary import mark

ANSWER_TIMEOUT_S = 1.0
BEGUN_SUFFIX = ".begun"
_PATIENCE_MS = 60_000


class ServiceAnswerError(Exception):
    """The service answered with an error; fnr reads status and headers."""

    def __init__(self, status: int, reason: str, headers: Message) -> None:
        super().__init__(f"HTTP {status} {reason}")
        self.status = status
        self.headers = headers


def call(port: int, marks: str) -> str:
    """Ask the service behind a port, and need its whole answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/drill")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status >= 400:
            raise ServiceAnswerError(answer.status, answer.reason, answer.headers)
    finally:
        connection.close()
    _done(marks)
    return body.decode("latin-1")


def write(path: str, marks: str) -> str:
    """Write a file."""
    Path(path).write_text("written by a drill\n", "ascii")
    _done(marks)
    return path


def patient(marks: str) -> str:
    """Wait to be killed or stopped; the attempt that finds that this has happened is done."""
    attempt = sdk.attempt()
    begun = Path(marks) / f"{attempt.task_id}{BEGUN_SUFFIX}"
    if not begun.exists():
        begun.touch()
        select.poll().poll(_PATIENCE_MS)
    _done(marks)
    return "survived"


def _done(marks: str) -> None:
    attempt = sdk.attempt()
    mark(marks, attempt.task_id, attempt.token)
