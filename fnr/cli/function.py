"""`fnr function`: list, show, pause, resume."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from typing import Annotated

import msgspec
import typer

from fnr.api.errors import NotFound
from fnr.api.plain_text import duration
from fnr.api.requests import (
    FunctionStatus,
    GetStatus,
    PauseFunction,
    ResumeFunction,
)
from fnr.cli.changes import show_changed
from fnr.cli.group import examples, group
from fnr.cli.here import here
from fnr.cli.options import Reason
from fnr.cli.render import Column, Listing, age, show_list, show_one
from fnr.cli.settings_view import function_table
from fnr.cli.terminal import one_line
from fnr.cli.watching import watchable
from fnr.client.next_step import told_here
from fnr.config.load import Loaded, load

app = group("function", "Functions: what can be run.")

Names = Annotated[list[str], typer.Argument(metavar="NAME…", help="Names of functions.")]


def _listing(*, down: bool) -> Listing[FunctionStatus]:
    return Listing(
        schema="fnr.function.list/1",
        columns=(
            Column("FUNCTION", lambda function: function.function),
            Column("KIND", lambda function: function.kind),
            Column("STATE", lambda function: _state(function, down=down)),
            Column("WORKERS", lambda found: f"{found.workers}/{found.workers_max}", right=True),
            Column("BUSY", lambda function: function.busy, right=True),
            Column("QUEUED", lambda function: function.counts.get("queued", 0), right=True),
            Column("DEAD", lambda function: function.counts.get("dead", 0), right=True),
            Column("DONE", lambda function: function.counts.get("done", 0), right=True),
            Column("PROBLEM", lambda function: function.problem, flexible=True),
        ),
        name=lambda function: function.function,
        empty="no functions"
        if os.path.lexists(here().paths.config_file)
        else f"no functions; {here().command} init writes an fnr.toml to begin with",
    )


def _state(status: FunctionStatus, *, down: bool) -> str:
    """Nothing is ready while nobody is there to start it."""
    return "down" if down and status.state == "ready" else status.state


@app.command("list", epilog=examples("fnr function list", "fnr function list -o name"))
@watchable
def list_functions() -> None:
    """List functions with their workers and tasks."""
    found, down = all_functions()
    if down and load(here().paths).problems:
        check = f"{here().command} config check"
        here().notice(f"notice: fnr.toml has mistakes: not all that it declares is here; {check}")
    show_list(_listing(down=down), list(found.values()), total=len(found))


class FunctionDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One function: how it is doing, and its settings as fnr.toml would write them."""

    status: FunctionStatus
    settings: dict[str, object] | None


@app.command(epilog=examples("fnr function show render"))
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a function.")],
) -> None:
    """Show one function: its settings, its workers, its tasks."""
    functions, down = all_functions()
    loaded = load(here().paths)
    settings = loaded.settings.functions.get(name)
    status = functions.get(name)
    if status is None and settings is None:
        raise no_such_function(name, functions, loaded)
    if status is None:
        assert settings is not None, name
        # "run" as long as nobody used it, and what a daemon has not reloaded yet.
        status = FunctionStatus(function=name, kind=settings.kind, counts={})
    detail = FunctionDetail(
        status=status,
        settings=None
        if settings is None
        else function_table(settings, here().redaction, names=loaded.settings.redact_env_keys),
    )
    show_one("fnr.function/1", detail, lambda: _page(detail, loaded, down=down), name=name)


@app.command(epilog=examples("fnr function pause render --reason 'GPU 1 is being changed'"))
def pause(names: Names, reason: Reason = "") -> None:
    """Start no more attempts of these functions; running ones go on, tasks are still accepted."""
    changed = here().ask(PauseFunction(functions=names, reason=reason))
    show_changed(changed, done="paused")
    here().hint(f"{here().command} function resume {' '.join(names)}")


@app.command(epilog=examples("fnr function resume render"))
def resume(names: Names) -> None:
    """Start attempts again."""
    show_changed(here().ask(ResumeFunction(functions=names)), done="resumed")


def all_functions() -> tuple[dict[str, FunctionStatus], bool]:
    """Every function by name, and whether the daemon is down."""
    status = here().ask(GetStatus())
    if status.state == "down":
        for problem in status.problems:
            here().notice(f"notice: {told_here(problem, here().command)}")
    found = {function.function: function for function in status.functions}
    return found, status.state == "down"


def no_such_function(name: str, functions: Iterable[str], loaded: Loaded) -> NotFound:
    """Say so, with the nearest that there is."""
    what = f"there is no function {name!r}"
    if near := difflib.get_close_matches(name, functions, n=1):
        return NotFound(what, why=f"did you mean {near[0]!r}?", next_step="fnr function list")
    if loaded.problems:
        why = "fnr.toml has mistakes: whether it declares it is not known"
        return NotFound(what, why=why, next_step="fnr config check")
    return NotFound(what, why="fnr.toml does not declare it", next_step="fnr function list")


def _page(detail: FunctionDetail, loaded: Loaded, *, down: bool) -> str:
    status = detail.status
    counts = ", ".join(f"{count} {state}" for state, count in status.counts.items() if count)
    lines = [
        f"function:  {one_line(status.function)}",
        f"state:     {_state(status, down=down)}",
        *_pause_words(status),
        f"workers:   {status.workers} of at most {status.workers_max}, {status.busy} busy",
        f"tasks:     {counts or 'none'}",
    ]
    if status.retry_budget_ms is not None:
        left = duration(status.retry_budget_ms)
        lines.append(f"retries:   {left} of work may be spent on them now")
    if status.problem:
        lines.append(f"problem:   {one_line(status.problem)}")
    lines += [f"held back: {one_line(why)}" for why in status.holds.values()]
    if detail.settings is None and loaded.problems:
        check = f"{here().command} config check"
        lines.append(f"settings:  not known: fnr.toml has mistakes; {check}")
    elif detail.settings is None:
        lines.append("settings:  none: it is no longer in fnr.toml")
    else:
        lines += ["", f"[functions.{status.function}]"]
        lines += [f"{key} = {one_line(value)}" for key, value in _toml(detail.settings)]
    return "\n".join(lines) + "\n"


def _pause_words(status: FunctionStatus) -> list[str]:
    if not status.paused_by:
        return []
    return [f"paused:    {age(status.paused_at_ms)} ago by {one_line(status.paused_by)}"]


def _toml(settings: dict[str, object]) -> list[tuple[str, str]]:
    from fnr.cli.settings_view import toml_value  # noqa: PLC0415 - only for people

    return [(key, toml_value(value)) for key, value in settings.items()]
