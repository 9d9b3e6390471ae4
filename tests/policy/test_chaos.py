"""When a fault may begin, and when it must stop."""

from __future__ import annotations

import msgspec
import pytest

from fnr.policy.chaos import (
    ChaosSettings,
    Injection,
    Readings,
    refusal,
    stop_reason,
    unprotected,
    unsteady,
    without_floods,
)
from fnr.policy.faults import CATALOGUE, Acts, Risk, options_of

ON = ChaosSettings(enabled=True, protect=("billing-*", "precious"))
QUIET = Readings(disk_free_mib=10_000, load_per_cpu=0.5)


def test_nothing_is_injected_unless_somebody_switched_it_on() -> None:
    assert "enabled" in refusal(ChaosSettings(), duration_ms=1, reason="a reason")
    assert refusal(ON, duration_ms=1, reason="a reason") == ""


@pytest.mark.parametrize(
    ("duration_ms", "reason"), [(0, "x"), (-1, "x"), (ON.duration_max_ms + 1, "x"), (1, " \t")]
)
def test_a_bounded_duration_and_a_reason_are_mandatory(duration_ms: int, reason: str) -> None:
    assert refusal(ON, duration_ms=duration_ms, reason=reason)


def test_protected_functions_are_kept_out_by_pattern() -> None:
    found = unprotected(ON, ["render", "billing-eu", "precious", "precious2"])
    assert found == (["render", "precious2"], ["billing-eu", "precious"])


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (Readings(failures=5), "5 attempts of other tasks failed ("),
        (Readings(letters=1), "1 other task died ("),
        (Readings(queued=10_000), "10000 tasks wait ("),
        (Readings(disk_free_mib=255), "disk"),
        (Readings(load_per_cpu=8.0), "runnable"),
    ],
)
def test_each_abort_condition_stops_a_fault_and_says_its_numbers(now: Readings, words: str) -> None:
    assert words in stop_reason(ON, Readings(), now)
    assert stop_reason(ON, Readings(), QUIET) == ""


def test_only_what_went_wrong_since_the_beginning_counts() -> None:
    before = Readings(failures=100, letters=7)
    assert stop_reason(ON, before, Readings(failures=104, letters=7)) == ""
    assert unsteady(ON, before) == ""


def test_a_flood_of_a_drill_is_no_work_of_others() -> None:
    flood = Injection(
        injection_id="a", drill_id="a", fault="queue-flood", reason="r", by="me", begun_at_ms=1,
        duration_ms=1, until_boot_ms=1, boot_id="b", folder="f", options={"count": "9999"},
    )  # fmt: skip
    assert without_floods(Readings(queued=10_000), [flood]).queued == 1
    assert without_floods(Readings(queued=20), [flood]).queued == 0
    others = msgspec.structs.replace(flood, fault="error", options={})
    assert without_floods(Readings(queued=20), [others]).queued == 20


def test_what_cannot_be_read_stops_nothing_and_is_not_taken_for_zero() -> None:
    assert stop_reason(ON, Readings(), Readings(disk_free_mib=None, load_per_cpu=None)) == ""
    assert stop_reason(ON, Readings(), Readings(disk_free_mib=0)) != ""


def test_nothing_begins_while_something_is_wrong() -> None:
    assert "render: cannot be loaded" in unsteady(
        ON, Readings(problems=("render: cannot be loaded",))
    )
    assert "draining" in unsteady(ON, Readings(draining=True))
    assert "runnable" in unsteady(ON, Readings(load_per_cpu=9.0))
    assert unsteady(ON, QUIET) == ""


def test_every_fault_says_what_it_does_and_how_it_ends() -> None:
    assert len(CATALOGUE) >= 26
    for fault in CATALOGUE.values():
        assert fault.what
        assert fault.undo
        assert (fault.acts is not Acts.ATTEMPT) or fault.risk is not Risk.HIGH


def test_options_have_defaults_bounds_and_no_strangers() -> None:
    assert options_of(CATALOGUE["exit-code"], {}) == {"code": "3"}
    assert options_of(CATALOGUE["error"], {"code": "ENOSPC"})["code"] == "ENOSPC"
    for name, given in (
        ("exit-code", {"code": "0"}),
        ("exit-code", {"code": "x"}),
        ("exit-code", {"colour": "red"}),
        ("service-500", {}),
        ("service-500", {"port": "99999"}),
        ("queue-flood", {"function": "x", "count": "100001"}),
        ("clock-jump", {"by": str(10**12)}),
    ):
        with pytest.raises(ValueError, match=r"."):
            options_of(CATALOGUE[name], given)


def test_an_option_that_is_a_time_names_its_unit_when_it_is_none() -> None:
    with pytest.raises(ValueError, match="by must be a whole number of milliseconds, got '1h'"):
        options_of(CATALOGUE["clock-jump"], {"by": "1h"})
    assert options_of(CATALOGUE["clock-jump"], {"by": "3600000"})["by"] == "3600000"
