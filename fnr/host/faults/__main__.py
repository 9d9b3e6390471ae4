"""The dead-man process: holds one fault, and undoes it when anything at all goes wrong.

    python -m fnr.host.faults FOLDER

Its standard output is a socket to the daemon. What ends the fault, whichever comes first: the other
end of the socket is closed (the daemon died, or wants it so), the deadline, SIGTERM. Should this
process be killed, the daemon, its successor or `fnr chaos abort` undo the fault from its record.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from contextlib import suppress

import msgspec

from fnr.host import chaos_records as records
from fnr.host.clock import Clock
from fnr.host.failpoint import failpoint
from fnr.host.faults.deeds import FAULTS
from fnr.host.faults.undoing import undo
from fnr.policy.chaos import Injection, Outcome
from fnr.policy.faults import CATALOGUE, Acts

# How long a fault may take until it can be seen.
EFFECT_MS = 2_000
LOOK_MS = 20


def main(folder: str) -> int:
    """Hold the fault of this folder until it is over."""
    clock = Clock()
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=os.dup(1)) as line:
        held = records.lock(folder)
        if held is None:
            return 0
        injection = records.read(folder)
        assert injection is not None, "the lock says that it is there"
        try:
            fd, seen = _begin(injection, clock)
        finally:
            held.release()
        records.note_seen(injection, seen)
        _say(line, "begun", seen)
        failpoint("holder-told")
        by = seen.problem or _wait(injection, line, wake_read, clock)
        _say(line, "ending", seen)
        if fd >= 0:
            os.close(fd)
        failpoint("holder-about-to-undo")
        outcome = undo(injection, by=by, clock=clock)
        failpoint("holder-undone")
        if outcome is not None:
            _say(line, "over", outcome)
    return 0


def _begin(injection: Injection, clock: Clock) -> tuple[int, Outcome]:
    """Carry the fault out; what is seen of it, or why it could not be."""
    failpoint("holder-started")
    if clock.boot_ms() >= injection.until_boot_ms or clock.boot_id() != injection.boot_id:
        return -1, Outcome(problem="it came too late")
    try:
        records.note_holder(injection.folder)
        fd = records.hold(injection.folder)
    except OSError as error:
        return -1, Outcome(problem=f"it could not begin: {error}")
    failpoint("holder-noted")
    deeds = FAULTS[injection.fault]
    try:
        deeds.begin(injection)
        failpoint("holder-begun")
        if CATALOGUE[injection.fault].acts is not Acts.HOLDER:
            return fd, Outcome()
        for _ in range(EFFECT_MS // LOOK_MS):
            if words := deeds.proof(injection):
                return fd, Outcome(effect=words, effect_at_ms=clock.now_ms())
            select.poll().poll(LOOK_MS)
    except OSError as error:
        return fd, Outcome(problem=f"it could not be done: {error}")
    return fd, Outcome(problem=f"no effect was seen within {EFFECT_MS} ms")


def _wait(injection: Injection, line: socket.socket, wake_fd: int, clock: Clock) -> str:
    """Until it has to end; who ends it."""
    poll = select.poll()
    poll.register(line, select.POLLIN)
    poll.register(wake_fd, select.POLLIN)
    while (left_ms := injection.until_boot_ms - clock.boot_ms()) > 0:
        for fd, _ in poll.poll(left_ms):
            if fd == wake_fd:
                return "asked to end"
            return _hear(line).decode("utf-8", "replace") or "the daemon let go, or died"
    return "its deadline"


def _hear(line: socket.socket) -> bytes:
    """Why the daemon lets go; nothing when it died."""
    try:
        return line.recv(4_096)
    except OSError:
        return b""


def _say(line: socket.socket, what: str, outcome: Outcome) -> None:
    with suppress(OSError):
        line.sendall(msgspec.json.encode({"what": what, "outcome": outcome}) + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
