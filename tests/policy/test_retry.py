"""When to try again: pauses grow, are bounded, and spread."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_values import POLICIES

from fnr.policy.retry import FACTOR_MAX, RetryPolicy, retry_delay_ms

RETRIES = st.integers(1, 10**9)
FRACTIONS = st.floats(0, 1, exclude_max=True)


@given(policy=POLICIES, retry=RETRIES, fraction=FRACTIONS)
def test_a_pause_is_bounded_however_often_it_failed(
    policy: RetryPolicy, retry: int, fraction: float
) -> None:
    delay_ms = retry_delay_ms(policy, retry=retry, fraction=fraction)
    assert 0 <= delay_ms <= math.ceil(policy.delay_max_ms * (1 + policy.jitter))


@given(policy=POLICIES, retry=st.integers(1, 100))
def test_pauses_never_shrink_apart_from_the_jitter(policy: RetryPolicy, retry: int) -> None:
    now_ms = retry_delay_ms(policy, retry=retry, fraction=0.5)
    assert now_ms <= retry_delay_ms(policy, retry=retry + 1, fraction=0.5)


@given(policy=POLICIES, retry=RETRIES, fraction=FRACTIONS)
def test_jitter_moves_a_pause_by_at_most_its_share(
    policy: RetryPolicy, retry: int, fraction: float
) -> None:
    plain_ms = retry_delay_ms(policy, retry=retry, fraction=0.5)
    moved_ms = retry_delay_ms(policy, retry=retry, fraction=fraction)
    assert abs(moved_ms - plain_ms) <= plain_ms * policy.jitter + 1


def test_the_defaults_are_the_storys_numbers() -> None:
    """1 s doubled up to 60 s, ± 10 %, three times."""
    policy = RetryPolicy()
    pauses_ms = [retry_delay_ms(policy, retry=retry, fraction=0.5) for retry in range(1, 9)]
    assert pauses_ms == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]
    assert retry_delay_ms(policy, retry=1, fraction=0.0) == 900
    assert policy.retries_max == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"retries_max": -1},
        {"unknown_max": -1},
        {"waits_max": -1},
        {"deaths_max": 0},
        {"delay_base_ms": -1},
        {"delay_base_ms": 2_000, "delay_max_ms": 1_000},
        {"wait_ms": -1},
        {"factor": 0.5},
        {"factor": FACTOR_MAX + 1},
        {"factor": math.inf},
        {"factor": math.nan},
        {"jitter": 1.1},
        {"jitter": math.nan},
    ],
    ids=str,
)
def test_a_policy_without_sense_cannot_be_built(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must|factor"):
        RetryPolicy(**fields)
