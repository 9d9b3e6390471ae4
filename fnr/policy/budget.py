"""How much retrying a function has earned: a budget in milliseconds of work, not in tries.

A success deposits a share of its duration, a retry withdraws what an attempt is expected to take.
So a nine-minute render that fails is dear and a two-second thumbnail is cheap, and retries can
never be more than a share of the work that succeeds, however many tasks fail at once.
"""

from __future__ import annotations

from msgspec import Struct


class BudgetPolicy(Struct, frozen=True, kw_only=True):
    """initial_ms: what a function may spend before anything succeeded; max_ms: the most it saves.

    share: how much of a success's duration is deposited.
    """

    initial_ms: int = 600_000
    max_ms: int = 600_000
    share: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.initial_ms <= self.max_ms:
            raise ValueError(
                f"budget must be 0 to budget_max ({self.max_ms} ms), got {self.initial_ms}"
            )
        if not 0 <= self.share <= 1:
            raise ValueError(f"budget_share must be 0 to 1, got {self.share}")


def deposit(
    balance_ms: int, duration_ms: int, policy: BudgetPolicy, *, rest_ms: float = 0.0
) -> tuple[int, float]:
    """The balance after successes that took so long together, and what is left below a whole ms.

    rest_ms: what was left the last time. A tenth of a quick success is less than a millisecond;
    rounded down each time, a million of them would pay in nothing.
    """
    earned_ms = rest_ms + max(0, duration_ms) * policy.share
    whole_ms = int(earned_ms)
    if balance_ms + whole_ms >= policy.max_ms:
        return policy.max_ms, 0.0
    return balance_ms + whole_ms, earned_ms - whole_ms


def cost_ms(expected_ms: int, policy: BudgetPolicy) -> int:
    """What a retry costs: at least 1 ms, and never more than a full budget holds.

    Without the upper bound an attempt that takes longer than the whole budget had no retry at all.
    """
    return min(max(1, expected_ms), max(1, policy.max_ms))


def affords(balance_ms: int, expected_ms: int, policy: BudgetPolicy) -> bool:
    """Whether a retry can be paid."""
    return balance_ms >= cost_ms(expected_ms, policy)


def withdraw(balance_ms: int, expected_ms: int, policy: BudgetPolicy) -> int:
    """The balance after a retry; whoever cannot pay in full empties it."""
    return max(0, balance_ms - cost_ms(expected_ms, policy))
