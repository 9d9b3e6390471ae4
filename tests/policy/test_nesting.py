"""The depth of JSON is that of its brackets, whatever stands in its texts."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.policy.nesting import is_deeper_than

DEPTH = 3


def depth_of(value: object) -> int:
    if not isinstance(value, list | dict):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth_of, inner), default=0)


texts = st.text(alphabet='[]{}"\\a')
values = st.recursive(
    texts | st.none() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)


@given(values, st.integers(0, 6))
def test_it_is_what_a_walk_finds(value: object, depth_max: int) -> None:
    assert is_deeper_than(depth_max, msgspec.json.encode(value)) is (depth_of(value) > depth_max)


@pytest.mark.parametrize("wide", ["[[[]],[[]]]", '{"[[[[":{"a":[]}}', '["\\"[[[[[[",[[]]]'])
def test_what_is_wide_is_not_deep(wide: str) -> None:
    assert not is_deeper_than(DEPTH, wide.encode())
    assert is_deeper_than(DEPTH - 1, wide.encode())
