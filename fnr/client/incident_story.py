"""What there is to say of an error and of an incident: the page of each."""

from __future__ import annotations

from fnr.api.plain_text import one_line
from fnr.client.instants import age, clock_time, in_time
from fnr.client.task_story import error_lines, exit_words
from fnr.policy.incident import Incident
from fnr.policy.record import ErrorDetail, ErrorLine, IncidentDetail


def error_page(detail: ErrorDetail, command: str) -> str:
    """One error with all it left behind."""
    error = detail.error
    number = f"attempt {detail.attempt.number} of " if detail.attempt else ""
    rows = [
        ("error", error.error_id),
        ("function", error.function),
        ("of", f"{number}task {error.task_id}, which is {detail.task.state}"),
        ("when", f"{clock_time(error.at_ms)}, {age(error.at_ms)} ago"),
        ("category", _named(detail)),
        ("incident", incident_words(detail.incident) if detail.incident else error.incident_id),
    ]
    lines = [f"{name + ':':<10}{one_line(value)}" for name, value in rows]
    lines += ["", *error_lines(error)[1:]]
    lines += ["", f"why so: {command} errors explain {error.error_id}"]
    return "\n".join(lines) + "\n"


def _named(detail: ErrorDetail) -> str:
    named, correction = detail.error.classification, detail.error.correction
    words = f"{named.category} (rule {named.rule})"
    if correction is None:
        return words
    why = f": {correction.why}" if correction.why else ""
    return f"{correction.category}, says {correction.author}{why}; classified as {words}"


def incident_words(incident: Incident) -> str:
    """An incident in a few words."""
    times = _times(incident.count)
    return f"{incident.incident_id}, {incident.state}, {times} in {age(incident.first_at_ms)}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _snooze_words(ends: str) -> str:
    """Nobody ends a snooze while the daemon is down; its time is over all the same."""
    return f", wakes {ends}" if ends.startswith("in ") else f" until {ends}, wakes with the daemon"


def incident_page(detail: IncidentDetail, command: str = "") -> str:
    """One incident: what it is, how it went, its latest errors, what can be done.

    command: how `fnr` is called for this home; "" leaves out what can be done.
    """
    incident = detail.incident
    until_ms = incident.snoozed_until_ms
    counts = sorted(incident.functions.items(), key=lambda item: (-item[1], item[0]))
    rows = [
        ("incident", incident.incident_id),
        ("title", incident.title),
        ("state", incident.state + (_snooze_words(in_time(until_ms)) if until_ms else "")),
        ("because", f"{incident.reason} ({incident.state_by})" if incident.reason else ""),
        ("seen by", incident.acked_by),
        ("errors", f"{incident.count}, last {age(incident.last_at_ms)} ago"),
        ("first", clock_time(incident.first_at_ms)),
        ("came back", _times(incident.regressions) if incident.regressions else ""),
        ("functions", ", ".join(f"{name} {count}" for name, count in counts)),
        ("category", f"{incident.category} (rule {incident.rule})"),
    ]
    lines = [f"{name + ':':<11}{one_line(value)}" for name, value in rows if value]
    lines += ["", "what makes it one incident:"]
    lines += [f"  {name:<11}{one_line(value)}" for name, value in incident.parts]
    if detail.moves:
        lines += ["", "moves:"]
    lines += [
        f"  {clock_time(move.at_ms)}  {move.before} → {move.after}  {one_line(move.why)}"
        f" ({one_line(move.by)})"
        for move in detail.moves
    ]
    none = ["  none is kept: they are forgotten or purged with their tasks"]
    lines += ["", "latest errors:", *(map(_short, detail.errors) if detail.errors else none)]
    if command:
        lines += [
            "",
            f"all of them: {command} errors list --where incident:{incident.incident_id}",
            f"leave alone: {command} errors snooze {incident.incident_id} --for 2h --reason WHY",
        ]
    return "\n".join(lines) + "\n"


def _short(error: ErrorLine) -> str:
    ended = ""
    if error.exit_code is not None or error.signal is not None:
        ended = f" [{exit_words(error.exit_code, error.signal)}]"
    head = f"  {error.error_id}  {clock_time(error.at_ms)}"
    return f"{head}  {one_line(error.function)}{ended}: {one_line(error.message)[:200]}"
