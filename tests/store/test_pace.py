"""Which disks are waited for on the loop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.store.pace import COMMITS, HANGING_COMMIT_S, QUICK_COMMIT_S, SLOW_COMMITS_MAX, Pace

QUICK_S, SLOW_S = QUICK_COMMIT_S / 2, QUICK_COMMIT_S
TIMES_S = st.lists(st.sampled_from([QUICK_S, QUICK_S, QUICK_S, SLOW_S]), max_size=100)


@given(TIMES_S)
def test_a_disk_is_quick_while_few_of_its_last_commits_were_not(times_s: list[float]) -> None:
    pace = Pace()
    for took_s in times_s:
        pace.took(took_s)
    last = times_s[-COMMITS:]
    assert pace.quick == (len(last) == COMMITS and last.count(SLOW_S) <= SLOW_COMMITS_MAX)


@pytest.mark.parametrize("hung_s", [HANGING_COMMIT_S, 30.0])
def test_a_disk_that_hung_once_has_to_prove_itself_again(hung_s: float) -> None:
    pace = Pace()
    for _ in range(COMMITS):
        pace.took(QUICK_S)
    assert pace.quick
    pace.took(hung_s)
    for _ in range(COMMITS):
        assert not pace.quick
        pace.took(QUICK_S)
    assert pace.quick
