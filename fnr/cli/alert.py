"""`fnr alert`: list, test."""

from __future__ import annotations

from typing import Annotated

import typer

from fnr.api.alert_requests import ListAlerts, Sent, TestAlerts
from fnr.api.errors import FnrError
from fnr.cli.group import examples, group
from fnr.cli.here import here
from fnr.cli.render import Column, Listing, in_time, show_list, since
from fnr.cli.terminal import GREEN, RED, YELLOW
from fnr.cli.watching import watchable
from fnr.policy.alert import AlertState, Told

app = group("alert", "Alerts: what people elsewhere were told, and on which channel.")

ALERTS_MAX = 1_000
_STYLES = {AlertState.DUE: YELLOW, AlertState.TOLD: GREEN, AlertState.GIVEN_UP: RED}


def _state(told: Told) -> str:
    state = told.state.replace("_", " ")
    if told.due_at_ms is None:
        return state
    again = f", try {told.tries + 1}" if told.why else ""
    return f"{state}{again} {in_time(told.due_at_ms)}"


def _what(told: Told) -> str:
    return f"over: {told.alert.title}" if told.alert.over else told.alert.title


ALERTS: Listing[Told] = Listing(
    schema="fnr.alert.list/1",
    columns=(
        since("AGE", lambda told: told.last_at_ms),
        Column("CHANNEL", lambda told: told.channel),
        Column("SEVERITY", lambda told: told.alert.severity),
        Column("COUNT", lambda told: told.count, right=True),
        Column(
            "STATE", _state, lambda told: told.state.value, style=lambda told: _STYLES[told.state]
        ),
        Column("WHAT", _what, flexible=True),
        Column("WHY NOT", lambda told: told.why, flexible=True),
    ),
    name=lambda told: f"{told.channel} {told.alert.about}",
    empty="no alerts",
)  # fmt: skip

SENT: Listing[Sent] = Listing(
    schema="fnr.alert.test/1",
    columns=(
        Column("CHANNEL", lambda sent: sent.channel),
        Column(
            "SENT",
            lambda sent: "yes" if sent.sent else "no",
            style=lambda sent: GREEN if sent.sent else RED,
        ),
        Column("TOOK", lambda sent: f"{sent.took_ms} ms", lambda s: s.took_ms, right=True),
        Column("FOUND", lambda sent: sent.found, flexible=True),
    ),
    name=lambda sent: sent.channel,
    empty="no channels: an [alerts.NAME] table in fnr.toml makes one",
)  # fmt: skip


@app.command("list", epilog=examples("fnr alert list", "fnr alert list --channel ops -o json"))
@watchable
def list_alerts(
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="NAME", help="Of one channel; else of all.")
    ] = None,
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="N", min=1, max=ALERTS_MAX, help="At most this many."),
    ] = 50,
) -> None:
    """List what each channel was told, or is to be told: one line for each cause, latest first."""
    found = here().ask(ListAlerts(channel=channel, limit=limit))
    show_list(ALERTS, found)


@app.command("test", epilog=examples("fnr alert test", "fnr alert test ops"))
def test_alerts(
    channels: Annotated[
        list[str] | None, typer.Argument(metavar="[CHANNEL…]", help="Channels; none is all.")
    ] = None,
) -> None:
    """Send a message to channels and say what came of it; exit 1 if one was not reached."""
    # The daemon keeps the time that each channel has.
    sent = here().ask(TestAlerts(channels=channels or []), timeout_ms=None)
    show_list(SENT, sent, total=len(sent))
    if not all(one.sent for one in sent):
        raise typer.Exit(FnrError.exit_code)
