"""Numbers of other libraries become Python's own; what JSON has not is told."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from fnr.policy.json_numbers import as_builtin, number_lost


class Float64(float):
    """Made from Python's own, as numpy.float64 is."""


class Int(int):
    """As some libraries have it."""


class Words(str):
    """As yaml and others have it."""

    __slots__ = ()

    def __str__(self) -> str:
        return "shown otherwise"


class OfNoDimensions:
    """A numpy.int64, or a loss of torch: not made from any number of Python's."""

    ndim = 0

    def __init__(self, value: object) -> None:
        self._value = value

    def item(self) -> object:
        return self._value


class Row(OfNoDimensions):
    """An array that happens to have one item."""

    ndim = 1


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Float64(0.5), 0.5),
        (Int(7), 7),
        (Words("x"), "x"),
        (OfNoDimensions(True), True),
        (OfNoDimensions(3), 3),
        (OfNoDimensions(0.25), 0.25),
    ],
)
def test_a_number_of_another_library_is_the_number(value: object, plain: object) -> None:
    encoded = msgspec.json.encode({"a": [value]}, enc_hook=as_builtin)
    assert msgspec.json.decode(encoded) == {"a": [plain]}
    assert number_lost({"a": [value, None]}, encoded + b"null") == ""


@pytest.mark.parametrize("value", [Path("a"), object(), Row(3), OfNoDimensions(1j)])
def test_what_is_no_number_is_refused_by_name(value: object) -> None:
    with pytest.raises(TypeError, match=f"objects of type {type(value).__name__} is unsupported"):
        msgspec.json.encode([value], enc_hook=as_builtin)


@pytest.mark.parametrize("value", [Float64(math.nan), OfNoDimensions(math.inf), math.nan])
def test_a_number_that_json_has_not_is_told(value: object) -> None:
    encoded = msgspec.json.encode([value], enc_hook=as_builtin)
    assert number_lost([value], encoded) in {"nan", "inf"}
