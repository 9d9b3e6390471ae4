"""Who looks after busy workers goes on with it, whatever one look meets."""

from __future__ import annotations

import errno
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from fnr.config.settings import FunctionSettings, Settings
from fnr.daemon.timekeeper import Timekeeper
from fnr.daemon.worker_process import WorkerState
from fnr.host import process
from fnr.host.clock import Clock


def test_a_look_that_finds_no_file_descriptor_is_not_the_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """The attempt's timeout was watched by nobody any more, until another one was begun."""

    def none_left(*_: object) -> set[int]:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(process, "group_members", none_left)
    task = SimpleNamespace(cancel_asked=False, timeout_ms=3_600_000)
    held = SimpleNamespace(token="t", task=task)
    worker: Any = SimpleNamespace(
        worker_id="w", held={"t": held}, current=held, state=WorkerState.READY, link=None,
        kills={}, begun_at_ms=Clock().boot_ms(), progress_at_ms=0, heard_at_ms=-3_600_000,
        settings=FunctionSettings(name="f", kind="python", hang_timeout_ms=0),
        identity=SimpleNamespace(pid=1), log_path=str(tmp_path / "none"),
    )  # fmt: skip
    again: list[Callable[[], None]] = []
    parts: Any = SimpleNamespace(
        clock=Clock(), settings=Settings(), later=lambda _, call: again.append(call)
    )
    supervisor: Any = SimpleNamespace(workers={"w": worker})
    nobody: Any = SimpleNamespace()
    keeper = Timekeeper(parts, nobody, supervisor, nobody)
    keeper._look()
    assert again == [keeper._look]
