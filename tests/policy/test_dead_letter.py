"""Which dead letters can come back now, and why the others cannot."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from fnr.policy.dead_letter import DeadLetter, DeathCause, LetterState, not_replayable
from fnr.policy.rules import Category

LETTER = DeadLetter(
    task_id="t",
    function="render",
    cause=DeathCause.PERMANENT,
    category=Category.PERMANENT,
    reason="retrying cannot help",
    died_at_ms=1,
)


@pytest.mark.parametrize("cause", DeathCause)
def test_an_open_letter_of_a_known_function_can_be_replayed(cause: DeathCause) -> None:
    """Whatever it died of: the operator decides what has been repaired."""
    assert not_replayable(replace(LETTER, cause=cause), function_known=True) is None


@pytest.mark.parametrize(
    ("letter", "known", "input_problem", "why"),
    [
        (replace(LETTER, state=LetterState.REPLAYING), True, None, "already replaying"),
        (
            replace(LETTER, state=LetterState.RESOLVED, resolution="no longer wanted"),
            True,
            None,
            "resolved: no longer wanted",
        ),
        (replace(LETTER, state=LetterState.RESOLVED), True, None, "resolved: no reason given"),
        (LETTER, False, None, "function render is not in fnr.toml"),
        (LETTER, True, "width: expected int", "width: expected int"),
        (LETTER, False, "width: expected int", "function render is not in fnr.toml"),
    ],
)
def test_another_says_why_not(
    letter: DeadLetter, known: bool, input_problem: str | None, why: str
) -> None:
    assert not_replayable(letter, function_known=known, input_problem=input_problem) == why
