"""What the drill runs in workers beside the canary: talk to a service, write a file, be patient."""

from __future__ import annotations

import json
import select
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path

from fnr.host.clock import Clock
from fnr.worker import sdk
from fnr.worker.canary import mark

ANSWER_TIMEOUT_S = 1.0
BEGUN_SUFFIX = ".begun"
BREAKER_SUFFIX = ".breaker"
# Far more than a breaker needs to see; so many calls take longer than it may.
_CALLS_MAX = 400
_PATIENCE_MS = 60_000


class ServiceAnswerError(Exception):
    """The service answered with an error; fnr reads status and headers."""

    def __init__(self, status: int, reason: str, headers: Message) -> None:
        super().__init__(f"HTTP {status} {reason}")
        self.status = status
        self.headers = headers


def call(port: int, marks: str) -> str:
    """Ask the service behind a port, and need its whole answer."""
    body = _ask(port)
    _done(marks)
    return body.decode("latin-1")


def _ask(port: int) -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/drill")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status >= 400:
            raise ServiceAnswerError(answer.status, answer.reason, answer.headers)
    finally:
        connection.close()
    return body


def guarded(port: int, marks: str, service: str) -> str:
    """Call a failing service until its breaker refuses; note when it should and when it did."""
    clock = Clock()
    failed: list[int] = []
    refused: int | None = None
    for _ in range(_CALLS_MAX):
        try:
            with sdk.breaker(service):
                _ask(port)
        except sdk.BreakerOpen:
            refused = clock.boot_ms()
            break
        except Exception:  # noqa: BLE001 - whatever the fault made of the call
            failed.append(clock.boot_ms())
    note = {"failed": failed, "refused": refused}
    task_id = sdk.attempt().task_id
    Path(marks, f"{task_id}{BREAKER_SUFFIX}").write_text(json.dumps(note), "ascii")
    _done(marks)
    return "refused" if refused else "never refused"


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
