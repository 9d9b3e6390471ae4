"""A bad day cuts services down one after the other, and says which and why."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from fnr.daemon.limited import limits, no_room_for_telemetry
from fnr.daemon.parts import Parts


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
