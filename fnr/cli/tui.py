"""`fnr tui`: look at everything, on one terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from fnr.api.errors import UsageError
from fnr.cli.group import examples, group
from fnr.cli.here import here
from fnr.cli.quick_tui import READ_ONLY, VIEWS, show

app = group("tui", "Look at everything on one terminal, and act on it.")


@app.command(epilog=examples("fnr tui", "fnr tui dlq", "fnr tui errors --read-only"))
def tui(
    view: Annotated[
        str, typer.Argument(metavar="[SCREEN]", help=f"One of {', '.join(VIEWS)}.")
    ] = "dashboard",
    *,
    read_only: Annotated[
        bool, typer.Option(READ_ONLY, help="Nothing can be changed from there.")
    ] = False,
) -> None:
    """Show dashboard, tasks, errors, dead letters, rules, breakers, chaos
    and logs; ? is help, q leaves.

    With the daemon down the stored state is shown until it is back. Small letters look, capital
    letters change something, after showing the exact command.
    """
    if view not in VIEWS:
        raise UsageError(
            f"there is no screen {view!r}",
            why=f"it is one of {', '.join(VIEWS)}",
            next_step="fnr tui",
        )
    raise typer.Exit(show(here().flags, view=view, read_only=read_only))
