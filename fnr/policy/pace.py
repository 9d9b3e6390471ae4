"""When a further try may come: not too many of one task in a while, and paid by the function.

Nobody is dropped here: a task whose function has spent its budget waits until that is earned, at
the longest as long as any wait.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from fnr.policy.budget import affords, cost_ms, withdraw
from fnr.policy.counted import counted
from fnr.policy.decision import Action, Verdict
from fnr.policy.failure import Failed
from fnr.policy.retry import RetryPolicy
from fnr.policy.task import Task, TaskState

BUDGET = "budget"


def pause_ms(recent: Sequence[int], *, policy: RetryPolicy, now_ms: int) -> int:
    """How long until another recovery attempt is allowed; recent: when the earlier ones were.

    Times in the future (the clock was set back) count as now, so the pause is never longer than
    the window.
    """
    inside = sorted(min(at_ms, now_ms) for at_ms in recent if at_ms > now_ms - policy.window_ms)
    if not policy.per_window or len(inside) < policy.per_window:
        return 0
    return inside[-policy.per_window] + policy.window_ms - now_ms


def queue_again(failed: Failed, after: Task, action: Action, why: str, *, delay_ms: int) -> Verdict:
    """Queue the task for a later moment; park it when its function cannot pay for another try."""
    policy, around = failed.policy, failed.around
    pause = pause_ms(around.recent, policy=policy, now_ms=failed.now_ms)
    if pause > delay_ms:
        delay_ms = pause
        why += f" (after {counted(policy.per_window, 'try', 'tries')} within {policy.window_ms} ms)"
    if around.balance_ms is None:
        queued = replace(after, due_at_ms=failed.now_ms + delay_ms)
        return failed.verdict(queued, action, f"{why} in {delay_ms} ms", delay_ms=delay_ms)
    price_ms = cost_ms(around.expected_ms, policy.budget)
    numbers = {"balance_ms": around.balance_ms, "price_ms": price_ms}
    if not affords(around.balance_ms, around.expected_ms, policy.budget):
        return _park(failed, after, why, delay_ms=delay_ms, numbers=numbers)
    verdict = failed.verdict(
        replace(after, due_at_ms=failed.now_ms + delay_ms),
        action,
        f"{why} in {delay_ms} ms",
        delay_ms=delay_ms,
        numbers=numbers,
    )
    left_ms = withdraw(around.balance_ms, around.expected_ms, policy.budget)
    return replace(verdict, balance_ms=left_ms)


def _park(
    failed: Failed, after: Task, why: str, *, delay_ms: int, numbers: dict[str, int]
) -> Verdict:
    empty = (
        f"retry budget of {after.function} is empty: {numbers['balance_ms']} ms of work left,"
        f" a retry costs {numbers['price_ms']} ms"
    )
    # Spread like any delay, so that what was parked at once does not come back at once.
    spread = 1 + failed.policy.jitter * (2 * failed.fraction - 1)
    longest_ms = max(delay_ms, round(failed.policy.wait_ms * spread))
    parked = replace(
        after,
        state=TaskState.WAITING,
        waiting_for=BUDGET,
        due_at_ms=failed.now_ms + longest_ms,
        reason=f"{empty}; {after.reason}",
    )
    return failed.verdict(
        parked,
        Action.PARK,
        f"{why} when it is earned, in {longest_ms} ms at the latest: {empty}",
        delay_ms=delay_ms,
        numbers=numbers | {"longest_ms": longest_ms},
    )
