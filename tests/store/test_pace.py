"""Which disks are waited for on the loop."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fnr.store.pace import QUICK_COMMIT_S, QUICK_COMMITS_MIN, Pace

TIMES_S = st.lists(st.sampled_from([QUICK_COMMIT_S / 2, QUICK_COMMIT_S]), max_size=100)


@given(TIMES_S)
def test_a_disk_is_quick_while_its_last_commits_all_were(times_s: list[float]) -> None:
    pace = Pace()
    for took_s in times_s:
        pace.took(took_s)
    last = times_s[-QUICK_COMMITS_MIN:]
    assert pace.quick == (len(last) == QUICK_COMMITS_MIN and max(last) < QUICK_COMMIT_S)


def test_a_disk_that_hesitated_once_has_to_prove_itself_again() -> None:
    pace = Pace()
    for _ in range(QUICK_COMMITS_MIN):
        pace.took(0.0)
    assert pace.quick
    pace.took(0.2)
    assert not pace.quick
    for _ in range(QUICK_COMMITS_MIN):
        assert not pace.quick
        pace.took(0.0)
    assert pace.quick
