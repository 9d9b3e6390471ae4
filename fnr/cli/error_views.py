"""How errors and incidents look: rows of lists, and the page of one incident."""

from __future__ import annotations

from fnr.cli.render import Column, Listing, age, clock_time, in_time, since
from fnr.cli.task_views import error_lines, exit_words
from fnr.cli.terminal import DIM, GREEN, RED, YELLOW, one_line
from fnr.policy.incident import Incident, IncidentState
from fnr.policy.record import ErrorDetail, ErrorLine, IncidentDetail, SimilarIncident
from fnr.policy.rules import Category

_CATEGORY_STYLES = {
    Category.PERMANENT: RED,
    Category.VALIDATION: YELLOW,
    Category.UNKNOWN: YELLOW,
}
_STATE_STYLES = {
    IncidentState.NEW: RED,
    IncidentState.REGRESSED: RED,
    IncidentState.ONGOING: YELLOW,
    IncidentState.SNOOZED: DIM,
    IncidentState.RESOLVED: GREEN,
}
FUNCTIONS_SHOWN = 3


def category_words(error: ErrorLine) -> str:
    """The category, and what it was before somebody corrected it."""
    return f"{error.category} (was {error.was})" if error.was else error.category.value


ERRORS: Listing[ErrorLine] = Listing(
    schema="fnr.errors.list/1",
    columns=(
        Column("ERROR", lambda error: error.error_id),
        Column("FUNCTION", lambda error: error.function, flexible=True),
        Column(
            "CATEGORY", category_words, style=lambda e: _CATEGORY_STYLES.get(e.category, "")
        ),
        Column("RULE", lambda error: error.rule, spare=True),
        since("AGE", lambda error: error.at_ms),
        Column("TASK", lambda error: error.task_id, spare=True),
        Column("MESSAGE", lambda error: error.message, flexible=True),
    ),
    name=lambda error: error.error_id,
    empty="no errors",
)  # fmt: skip


def functions_words(incident: Incident) -> str:
    """The functions it hits most."""
    names = sorted(incident.functions, key=lambda name: (-incident.functions[name], name))
    more = f" +{len(names) - FUNCTIONS_SHOWN}" if len(names) > FUNCTIONS_SHOWN else ""
    return ",".join(names[:FUNCTIONS_SHOWN]) + more


INCIDENTS: Listing[Incident] = Listing(
    schema="fnr.errors.groups/1",
    columns=(
        Column("INCIDENT", lambda incident: incident.incident_id),
        Column(
            "STATE",
            lambda incident: incident.state.value,
            style=lambda incident: _STATE_STYLES[incident.state],
        ),
        Column("COUNT", lambda incident: incident.count, right=True),
        since("LAST", lambda incident: incident.last_at_ms),
        since("FIRST", lambda incident: incident.first_at_ms),
        Column("CATEGORY", lambda incident: incident.category.value, spare=True),
        Column("FUNCTIONS", functions_words, flexible=True),
        Column("TITLE", lambda incident: incident.title, flexible=True),
    ),
    name=lambda incident: incident.incident_id,
    empty="no incidents",
)  # fmt: skip

SIMILAR: Listing[SimilarIncident] = Listing(
    schema="fnr.errors.similar/1",
    columns=(
        Column("LIKE", lambda one: f"{one.likeness:.0%}", lambda one: one.likeness, right=True),
        Column("INCIDENT", lambda one: one.incident.incident_id),
        Column("STATE", lambda one: one.incident.state.value),
        Column("COUNT", lambda one: one.incident.count, right=True),
        Column("SHARES", lambda one: " ".join(one.shared) or "words", spare=True),
        Column("TITLE", lambda one: one.incident.title, flexible=True),
    ),
    name=lambda one: one.incident.incident_id,
    empty="nothing like it",
)  # fmt: skip


def error_page(detail: ErrorDetail) -> str:
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
    lines += ["", *error_lines(error)[1:], "", f"why so: fnr errors explain {error.error_id}"]
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
    times = "once" if incident.count == 1 else f"{incident.count} times"
    return f"{incident.incident_id}, {incident.state}, {times} in {age(incident.first_at_ms)}"


def incident_page(detail: IncidentDetail) -> str:
    """One incident: what it is, how it went, its latest errors, what can be done."""
    incident = detail.incident
    until_ms = incident.snoozed_until_ms
    counts = sorted(incident.functions.items(), key=lambda item: (-item[1], item[0]))
    rows = [
        ("incident", incident.incident_id),
        ("title", incident.title),
        ("state", incident.state + (f", wakes {in_time(until_ms)}" if until_ms else "")),
        ("because", f"{incident.reason} ({incident.state_by})" if incident.reason else ""),
        ("seen by", incident.acked_by),
        ("errors", f"{incident.count}, last {age(incident.last_at_ms)} ago"),
        ("first", clock_time(incident.first_at_ms)),
        ("came back", f"{incident.regressions} times" if incident.regressions else ""),
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
    lines += ["", "latest errors:", *map(_short, detail.errors)]
    lines += [
        "",
        f"all of them: fnr errors list --where incident:{incident.incident_id}",
        f"leave alone: fnr errors snooze {incident.incident_id} --for 2h --reason WHY",
    ]
    return "\n".join(lines) + "\n"


def _short(error: ErrorLine) -> str:
    ended = ""
    if error.exit_code is not None or error.signal is not None:
        ended = f" [{exit_words(error.exit_code, error.signal)}]"
    head = f"  {error.error_id}  {clock_time(error.at_ms)}"
    return f"{head}  {one_line(error.function)}{ended}: {one_line(error.message)[:200]}"


def news(error: ErrorLine) -> str:
    """One line of `fnr errors tail`."""
    return (
        f"{clock_time(error.at_ms)}  {error.error_id}  {error.category:<10}"
        f"  {one_line(error.function)}: {one_line(error.message)}"
    )
