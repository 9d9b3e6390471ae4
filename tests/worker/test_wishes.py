"""What a function asks for by raising, and what becomes of it."""

from __future__ import annotations

import pytest

import fnr
import fnr.testing
from fnr.policy.evidence import Phase
from fnr.worker.capture import capture

TEN_YEARS_MS = 10 * 365 * 24 * 3_600_000


def refuse(width: int) -> None:
    if width % 2:
        raise fnr.Reject(f"width {width} is odd")


def try_later(after: float | str) -> None:
    try:
        raise PermissionError(13, "denied")
    except PermissionError as error:
        raise fnr.Retry(after=after) from error


def no_room(**asked: object) -> None:
    raise fnr.Wait(**asked)  # type: ignore[arg-type]  # whatever the test asks for


def test_rejected_input_is_the_submitters_business() -> None:
    outcome = fnr.testing.run(refuse, {"width": 3})
    assert (outcome.category, outcome.message) == ("validation", "fnr.Reject: width 3 is odd")
    assert outcome.decision is not None
    assert outcome.decision.action == "bury"
    assert fnr.testing.run(refuse, {"width": 4}).ok


class NoScene(fnr.Reject):
    """A wish of a function's own."""


class LicenceTaken(fnr.Retry):
    """Another one."""


class CardFull(fnr.Wait):
    """And another one."""


@pytest.mark.parametrize(
    ("wish", "rule", "wait_for"),
    [
        (NoScene("cannot connect"), "fnr/reject", ""),
        (LicenceTaken("not found", after=60), "fnr/retry", ""),
        (CardFull(vram="8GiB"), "fnr/wait", "vram:8GiB"),
    ],
)
def test_a_class_made_from_a_wish_asks_for_the_same(
    wish: Exception, rule: str, wait_for: str
) -> None:
    def function() -> None:
        raise RuntimeError("it stopped") from wish

    outcome = fnr.testing.run(function)
    assert outcome.classification is not None
    assert outcome.classification.rule == rule
    assert outcome.evidence is not None
    assert outcome.evidence.wait_for == wait_for


@pytest.mark.parametrize(("after", "delay_ms"), [(30, 30_000), ("2m", 120_000), (0.5, 1_000)])
def test_a_retry_comes_when_it_was_asked_for_whatever_caused_it(
    after: float | str, delay_ms: int
) -> None:
    outcome = fnr.testing.run(try_later, {"after": after})
    assert outcome.classification is not None
    assert outcome.classification.rule == "fnr/retry"
    assert outcome.decision is not None
    assert (outcome.decision.action, outcome.decision.delay_ms) == ("retry", delay_ms)


def test_a_retry_that_is_asked_for_too_late_comes_when_the_longest_wait_is_over() -> None:
    outcome = fnr.testing.run(try_later, {"after": 1e9})
    assert outcome.decision is not None
    assert (outcome.decision.action, outcome.decision.delay_ms) == ("retry", 300_000)


@pytest.mark.parametrize(
    ("after", "asked_ms"),
    [
        (2**80, TEN_YEARS_MS),
        (float("inf"), TEN_YEARS_MS),
        ("20000d", TEN_YEARS_MS),
        (-0.5, 0),
        (None, None),
    ],
)
def test_no_time_that_is_asked_for_is_lost(after: float | str | None, asked_ms: int | None) -> None:
    evidence = capture(fnr.Retry(after=after), phase=Phase.RUN, now_ms=0)
    assert evidence.retry_after_ms == asked_ms


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="got nan"):
        fnr.Retry(after=float("nan"))
    with pytest.raises(ValueError, match='"soon" is not a duration'):
        fnr.Wait(after="soon")


@pytest.mark.parametrize(
    ("asked", "wait_for"),
    [
        ({"vram": "8GiB"}, "vram:8GiB"),
        ({"gpus": 2}, "gpu:2"),
        ({"disk": "/data:10GiB"}, "disk:/data:10GiB"),
        ({"port": 8188}, "port:8188"),
        ({"service": "comfyui"}, "service:comfyui"),
        ({}, ""),
    ],
)
def test_a_wait_names_what_it_needs(asked: dict[str, object], wait_for: str) -> None:
    outcome = fnr.testing.run(no_room, asked)
    assert outcome.evidence is not None
    assert outcome.evidence.wait_for == wait_for
    assert outcome.category == "resource"
    assert outcome.decision is not None
    assert outcome.decision.action == "wait"
    assert f"for {wait_for or 'resource'}," in outcome.decision.why


def test_two_things_at_a_time_are_not_waited_for() -> None:
    with pytest.raises(ValueError, match="vram and port"):
        fnr.Wait(vram="1GiB", port=1)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"vram": "8"}, "'8' is not a size"),
        ({"memory": 8}, "'8' is not a size"),
        ({"gpus": 0}, r"fnr\.Wait\(gpus=0\): 'gpu:0' needs a number from 1"),
        ({"port": 99_999}, "a number from 1 to 65535"),
        ({"disk": "/data"}, "write disk:/path:10GiB"),
        ({"service": "My NAS"}, "'My NAS' is no name"),
    ],
)
def test_what_cannot_be_looked_for_is_refused(asked: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        no_room(**asked)


def test_attributes_of_the_same_name_elsewhere_mean_nothing() -> None:
    class Foreign(Exception):
        fnr_code = "reject"
        wait_for = "vram:1GiB"

    evidence = capture(Foreign("x"), phase=Phase.RUN, now_ms=0)
    assert (evidence.codes, evidence.wait_for) == ((), "")
