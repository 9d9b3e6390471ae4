"""How errors and incidents look: rows of lists, and a line of news."""

from __future__ import annotations

from fnr.cli.render import Column, Listing, clock_time, since
from fnr.cli.terminal import DIM, GREEN, RED, YELLOW, one_line
from fnr.policy.incident import Incident, IncidentState
from fnr.policy.record import ErrorLine, SimilarIncident
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
        since("FIRST", lambda incident: incident.first_at_ms, spare=True),
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


def news(error: ErrorLine) -> str:
    """One line of `fnr errors tail`."""
    return (
        f"{clock_time(error.at_ms)}  {error.error_id}  {error.category:<10}"
        f"  {one_line(error.function)}: {one_line(error.message)}"
    )
