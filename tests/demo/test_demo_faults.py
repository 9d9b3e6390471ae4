"""The demo's faults: decided by seed, key and count alone, and each of them comes up."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.cli.demo.faults import FAULT_SHARE, WEIGHTS, Fault, fault_of, fraction_of

KEYS = [f"/objects/open/{number}.py.gz" for number in range(4_000)]


def test_the_weights_are_shares_of_all_faults() -> None:
    assert set(WEIGHTS) == set(Fault)
    assert sum(WEIGHTS.values()) == pytest.approx(1)


def test_about_the_wanted_share_of_requests_fails_and_in_every_way() -> None:
    found = Counter(fault_of(1, key, 1) for key in KEYS)
    served = found.pop(None)
    assert served == pytest.approx(len(KEYS) * (1 - FAULT_SHARE), rel=0.05)
    for fault, weight in WEIGHTS.items():
        assert found[fault] == pytest.approx(weight * found.total(), rel=0.35), fault


def test_another_seed_or_another_try_meets_another_fate() -> None:
    fates = [fault_of(1, key, 1) for key in KEYS]
    assert fates == [fault_of(1, key, 1) for key in KEYS]
    assert fates != [fault_of(2, key, 1) for key in KEYS]
    assert fates != [fault_of(1, key, 2) for key in KEYS]


@given(seed=st.integers(), key=st.text(), nth=st.integers(1, 1_000))
def test_without_a_share_nothing_fails_and_with_all_of_it_everything(
    seed: int, key: str, nth: int
) -> None:
    assert fault_of(seed, key, nth, share=0) is None
    assert fault_of(seed, key, nth, share=1) in WEIGHTS
    assert 0 <= fraction_of(seed, key) < 1
