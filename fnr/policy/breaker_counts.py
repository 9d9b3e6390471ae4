"""What a breaker remembers of its service's calls, and whether that is enough to stop calling it.

Three rules look at the same outcomes, because each sees what the others miss: so many failures in
a row (an outage), k failures among the last n (operators understand it), and a sum that rises with
every failure and falls with every success (a partial outage, which never fails often in a row).
"""

from __future__ import annotations

import math

from msgspec import Struct

from fnr.policy.counted import counted

# Bernoulli CUSUM: a healthy service fails 5 % of its calls, an ill one half of them.
# Source: Page, "Continuous Inspection Schemes", Biometrika 41 (1954); simulated in the research.
_HEALTHY, _ILL = 0.05, 0.5
SUM_PER_FAILURE = math.log(_ILL / _HEALTHY)
SUM_PER_SUCCESS = math.log((1 - _ILL) / (1 - _HEALTHY))
# The sum of n failures in a row and n times the share of one differ in their last bits.
_ROUNDING = 1e-9


class TripRules(Struct, frozen=True, kw_only=True):
    """When calls have failed often enough.

    failures_max:  so many in a row.
    window_failed, window_of: so many among the last so many; 0 asks nothing.
    gradual:       also by the sum, which failures_max in a row reach and not less.
    forget_ms:     after so long without a failure the earlier ones count no more.
    """

    failures_max: int = 5
    window_failed: int = 6
    window_of: int = 10
    gradual: bool = True
    forget_ms: int = 3_600_000

    @property
    def sum_max(self) -> float:
        """The sum that trips."""
        return self.failures_max * SUM_PER_FAILURE


class Counts(Struct, frozen=True, kw_only=True):
    """Outcomes in short; the moment of the last failure is on the boot clock.

    recent: the last outcomes, oldest first; True is a failure.
    """

    streak: int = 0
    total: float = 0.0
    recent: tuple[bool, ...] = ()
    failed_at_ms: int = 0

    @property
    def quiet(self) -> bool:
        """Nothing that a further success could change."""
        return not self.total and not any(self.recent)


NOTHING = Counts()


def after_success(counts: Counts, rules: TripRules) -> Counts:
    """One call went well. While nothing has failed successes need not be counted at all."""
    if counts.quiet:
        return NOTHING
    return Counts(
        total=max(0.0, counts.total + SUM_PER_SUCCESS),
        recent=_pushed(counts.recent, rules, failed=False),
        failed_at_ms=counts.failed_at_ms,
    )


def after_failure(counts: Counts, rules: TripRules, *, now_ms: int) -> Counts:
    """One call failed."""
    if now_ms - counts.failed_at_ms > rules.forget_ms:
        counts = NOTHING
    return Counts(
        streak=counts.streak + 1,
        total=counts.total + SUM_PER_FAILURE,
        recent=_pushed(counts.recent, rules, failed=True),
        failed_at_ms=now_ms,
    )


def why_trip(counts: Counts, rules: TripRules) -> str:
    """Which rule says that the service is ill, with its numbers; "" while none does."""
    if counts.streak >= rules.failures_max:
        return f"{counted(counts.streak, 'failure')} in a row (failures {rules.failures_max})"
    window = counts.recent[-rules.window_of :] if rules.window_of else ()
    if rules.window_failed and sum(window) >= rules.window_failed:
        return (
            f"{sum(window)} of the last {counted(len(window), 'call')} failed"
            f" (window {rules.window_failed} of {rules.window_of})"
        )
    failed, calls = sum(counts.recent), counted(len(counts.recent), "call")
    if rules.gradual and counts.total >= rules.sum_max - _ROUNDING:
        return (
            f"{failed} of the last {calls} failed: the sum of evidence is"
            f" {counts.total:.1f} (at most {rules.sum_max:.1f})"
        )
    return ""


def _pushed(recent: tuple[bool, ...], rules: TripRules, *, failed: bool) -> tuple[bool, ...]:
    return (*recent, failed)[-max(rules.window_of, rules.failures_max) :]
