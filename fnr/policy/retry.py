"""When to try again: exponential backoff with jitter, and how often."""

from __future__ import annotations

from msgspec import Struct

# The exponent is bounded because Python ints do not overflow, they grow.
DOUBLINGS_MAX = 32
FACTOR_MAX = 1_000


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """Patience with one function's failures; the defaults are the story's numbers.

    retries_max: retries of a transient failure. unknown_max: of one no evidence explains.
    waits_max:   times a task may wait for a used-up resource, wait_ms each at the longest.
    deaths_max:  a task that took this many workers down is quarantined as poison.
    jitter:      share of the delay added or taken at random, 0 to 1.
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


def retry_delay_ms(policy: RetryPolicy, *, retry: int, fraction: float) -> int:
    """Pause before the given retry (1, 2, …), in ms.

    fraction: a throw of the dice in [0, 1); 0.5 adds no jitter. Jitter comes last, so that tasks
    at delay_max_ms are spread as well; the pause is at most delay_max_ms * (1 + jitter).
    """
    assert retry >= 1, retry
    doublings = min(retry - 1, DOUBLINGS_MAX)
    delay = min(policy.delay_base_ms * policy.factor**doublings, policy.delay_max_ms)
    return round(delay * (1 + policy.jitter * (2 * fraction - 1)))
