"""What needs somebody's attention, and why: from what the daemon says of itself and its work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from fnr.api.requests import FunctionStatus, Status
from fnr.client.instants import age
from fnr.policy.incident import Incident
from fnr.policy.record import LetterStat

LETTERS_SHOWN = 4


class Concern(Struct, frozen=True, kw_only=True):
    """One thing to look at. screen, where: where more is said about it. urgent: it is wrong."""

    words: str
    screen: str = ""
    where: str = ""
    urgent: bool = True


def concerns(
    status: Status, incidents: Iterable[Incident], letters: Iterable[LetterStat]
) -> list[Concern]:
    """Everything that is not as it should be, the worst first."""
    found = [*_of_daemon(status), *_of_breakers(status)]
    for function in status.functions:
        found += _of_function(function)
    # Behind what stands still: there may be a hundred of them.
    found += _of_incidents(incidents)
    found += _of_letters(letters)
    return sorted(found, key=lambda one: not one.urgent)


def _of_daemon(status: Status) -> Iterator[Concern]:
    if status.state == "degraded" and not status.limits:
        yield Concern(words="the store is full or ill: new tasks are refused")
    if status.state == "draining":
        yield Concern(words="the daemon is draining: nothing new is started", urgent=False)
    for one in status.limits:
        yield Concern(words=f"{one.what}: {one.why}; refused: {one.refused}")
    said = {f"{function.function}: {function.problem}" for function in status.functions}
    yield from (Concern(words=problem) for problem in status.problems if problem not in said)


def _of_breakers(status: Status) -> Iterator[Concern]:
    for name, words in status.breakers.items():
        yield Concern(words=words, screen="breakers", where=name)


def _of_function(function: FunctionStatus) -> Iterator[Concern]:
    where = f"function:{function.function} state:queued,waiting"
    if function.problem:
        yield Concern(words=f"{function.function}: {function.problem}", screen="tasks", where=where)
    if function.paused:
        words = f"{function.function} is paused"
        yield Concern(words=words, screen="tasks", where=where, urgent=False)
    for what, why in function.holds.items():
        words = f"{function.function} is held back ({what}): {why}"
        yield Concern(words=words, screen="tasks", where=where, urgent=False)


def _of_incidents(incidents: Iterable[Incident]) -> Iterator[Concern]:
    for incident in incidents:
        times = "once" if incident.count == 1 else f"{incident.count:,} times"
        words = (
            f"{incident.state} incident, {times}, {age(incident.last_at_ms)} ago: {incident.title}"
        )
        yield Concern(words=words, screen="errors", where=f"id:{incident.incident_id}")


def _of_letters(letters: Iterable[LetterStat]) -> Iterator[Concern]:
    most = sorted(letters, key=lambda stat: -stat.count)
    for stat in most[:LETTERS_SHOWN]:
        noun = "dead letter" if stat.count == 1 else "dead letters"
        oldest = age(stat.oldest_at_ms)
        words = f"{stat.count:,} {noun} of {stat.function} ({stat.cause}), oldest {oldest}"
        where = f"function:{stat.function} cause:{stat.cause}"
        yield Concern(words=words, screen="dlq", where=where, urgent=False)
    if others := most[LETTERS_SHOWN:]:
        count = sum(stat.count for stat in others)
        groups = "group" if len(others) == 1 else "groups"
        words = f"{count:,} more in {len(others):,} other {groups} of dead letters"
        yield Concern(words=words, screen="dlq", urgent=False)
