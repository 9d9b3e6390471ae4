"""Ctrl-C while a daemon is waited for that was asked to end."""

from __future__ import annotations

import os
import signal

import pytest
from cli_runs import Run
from wire_server import WireServer

from fnr.api.requests import GetStatus, Status, StopDaemon
from fnr.cli import daemon


@pytest.mark.parametrize("verb", ["stop", "restart"])
def test_ctrl_c_does_not_call_it_back_and_says_so(
    server: WireServer, fnr: Run, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """Method: the signal comes as soon as the end is waited for."""
    pid = os.getpid()
    server.answers[GetStatus] = Status(state="running", version="0", home="", pid=pid)
    server.answers[StopDaemon] = True
    monkeypatch.setattr(
        daemon, "wait_until_gone", lambda *_, **__: signal.raise_signal(signal.SIGINT)
    )
    found = fnr("daemon", verb, "--drain")
    assert (found.code, found.out) == (130, "")
    assert found.err == (
        f"the daemon, pid {pid}, goes on ending, and no other is started;"
        f" fnr --home {server.home} daemon start\n"
    )
    assert server.asked[-1] == StopDaemon(drain=True)
