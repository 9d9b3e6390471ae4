"""How dead letters look: the row in a list, the statistics, the preview of a replay."""

from __future__ import annotations

from collections.abc import Iterator

from fnr.api.letter_requests import ReplayReport
from fnr.cli.foreseen import details
from fnr.cli.render import Column, Listing, since
from fnr.cli.terminal import RED
from fnr.policy.counted import counted
from fnr.policy.dead_letter import DeadLetter
from fnr.policy.record import LetterStat

LETTERS: Listing[DeadLetter] = Listing(
    schema="fnr.dlq.list/1",
    columns=(
        Column("TASK", lambda letter: letter.task_id),
        Column("FUNCTION", lambda letter: letter.function, flexible=True),
        Column("CAUSE", lambda letter: letter.cause.value, style=lambda _: RED),
        Column("CATEGORY", lambda letter: letter.category.value, spare=True),
        Column("STATE", lambda letter: letter.state.value, spare=True),
        Column("TRIES", lambda letter: letter.attempts, right=True, spare=True),
        since("AGE", lambda letter: letter.died_at_ms),
        Column("MESSAGE", lambda letter: letter.message or letter.reason, flexible=True),
    ),
    name=lambda letter: letter.task_id,
    empty="no dead letters",
)  # fmt: skip

STATS: Listing[LetterStat] = Listing(
    schema="fnr.dlq.stats/1",
    columns=(
        Column("FUNCTION", lambda stat: stat.function),
        Column("CATEGORY", lambda stat: stat.category),
        Column("CAUSE", lambda stat: stat.cause),
        Column("COUNT", lambda stat: stat.count, right=True),
        since("OLDEST", lambda stat: stat.oldest_at_ms),
        since("NEWEST", lambda stat: stat.newest_at_ms),
    ),
    name=lambda stat: stat.function,
    empty="no dead letters",
)  # fmt: skip


def preview(report: ReplayReport) -> Iterator[str]:
    """What a replay would do, and what it would not and why."""
    yield f"{counted(report.eligible, 'letter')} can be replayed"
    yield from details(report, "cannot")
