"""How dead letters look: the row in a list, the statistics, the preview of a replay."""

from __future__ import annotations

from collections.abc import Iterator

from fnr.api.letter_requests import ReplayReport
from fnr.cli.render import Column, Listing, since
from fnr.cli.terminal import RED, one_line
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
    noun = "letter" if report.eligible == 1 else "letters"
    yield f"{report.eligible} {noun} can be replayed"
    yield from (f"  {count:>8}  {one_line(name)}" for name, count in report.functions.items())
    blocked = sum(report.blocked.values())
    if not blocked:
        return
    yield f"{blocked} cannot"
    for reason, count in sorted(report.blocked.items(), key=lambda item: -item[1]):
        some = ", ".join(report.examples.get(reason, ())[:3])
        yield f"  {count:>8}  {one_line(reason)}" + (f"  ({some})" if some else "")
