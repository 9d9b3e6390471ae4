"""Which inputs are accepted: storable JSON objects that fit what the function declares."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from fnr.policy.input_types import check_input, validate_input_json
from fnr.policy.task import INPUT_BYTES_MAX, INPUT_DEPTH_MAX

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.unmeasured
@given(st.dictionaries(st.text("abc"), VALUES), st.booleans())
def test_every_json_object_is_accepted(value: dict[str, Any], ascii_only: bool) -> None:
    assert validate_input_json(json.dumps(value, ensure_ascii=ascii_only).encode()) is None


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "empty"),
        (b"{a:1}", "not JSON"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": -Infinity}', "Infinity is no JSON number"),
        (b'{"a": 1e999}', "out of range"),
        (b'\xef\xbb\xbf{"a": 1}', "begins with a byte order mark"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8"),
        (rb'{"a": "\ud800"}', "surrogate"),
        (rb'{"a": "\uD800x"}', "surrogate"),
        (rb'{"a": "\udc00"}', "surrogate"),
        (rb'{"a": ["x", {"b": "y\u0000"}]}', "b contains"),
        (rb'{"a\u0000": 1}', "a key contains"),
        (b'{"a": "\x00"}', "not JSON"),
        (b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "nested deeper"),
        (b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}", "nested deeper"),
        (b'{"a": "' + b"x" * INPUT_BYTES_MAX + b'"}', "at most"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_reason(raw: bytes, why: str) -> None:
    problem = validate_input_json(raw)
    assert problem is not None
    assert why in problem


def test_a_nul_that_is_no_nul_is_accepted() -> None:
    assert validate_input_json(rb'{"a": "\\u0000"}') is None


def test_a_real_surrogate_pair_is_accepted() -> None:
    assert validate_input_json(rb'{"a": "\ud83d\ude00"}') is None


def test_the_depth_allowed_is_exact() -> None:
    def nested(depth: int) -> bytes:
        return b'{"a":' * depth + b"1" + b"}" * depth

    assert validate_input_json(nested(INPUT_DEPTH_MAX)) is None
    assert validate_input_json(nested(INPUT_DEPTH_MAX + 1)) is not None


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert validate_input_json(b'{"a": [' + b",".join([b"[]"] * 1_000) + b"]}") is None


class Declares(Struct):
    name: str
    input: dict[str, str]


RENDER = Declares("render", {"path": "str", "width": "int", "scale": "float?", "tags": "list?"})


@pytest.mark.parametrize(
    "given_input",
    [
        {"path": "a", "width": 1},
        {"path": "a", "width": 1, "scale": 2, "tags": []},
        {"path": "a", "width": 1, "scale": None},
    ],
)
def test_what_fits_is_accepted(given_input: dict[str, Any]) -> None:
    assert check_input(RENDER, given_input) is None


@pytest.mark.parametrize(
    ("given_input", "why"),
    [
        ({"width": 1}, "render needs path"),
        ({"path": "a", "width": "1"}, "width: render wants int, got text"),
        ({"path": "a", "width": True}, "width: render wants int, got true or false"),
        ({"path": None, "width": 1}, "path: render wants str, got null"),
        ({"path": "a", "widht": 1}, "render does not take 'widht', did you mean 'width'?"),
        ({"path": "a", "zzz": 1}, "render does not take 'zzz'; it takes path, width"),
    ],
)
def test_what_does_not_fit_is_explained(given_input: dict[str, Any], why: str) -> None:
    problem = check_input(RENDER, given_input)
    assert problem is not None
    assert problem.startswith(why)


def test_a_function_that_declares_nothing_takes_anything() -> None:
    assert check_input(Declares("f", {}), {"any": object}) is None
