"""`fnr config`: show, check, path."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from fnr.api.errors import ConfigError, FnrError
from fnr.api.requests import ListFunctions
from fnr.cli.group import examples, group
from fnr.cli.here import here
from fnr.cli.render import Column, Listing, show_list, show_one, write, write_json
from fnr.cli.settings_view import Setting, all_settings, declared_functions, toml_value
from fnr.cli.terminal import one_line
from fnr.client.connect import TIMEOUT_MS_DEFAULT
from fnr.config.gone_file import WHY_GONE, file_is_gone
from fnr.config.load import Loaded, load

app = group("config", "The settings: what is in force, whether fnr.toml is right, where it is.")

_SETTINGS: Listing[Setting] = Listing(
    schema="fnr.config.show/1",
    columns=(
        Column("KEY", lambda setting: setting.key),
        Column("VALUE", lambda setting: toml_value(setting.value), flexible=True),
        Column("FROM", lambda setting: setting.origin),
    ),
    name=lambda setting: setting.key,
    empty="no settings",
)  # fmt: skip


@app.command(epilog=examples("fnr config show", "fnr config show --origin | grep env"))
def show(
    origin: Annotated[
        bool, typer.Option("--origin", help="Also where each comes from: file and line, env, flag.")
    ] = False,
) -> None:
    """Show every setting that is in force, defaults included; secrets are hidden."""
    loaded = checked_settings()
    found = list(all_settings(loaded))
    if origin or here().as_json or here().output == "name":
        show_list(_SETTINGS, found, total=len(found))
        return
    write("".join(_as_toml(found, declared=declared_functions(loaded))))


@app.command(epilog=examples("fnr config check", "fnr config check --config new.toml"))
def check() -> None:
    """Check fnr.toml: all mistakes at once, each with its line; exit code 78 if there are any."""
    loaded = checked_settings()
    refuse_without_file("no daemon starts")
    functions = len(declared_functions(loaded))
    file = here().paths.config_file
    found = "" if Path(file).exists() else " (there is no such file: defaults)"
    if here().as_json:
        write_json({"schema": "fnr.config.check/1", "file": file, "functions": functions})
    else:
        write(f"{file}: good{found}; {functions} function{'' if functions == 1 else 's'}\n")


@app.command(epilog=examples("fnr config path", "$EDITOR $(fnr config path -o name)"))
def path() -> None:
    """Show where everything is, and what decided that."""
    paths = here().paths
    places: dict[str, Any] = {
        "decided_by": paths.origin,
        "config": paths.config_file,
        "rules": paths.rules_dir,
        "store": paths.store_file,
        "logs": paths.log_dir,
        "socket": paths.socket_file,
        "state": paths.state_dir,
    }
    show_one(
        "fnr.config.path/1",
        places,
        lambda: "".join(f"{name + ':':<12}{one_line(place)}\n" for name, place in places.items()),
        name=paths.config_file,
    )


def checked_settings() -> Loaded:
    """The settings, or a ConfigError with every problem."""
    loaded = load(here().paths)
    if not loaded.problems:
        return loaded
    count = len(loaded.problems)
    raise ConfigError(
        f"{here().paths.config_file} has {count} {'problem' if count == 1 else 'problems'}",
        details=tuple(f"{problem.where}: {problem.message}" for problem in loaded.problems),
        next_step=f"{here().command} config check",
    )


def refuse_without_file(consequence: str, *, timeout_ms: int = TIMEOUT_MS_DEFAULT) -> None:
    """Is there no fnr.toml any more, although functions of it have had tasks?

    timeout_ms: how long a daemon may take to answer.
    """
    file = here().paths.config_file
    if Path(file).exists() or not Path(here().paths.store_file).exists():
        return
    known: list[str] = []
    with suppress(FnrError):  # a daemon that cannot answer is restarted all the more
        known = [one.function for one in here().ask(ListFunctions(), timeout_ms=timeout_ms)]
    if file_is_gone(file, known):
        raise ConfigError(
            f"{file} is gone: {consequence}",
            why=WHY_GONE,
            next_step=f"{here().command} config path",
        )


def _as_toml(settings: list[Setting], *, declared: frozenset[str]) -> list[str]:
    """A file that loads: what is built in cannot be declared and stands there as a comment."""
    lines, table = [], ""
    for setting in settings:
        where, _, key = setting.key.rpartition(".")
        name = where.removeprefix("functions.")
        mark = "# " if name != where and name not in declared else ""
        if where != table:
            lines.append(f"{'' if not table else chr(10)}{mark}[{where}]{mark and '  built in'}\n")
            table = where
        lines.append(f"{mark}{key} = {one_line(toml_value(setting.value))}\n")
    return lines
