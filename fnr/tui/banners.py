"""What the two banners say: what is broken on purpose, and that the daemon is not there."""

from __future__ import annotations

from collections.abc import Sequence

from fnr.api.errors import DaemonDown
from fnr.api.plain_text import duration
from fnr.policy.chaos import Drilled, ends_at_ms
from fnr.tui.feed import Contact, FeedState

# A daemon that is busy answers sooner.
SILENCE_MS = 3_000


def drill_words(drills: Sequence[Drilled], *, now_ms: int) -> str:
    """Which faults, and for how long still; "" when nothing is broken on purpose."""
    ends = [(ends_at_ms(one), one.injection) for one in drills]
    if not ends:
        return ""
    last_ms, injection = max(ends, key=lambda one: one[0])
    left = duration(max(0, last_ms - now_ms) // 1_000 * 1_000)
    faults = ", ".join(sorted({one.injection.fault for one in drills}))
    return f"! DRILL {left} left: {faults} · {injection.reason} · chaos: A aborts all"


def daemon_words(state: FeedState, *, now_ms: int) -> str:
    """Since when nobody answers, and what to type; "" while somebody does."""
    if state.contact not in {Contact.DOWN, Contact.REFUSED} or state.error is None:
        return ""
    since = duration(max(0, now_ms - state.since_ms) // 1_000 * 1_000)
    gone = isinstance(state.error, DaemonDown)
    what = "the daemon is not there" if gone else state.error.what
    # Nothing and nothing yet look alike in a list: the home may be mistyped, its disk not mounted.
    nothing = f"there is no store yet at {state.no_store_at}" if state.no_store_at else ""
    words = f"! {what} (for {since}); {nothing or 'this is the stored state'}"
    return f"{words} · {state.error.next_step}" if state.error.next_step else words


def settings_words(config_file: str, command: str) -> str:
    """What is secret by its settings cannot be known while they have mistakes."""
    return (
        f"! {config_file} has mistakes: secrets that only it tells of are shown"
        f" · {command} config check"
    )


def silence_words(unanswered_ms: int) -> str:
    """It is there and does not answer: what stands on the screen is what it said before."""
    if unanswered_ms < SILENCE_MS:
        return ""
    since = duration(unanswered_ms // 1_000 * 1_000)
    return f"! the daemon has not answered for {since}; this is what it said before"
