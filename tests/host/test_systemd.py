"""What systemd is told arrives, on either kind of address; without systemd nothing happens."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from fnr.host.systemd import is_journal, sd_notify, watchdog_interval_ms


@pytest.mark.parametrize("abstract", [False, True])
def test_lines_arrive_as_one_message(tmp_path: Path, *, abstract: bool) -> None:
    name = f"@fnr-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if abstract else name)
        assert sd_notify("READY=1", "STATUS=2 workers", environ={"NOTIFY_SOCKET": name})
        assert systemd.recv(1000) == b"READY=1\nSTATUS=2 workers"


@pytest.mark.parametrize("address", ["", "relative", "/does/not/exist", "@nobody-listens"])
def test_nobody_listening_is_no_error(address: str) -> None:
    assert not sd_notify("READY=1", environ={"NOTIFY_SOCKET": address})


def test_a_systemd_that_does_not_read_never_blocks_us(tmp_path: Path) -> None:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name)
        while sd_notify("WATCHDOG=1", environ={"NOTIFY_SOCKET": name}):
            pass
        assert systemd.recv(1000) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environ", "interval_ms"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15_000),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15_000),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "500"}, 1),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_half_the_watchdogs_patience(environ: dict[str, str], interval_ms: int | None) -> None:
    assert watchdog_interval_ms(environ) == interval_ms


def test_the_journal_is_what_the_variable_names_and_nothing_else(tmp_path: Path) -> None:
    """A shell that systemd has started a terminal for has the variable, and lines got a "<6>"."""
    with (tmp_path / "stream").open("w") as stream, (tmp_path / "file").open("w") as file:
        status = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        assert is_journal(stream.fileno(), environ)
        assert not is_journal(file.fileno(), environ)
        assert not is_journal(stream.fileno(), {})
    assert not is_journal(-1, environ)
