"""The next smaller way to do a task: an ordered ladder per function, each rung taken once.

A rung changes values of the input, or hands the task to another function. What was submitted is
never overwritten: the steps are kept beside it, applied when an attempt is handed out, and
forgotten by a replay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

HALF = "half"
EXHAUSTED = "exhausted"
BREAKER = "breaker:"


class Rung(Struct, frozen=True, kw_only=True):
    """One step of a function's ladder.

    when:     categories, "exhausted" (its retries or waits are used up), "breaker:NAME" (open).
    set:      input values it changes; "half" halves a number.
    numbers:  which of these are declared as numbers, so that their "half" is never a word.
    function: who does it instead; "" for the same function.
    """

    when: tuple[str, ...]
    set: dict[str, Any] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()
    function: str = ""


class Degradation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step that was taken.

    function, rung: on whose ladder, and which step of it. why: which of the rung's conditions held.
    to: the function that took over; "" for the same one.
    """

    function: str
    rung: int
    why: str
    at_ms: int = 0
    set: dict[str, Any] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()
    to: str = ""

    @property
    def words(self) -> str:
        """ "batch_size = 1, by render_cpu"."""
        parts = [f"{name} {_value_words(value)}" for name, value in self.set.items()]
        return ", ".join([*parts, *([f"by {self.to}"] if self.to else [])])


def _value_words(value: Any) -> str:
    return "halved" if value == HALF else f"= {msgspec.json.encode(value).decode()}"


def next_step(
    taken: Sequence[Degradation],
    ladder: Sequence[Rung],
    *,
    function: str,
    conditions: Iterable[str],
    at_ms: int,
) -> Degradation | None:
    """The first rung above those taken for which one of the conditions holds.

    conditions: what is the case: a category, "exhausted", "breaker:NAME" for each that is open.
    """
    holds = set(conditions)
    climbed = max((step.rung for step in taken if step.function == function), default=-1)
    for number, rung in enumerate(ladder):
        why = next((word for word in rung.when if word in holds), None)
        if number > climbed and why is not None:
            return Degradation(
                function=function,
                rung=number,
                why=why,
                at_ms=at_ms,
                set=rung.set,
                numbers=rung.numbers,
                to=rung.function,
            )
    return None


def home_function(function: str, taken: Sequence[Degradation]) -> str:
    """The function that was asked for, whoever has taken over since."""
    return next((step.function for step in taken if step.to), function)


def applied(body: bytes, taken: Sequence[Degradation]) -> bytes:
    """The input as the steps leave it; the JSON of an object in, and out."""
    values: dict[str, Any] = msgspec.json.decode(body)
    for step in taken:
        for name, value in step.set.items():
            if value != HALF:
                values[name] = value
            elif name not in step.numbers or values.get(name) is not None:
                # What was not given stays what the function makes of it.
                values[name] = _halved(values.get(name))
    return msgspec.json.encode(values)


def _halved(value: Any) -> Any:
    """Half of a number, whole numbers rounded down and never below 1; else the word itself.

    So that `precision = "half"` sets a text, and `steps = "half"` halves a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return HALF
    if isinstance(value, float):
        return value / 2
    return max(1, value // 2) if value > 0 else value
