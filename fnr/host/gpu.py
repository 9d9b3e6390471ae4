"""Readings of the GPUs, through a probe that can be killed when the driver does not answer."""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress

import msgspec

from fnr.host.clock import Clock
from fnr.host.process import Child, StillAlive, readable_within, reap, spawn
from fnr.policy.gpu import GpuReport

# Loading a driver that nobody holds loaded takes seconds.
FIRST_ANSWER_MS = 15_000
ANSWER_MS = 5_000
KILLED_WITHIN_MS = 1_000
AGAIN_AFTER_MS = 10_000
# A probe that SIGKILL does not end hangs in the driver; more of them would hang, too.
STUCK_MAX = 2

_report = msgspec.json.Decoder(GpuReport)


class GpuProbe:
    """One probe process at a time; `read` blocks, at most for ANSWER_MS, and never raises."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._child: Child | None = None
        self._socket: socket.socket | None = None
        self._not_before_ms = 0
        self._why = ""
        self._stuck: list[Child] = []
        self._unwanted = False

    def read(self) -> GpuReport:
        """All GPUs, or why they cannot be seen."""
        first = self._socket is None
        if first:
            self._stuck = [child for child in self._stuck if not _has_ended(child, 0)]
            if len(self._stuck) >= STUCK_MAX:
                return GpuReport(missing=f"{len(self._stuck)} probes hang in the driver")
            if self._clock.boot_ms() < self._not_before_ms:
                return GpuReport(missing=self._why)
            try:
                self._begin()
            except OSError as error:
                return self._give_up(f"the GPU probe cannot be started: {error}")
        try:
            patience_ms = FIRST_ANSWER_MS if first else ANSWER_MS
            report = self._ask(patience_ms)
        except (OSError, msgspec.DecodeError) as error:
            return self._give_up(f"the GPU probe failed: {error}")
        if report is None:
            return self._give_up(f"the driver did not answer within {patience_ms // 1000} s")
        if report.missing:
            # Without a driver there is nothing to keep a process for.
            return self._give_up(report.missing)
        return report

    def interrupt(self) -> None:
        """Called from another thread: nobody wants the answer that is waited for, or any other."""
        self._unwanted = True
        if (ours := self._socket) is not None:
            with suppress(OSError):
                ours.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the probe."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._child is not None:
            self._end(self._child)
            self._child = None

    def _begin(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            self._child = spawn(
                [sys.executable, "-m", "fnr.host.gpu_probe"],
                env=dict(os.environ),
                stdout=theirs.fileno(),
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._socket = ours

    def _ask(self, patience_ms: int) -> GpuReport | None:
        assert self._socket is not None
        if self._unwanted:
            raise InterruptedError("nobody waits for it")
        self._socket.sendall(b"?\n")
        end_ms = self._clock.boot_ms() + patience_ms
        heard = b""
        while not heard.endswith(b"\n"):
            left_ms = end_ms - self._clock.boot_ms()
            if not readable_within(self._socket.fileno(), max(0, left_ms)):
                return None
            part = self._socket.recv(1 << 16)
            if not part:
                raise ConnectionResetError("it ended")
            heard += part
        return _report.decode(heard)

    def _give_up(self, why: str) -> GpuReport:
        self.close()
        self._why = why
        self._not_before_ms = self._clock.boot_ms() + AGAIN_AFTER_MS
        return GpuReport(missing=why)

    def _end(self, child: Child) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
        if not _has_ended(child, KILLED_WITHIN_MS):
            self._stuck.append(child)


def _has_ended(child: Child, within_ms: int) -> bool:
    """Whether it is gone; then nothing of it is left here either."""
    if not readable_within(child.pidfd, within_ms):
        return False
    with suppress(StillAlive):
        reap(child.pid, child.pidfd)
    os.close(child.pidfd)
    return True
