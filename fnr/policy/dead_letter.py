"""A dead letter: a task that will not be tried again unless replayed, and how it may come back."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from fnr.policy.rules import Category

SHARED_KEY = "shares its unique key with another letter of the replay"


class KeyTaker(Struct, frozen=True, kw_only=True):
    """Which of the letters that share a unique key would go: the first in the replay's order."""

    rank: int
    task_id: str
    function: str


class DeathCause(StrEnum):
    """Why a task was buried."""

    PERMANENT = "permanent"
    VALIDATION = "validation"
    EXHAUSTED = "exhausted"  # retries or waits used up
    POISON = "poison"  # killed its worker too often
    EXPIRED = "expired"


class LetterState(StrEnum):
    """OPEN: waiting for an operator. REPLAYING: its task is live again. RESOLVED: put to rest."""

    OPEN = "open"
    REPLAYING = "replaying"
    RESOLVED = "resolved"


class DeadLetter(Struct, frozen=True, kw_only=True):
    """One dead letter; the task row keeps input, attempts and errors, the letter says why it died.

    error_id: the last error; None when the task expired without an attempt.
    """

    task_id: str
    function: str
    cause: DeathCause
    category: Category
    reason: str
    died_at_ms: int
    state: LetterState = LetterState.OPEN
    error_id: str | None = None
    message: str = ""
    attempts: int = 0
    replays: int = 0
    resolved_at_ms: int | None = None
    resolution: str = ""


def not_replayable(
    letter: DeadLetter, *, function_known: bool, input_problem: str | None = None
) -> str | None:
    """Say why this letter cannot be replayed now; None when it can."""
    if letter.state is LetterState.REPLAYING:
        return "already replaying"
    if letter.state is LetterState.RESOLVED:
        return "resolved: " + (letter.resolution or "no reason given")
    if not function_known:
        return f"function {letter.function} is not in fnr.toml"
    return input_problem
