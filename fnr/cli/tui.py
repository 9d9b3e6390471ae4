"""`fnr tui`: look at everything, on one terminal."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer

from fnr.api.errors import UsageError
from fnr.cli.group import examples, group
from fnr.cli.here import here

app = group("tui", "Look at everything on one terminal, and act on it.")

VIEWS = ("dashboard", "tasks", "errors", "dlq", "rules", "breakers", "chaos", "logs")


@app.command(epilog=examples("fnr tui", "fnr tui dlq", "fnr tui errors --read-only"))
def tui(
    view: Annotated[
        str, typer.Argument(metavar="[SCREEN]", help=f"One of {', '.join(VIEWS)}.")
    ] = "dashboard",
    *,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Nothing can be changed from there.")
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
    # The faces do not know each other; one is started by the other by its name.
    run = importlib.import_module("fnr.tui.start").run_tui
    no_color = not here().colour
    raise typer.Exit(run(here().paths, view=view, read_only=read_only, no_color=no_color))
