"""A bad day cuts services down one after the other, and says which and why."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fnr.config.settings import Settings
from fnr.daemon.limited import limits, no_room_for_telemetry
from fnr.daemon.parts import Parts
from fnr.daemon.readings import Readings
from fnr.host.clock import Clock


def parts(*, store: str = "ok", problems: dict[str, str] | None = None, **more: Any) -> Parts:
    """As much of a daemon as says how it is."""
    usual = {"accepting": True, "dispatching": True} | more
    found = SimpleNamespace(store=SimpleNamespace(state=store), problems=problems or {}, **usual)
    return cast("Parts", found)


@pytest.mark.parametrize(
    ("daemon", "what"),
    [
        (parts(), []),
        (parts(store="ill", problems={"store": "the store is ill: x"}), ["read-only"]),
        (parts(store="full"), ["disk full"]),
        (parts(problems={"disk": "2 MiB free"}), ["disk nearly full"]),
        (parts(problems={"reserve": "no room"}), ["disk nearly full"]),
        (
            parts(problems={"disk": "2 MiB free", "telemetry": "off"}),
            ["disk nearly full", "no telemetry"],
        ),
        (parts(store="full", problems={"disk": "0 MiB free"}), ["disk full"]),
        (parts(dispatching=False), ["draining"]),
    ],
)
def test_what_is_cut_down_is_named_with_what_is_still_served(
    daemon: Parts, what: list[str]
) -> None:
    found = limits(daemon)
    assert [one.what for one in found] == what
    assert all(one.why and one.served and one.refused for one in found)


def test_telemetry_goes_before_tasks_do() -> None:
    assert no_room_for_telemetry(128, 64) == ""
    assert "100 MiB free" in no_room_for_telemetry(100, 64)


OFF = "readings are off: 3 MiB free"


@pytest.mark.parametrize(
    ("store", "file", "left"),
    [
        ("ok", "telemetry.db", ""),
        ("full", "telemetry.db", "readings are off: the store is full"),
        ("ok", "no/telemetry.db", "readings cannot be kept: unable to open database file"),
    ],
)
async def test_that_there_is_no_telemetry_is_said_for_no_longer_than_it_is_so(
    tmp_path: Path, store: str, file: str, left: str
) -> None:
    """Nothing runs, so nobody takes a reading by himself."""
    bad = parts(
        store=store,
        problems={"telemetry": OFF},
        clock=Clock(),
        loop=asyncio.get_running_loop(),
        settings=Settings(),
        paths=SimpleNamespace(state_dir=str(tmp_path), telemetry_file=str(tmp_path / file)),
    )
    readings = Readings(bad, cast("Any", None), cast("Any", None))
    await readings.look_anew()
    readings.close()
    assert bad.problems.get("telemetry", "") == left
