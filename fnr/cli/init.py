"""`fnr init`: write a commented fnr.toml that works."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from fnr.api.errors import (
    ConfigError,
    FnrError,
    PermissionDenied,
    Refused,
    StorageError,
    UsageError,
)
from fnr.cli.group import examples, group
from fnr.cli.here import here
from fnr.cli.render import write, write_json
from fnr.cli.terminal import block
from fnr.client.connect import checked_socket_path
from fnr.config.paths import find_paths, is_utf_8, why_not_made
from fnr.config.template import EXAMPLES, TEMPLATE

app = group("init", "Write a commented fnr.toml that works.")


@app.command(epilog=examples("fnr init", "fnr init /srv/fnr && fnr --home /srv/fnr daemon start"))
def init(
    folder: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="Where; by default this home's place.")
    ] = None,
) -> None:
    """Write a commented fnr.toml and one function to try it with; overwrites nothing."""
    if folder == "":
        raise UsageError("the folder's name is empty", next_step="fnr init --help")
    paths = here().paths
    # Not resolve: that raises where links lead in a circle.
    target = Path(os.path.realpath(folder)) if folder else Path(paths.config_file).parent
    if not is_utf_8(str(target)):
        raise UsageError(f"the path {str(target)!r} is not UTF-8", next_step="fnr init OTHER_DIR")
    if folder:
        # Nothing of what happens from here on belongs to the home that the flags name.
        here().paths = find_paths(str(target))
    ours = here().command
    files = {
        target / (Path(paths.config_file).name if folder is None else "fnr.toml"): TEMPLATE,
        target / "fnr_examples.py": EXAMPLES,
    }
    for file in files:
        if file.exists():
            raise Refused(
                f"{file} exists already",
                why="init overwrites nothing",
                next_step=f"{ours} config check",
            )
    try:
        target.mkdir(parents=True, exist_ok=True)
        _write(files)
    except OSError as error:
        raise _not_written(target, error) from error
    if here().as_json:
        write_json({"schema": "fnr.init/1", "files": [str(file) for file in files]}, pretty=True)
    else:
        write("".join(f"{file}\n" for file in files))
    try:
        checked_socket_path(here().paths)
    except ConfigError as error:
        here().notice(block(f"notice: no daemon can run there: {error.why}"))
        return
    here().hint(f"{ours} daemon start && {ours} submit greet name=World --wait")


def _write(files: dict[Path, str]) -> None:
    """All of them or none: half of a fnr.toml may well load, and would stand in the way."""
    try:
        for file, text in files.items():
            file.write_text(text, "utf-8")
    except BaseException:
        for file in files:
            with suppress(OSError):
                os.unlink(os.path.realpath(file))  # noqa: PTH108 - a link to it stays
        raise


def _not_written(target: Path, error: OSError) -> FnrError:
    """The file is named where it is a link in a folder that is as good as any."""
    kind = PermissionDenied if isinstance(error, PermissionError) else StorageError
    place = error.filename if isinstance(error.filename, str) else str(target)
    return kind(
        f"{place} cannot be written",
        why=why_not_made(place, error),
        next_step="fnr init OTHER_DIR",
    )
