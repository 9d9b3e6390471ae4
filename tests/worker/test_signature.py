"""Which input a function takes, whatever stands in front of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from fnr.worker.signature import signature_of


def scale(width: int, factor: int) -> int:
    return width * factor


@functools.wraps(scale)
def passes_its_own(width: int) -> int:
    return scale(width, 2)


@functools.wraps(scale)
def passes_on(*args: Any, **options: Any) -> int:
    return scale(*args, **options)


class Static:
    @staticmethod
    def __call__(width: int) -> int:
        return width


class OfItsClass:
    @classmethod
    def __call__(cls, width: int) -> int:
        return width


class Scaler:
    def __call__(self, width: int) -> int:
        return width

    @functools.lru_cache  # noqa: B019 - one object
    def cached(self, width: int) -> int:
        return width


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (passes_its_own, "width"),
        (passes_on, "factor width"),
        (functools.lru_cache(passes_on), "factor width"),
        (functools.partial(passes_on, 3), "factor"),
        (Static(), "width"),
        (OfItsClass(), "width"),
        (Scaler(), "width"),
        (Scaler().cached, "width"),
    ],
)
def test_what_can_be_called_so_is_not_refused(function: Callable[..., Any], names: str) -> None:
    found = signature_of(function)
    assert " ".join(sorted(found.required)) == names
    assert found.mismatch(dict.fromkeys(names.split(), 1)) == ""
    assert found.mismatch({"other": 1}) == (
        f"missing input {', '.join(map(repr, names.split()))}; the function needs"
        f" {', '.join(names.split())}"
    )
