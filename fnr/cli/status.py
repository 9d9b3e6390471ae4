"""`fnr status`, when the fast path could not answer it."""

from __future__ import annotations

import msgspec
import typer

from fnr.api.requests import GetStatus
from fnr.cli.group import examples, group
from fnr.cli.here import here
from fnr.cli.render import show_one
from fnr.cli.status_text import SCHEMA, exit_code, for_people, for_pipes
from fnr.cli.terminal import width
from fnr.cli.watching import watchable

app = group("status", "The daemon, its functions, what needs attention.")


@app.command(epilog=examples("fnr status", "fnr status -o json | jq .counts", "fnr status --watch"))
@watchable
def status() -> None:
    """Show the daemon, its functions and what needs attention.

    Exit code 0 when the daemon runs, 3 when it is down; then the numbers come from the store.
    """
    found = here().ask(GetStatus())
    values = msgspec.to_builtins(found)

    def people() -> str:
        if here().plain:
            return for_pipes(values, command=here().command)
        return for_people(
            values,
            now_ms=here().clock.now_ms(),
            colour=here().colour,
            command=here().command,
            width=width(),
        )

    show_one(SCHEMA, found, people, name=found.state)
    if found.state == "down" and not found.problems:
        here().hint(f"{here().command} daemon start")
    raise typer.Exit(exit_code(values))
