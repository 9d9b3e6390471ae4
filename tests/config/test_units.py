"""Durations and sizes: what is written is read back the same, and nothing without a unit is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.config.units import (
    DURATION_MS_MAX,
    SIZE_BYTES_MAX,
    duration_ms,
    format_duration,
    format_size,
    size_bytes,
)


@pytest.mark.parametrize(
    ("text", "total_ms"),
    [("500ms", 500), ("10m", 600_000), ("1h30m", 5_400_000), ("1.5s", 1_500), ("0s", 0)],
)  # fmt: skip
def test_durations_are_read(text: str, total_ms: int) -> None:
    assert duration_ms(text) == total_ms


@pytest.mark.parametrize(
    ("text", "total"), [("64KiB", 65_536), ("2GiB", 2**31), ("1.5MiB", 1_572_864), ("7B", 7)]
)
def test_sizes_are_read(text: str, total: int) -> None:
    assert size_bytes(text) == total


@given(st.integers(0, DURATION_MS_MAX))
def test_a_duration_survives_writing_and_reading(total_ms: int) -> None:
    assert duration_ms(format_duration(total_ms)) == total_ms


@given(st.integers(0, SIZE_BYTES_MAX))
def test_a_size_survives_writing_and_reading(total_bytes: int) -> None:
    assert size_bytes(format_size(total_bytes)) == total_bytes


@given(st.integers() | st.floats() | st.integers(0).map(str))
def test_a_bare_number_is_refused_with_a_message(value: object) -> None:
    for read in (duration_ms, size_bytes):
        with pytest.raises(ValueError, match=r"unit|is not a|longer|more than"):
            read(value)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "inf", "nan"])
def test_what_no_unit_makes_a_length_is_not_offered_one(value: object) -> None:
    for read in (duration_ms, size_bytes):
        with pytest.raises(ValueError, match="is not a"):
            read(value)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    for read, bound in ((duration_ms, DURATION_MS_MAX), (size_bytes, SIZE_BYTES_MAX)):
        try:
            assert 0 <= read(text) <= bound
        except ValueError as error:
            assert str(error)
