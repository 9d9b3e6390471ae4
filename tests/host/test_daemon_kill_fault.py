"""A daemon that a drill has killed is started again once: by its service manager, if it has one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fnr.host.faults import daemon_kill
from fnr.host.lock import hold_lock
from fnr.policy.chaos import Injection


@pytest.fixture
def manager() -> Iterator[str]:
    """A service manager that listens, as systemd gives its address."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
        bell.bind("")
        yield "@" + bell.getsockname()[1:].decode()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was started; it ends at once."""
    found: list[Any] = []

    def spawn(command: object, **_: object) -> object:
        found.append(command)
        ended, other = socket.socketpair()
        other.close()
        return SimpleNamespace(pidfd=ended.detach())

    monkeypatch.setattr(daemon_kill, "spawn", spawn)
    return found


def killed(folder: Path, *, manager: str) -> Injection:
    places = {"lock": str(folder / "daemon.lock"), "log": "", "manager": manager}
    return Injection(
        injection_id="01JD", drill_id="01JD", fault="daemon-kill", reason="a test", by="me",
        begun_at_ms=0, duration_ms=1, until_boot_ms=0, boot_id="", folder=str(folder),
        command=("fnr", "daemon"), places=places,
    )  # fmt: skip


def test_a_daemon_of_a_service_manager_is_left_to_it(
    tmp_path: Path, manager: str, started: list[Any]
) -> None:
    """Else its unit fails, and the daemon that runs is nobody's."""
    waited = threading.Event()
    look = daemon_kill.home_holder

    def watched(path: str) -> int | None:
        found = look(path)
        waited.set()
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(daemon_kill, "home_holder", watched)
        undoing = threading.Thread(
            target=daemon_kill.undo, args=[killed(tmp_path, manager=manager)]
        )
        undoing.start()
        assert waited.wait(30)
        lock = hold_lock(str(tmp_path / "daemon.lock"))
        undoing.join()
        lock.release()
    assert started == []


@pytest.mark.parametrize("address", ["", "@nobody-listens-here"])
def test_without_a_service_manager_it_is_started(
    tmp_path: Path, started: list[Any], address: str
) -> None:
    daemon_kill.undo(killed(tmp_path, manager=address))
    assert started == [("fnr", "daemon")]


def test_a_service_manager_that_does_not_start_it_is_not_waited_for_for_ever(
    tmp_path: Path, manager: str, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_kill, "MANAGER_MS", 40)
    daemon_kill.undo(killed(tmp_path, manager=manager))
    assert started == [("fnr", "daemon")]
