"""When to try again: exponential backoff with jitter, and how often."""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from fnr.policy.budget import BudgetPolicy

# The exponent is bounded because Python ints do not overflow, they grow.
DOUBLINGS_MAX = 32
FACTOR_MAX = 1_000


class CategoryRetry(Struct, frozen=True, kw_only=True):
    """What differs for one category; None leaves it to the function. max: retries or waits."""

    max: int | None = None
    delay_base_ms: int | None = None
    delay_max_ms: int | None = None
    factor: float | None = None
    jitter: float | None = None
    wait_ms: int | None = None


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """Patience with one function's failures; the defaults are the story's numbers.

    retries_max: retries of a transient failure. unknown_max: of one no evidence explains.
    waits_max:   times a task may wait for a used-up resource, wait_ms each at the longest.
    deaths_max:  a task that took this many workers down is quarantined as poison.
    jitter:      share of the delay added or taken at random, 0 to 1.
    per_window:  tries after failures that one task gets within window_ms; 0 sets no limit.
    budget:      what all tasks of the function may spend on retries together.
    by_category: what differs for a category, under its name.
    """

    retries_max: int = 3
    unknown_max: int = 1
    waits_max: int = 5
    deaths_max: int = 3
    delay_base_ms: int = 1_000
    delay_max_ms: int = 60_000
    factor: float = 2.0
    jitter: float = 0.1
    wait_ms: int = 300_000
    per_window: int = 5
    window_ms: int = 300_000
    budget: BudgetPolicy = BudgetPolicy()
    by_category: dict[str, CategoryRetry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if min(self.retries_max, self.unknown_max, self.waits_max) < 0 or self.deaths_max < 1:
            raise ValueError("retry limits must not be negative, and deaths_max at least 1")
        if not 0 <= self.delay_base_ms <= self.delay_max_ms:
            raise ValueError(
                f"delay must be 0 to delay_max ({self.delay_max_ms} ms), got {self.delay_base_ms}"
            )
        if self.wait_ms < 0:
            raise ValueError(f"wait must not be negative, got {self.wait_ms}")
        # Written so that "not a number" is refused too.
        if not (1 <= self.factor <= FACTOR_MAX and 0 <= self.jitter <= 1):
            raise ValueError(f"factor must be 1 to {FACTOR_MAX} and jitter 0 to 1")


def policy_for(
    policy: RetryPolicy, category: str, *, delay_ms: int | None = None, wait_ms: int | None = None
) -> RetryPolicy:
    """The patience with one failure: the rule's numbers before the category's, then the function's.

    delay_ms, wait_ms: what the rule that named the failure says; None when it says nothing.
    """
    own = policy.by_category.get(category)
    changes = {}
    if own is not None:
        changes = {key: value for key, value in asdict(own).items() if value is not None}
        if (most := changes.pop("max", None)) is not None:
            changes |= {"retries_max": most, "unknown_max": most, "waits_max": most}
    changes |= {"delay_base_ms": delay_ms} if delay_ms is not None else {}
    changes |= {"wait_ms": wait_ms} if wait_ms is not None else {}
    if not changes:
        return policy
    base_ms = changes.get("delay_base_ms", policy.delay_base_ms)
    changes["delay_max_ms"] = max(changes.get("delay_max_ms", policy.delay_max_ms), base_ms)
    return replace(policy, **changes)


def retry_delay_ms(policy: RetryPolicy, *, retry: int, fraction: float) -> int:
    """Pause before the given retry (1, 2, …), in ms.

    fraction: a throw of the dice in [0, 1); 0.5 adds no jitter. Jitter comes last, so that tasks
    at delay_max_ms are spread as well; the pause is at most delay_max_ms * (1 + jitter).
    """
    assert retry >= 1, retry
    doublings = min(retry - 1, DOUBLINGS_MAX)
    delay = min(policy.delay_base_ms * policy.factor**doublings, policy.delay_max_ms)
    return round(delay * (1 + policy.jitter * (2 * fraction - 1)))
