"""What the dashboard says of the work: errors and recovery, what waits for what, what died."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from fnr.api.plain_text import one_line
from fnr.api.requests import Status
from fnr.client.instants import age, now_ms
from fnr.policy.record import ErrorLine, LetterStat
from fnr.policy.task import Task
from fnr.tui.looks import look_of, spark
from fnr.tui.pulse import DIED, DONE, ERRORS, RECOVERED, STEPS, Pulse

MINUTE_MS, HALF_HOUR_MS = 60_000, 1_800_000
LINES_MAX = 5
LABEL_CELLS = 11
NUMBER_CELLS = 19


def pulse_lines(pulse: Pulse, width: int) -> list[Text]:
    """Errors, recoveries, deaths and ends, ten seconds a bar."""
    now = now_ms()
    cells = max(1, min(width - LABEL_CELLS - NUMBER_CELLS, STEPS))
    found = []
    for name, style in ((ERRORS, "red"), (RECOVERED, "green"), (DIED, "magenta"), (DONE, "")):
        last = pulse.said(name, MINUTE_MS, now_ms=now)
        half_hour = pulse.said(name, HALF_HOUR_MS, now_ms=now)
        line = Text().append(f"{name:<{LABEL_CELLS}}", style)
        line.append(spark(pulse.steps(name, cells, now_ms=now), cells), style)
        quiet = not pulse.in_last(name, MINUTE_MS, now_ms=now)
        found.append(line.append(f"{last:>6}/min {half_hour:>7}", "dim" if quiet else ""))
    minutes = cells * 10 / 60
    words = f"{'':<{LABEL_CELLS}}{minutes:.0f} min, 10 s a bar; per minute, in 30 min"
    return [*found, Text(words, "dim")]


def waiting_lines(status: Status, latest: Sequence[Task]) -> list[Text]:
    """How many there are in each state, and what those that wait are waiting for."""
    reasons = Counter((one.waiting_for or one.reason or "unknown") for one in latest)
    counts = status.counts
    total = counts.get("waiting", 0)
    found = [
        Text(f"{counts.get('queued', 0):,} queued, {counts.get('running', 0):,} running,")
        .append(f" {total:,} waiting", "yellow" if total else "")
    ]  # fmt: skip
    for reason, count in reasons.most_common(LINES_MAX):
        found.append(Text(f"{count:>7,}  for {one_line(reason)}"))
    if total > len(latest) > 0:
        found.append(Text(f"         of the latest {len(latest):,}", "dim"))
    return found


def letter_lines(stats: Sequence[LetterStat], pulse: Pulse) -> list[Text]:
    """Open dead letters by function and cause, and whether they become more."""
    if not stats:
        return [Text("✓ none", "dim")]
    most = sorted(stats, key=lambda stat: -stat.count)
    total = sum(stat.count for stat in stats)
    new = pulse.said(DIED, HALF_HOUR_MS, now_ms=now_ms())
    head = Text().append(f"{total:,} open", "red")
    head.append(f", {new} died in 30 min {'' if new == '0' else '▲'}", "dim")
    found = [head] + [
        Text(f"{stat.count:>7,}  {one_line(stat.function)}  ")
        .append(f"{stat.category} {stat.cause}  newest {age(stat.newest_at_ms)}", "dim")
        for stat in most[:LINES_MAX]
    ]  # fmt: skip
    if others := most[LINES_MAX:]:
        count = sum(stat.count for stat in others)
        found.append(Text(f"{count:>7,}  in {len(others):,} more of such groups", "dim"))
    return found


def error_line(one: ErrorLine) -> Text:
    """When, what it was called and by which rule, what it said."""
    look = look_of(one.category.value)
    line = Text().append(f"{age(one.at_ms):>6}  ", "dim").append(f"{look.sign} ", look.style)
    line.append(f"{one_line(one.function):<14.14}  ")
    return line.append(f"{one_line(one.rule):<18.18}  ", "dim").append(one_line(one.message))
