"""`fnr rules edit`: a rule file in $EDITOR, checked whole before it counts."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from fnr.api.errors import ConfigError
from fnr.cli.editor import visit
from fnr.cli.here import here, say
from fnr.cli.rule_drop_ins import (
    ADDED,
    PROBLEMS_SHOWN,
    drop_in,
    only_writer,
    put,
    refuse_gone,
    rules_with,
    take_effect,
    text_of,
    warn,
)
from fnr.cli.terminal import is_terminal, one_line
from fnr.config.rule_files import FILE_BYTES_MAX, operator_files
from fnr.config.whole_file import read_whole
from fnr.policy.rule_file import RuleProblem
from fnr.policy.rule_text import HEADER

EXAMPLE = """
# [[rule]]
# name = "licence-server"
# category = "transient"            # transient, resource, validation, permanent
# text = ['licence server .{0,40}(busy|full)']
# hint = "All licences are in use."
# [[rule.test]]
# message = "error: licence server lic01 is busy"
"""


def edit(
    name: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="Of rules.d, with or without .toml.")
    ] = None,
) -> None:
    """Edit a rule file of rules.d in $VISUAL or $EDITOR; without FILE the only one, or local.

    You edit a copy: it replaces the file when all rules, with all tests, are good with it.
    """
    refuse_gone()  # before anything is typed
    file = drop_in(name) if name is not None else _default_file()
    before = text_of(file)
    start = before or HEADER.format(why="Written by you") + EXAMPLE
    with tempfile.TemporaryDirectory(prefix="fnr-rules-") as folder:
        copy = Path(folder) / file.name
        copy.write_text(start, encoding="utf-8")
        try:
            after = _edited(copy, file, start)
            if after == start:
                here().notice("nothing changed")
                return
            with only_writer():
                if text_of(file) != before:
                    raise _rejected(file, "somebody else has changed it meanwhile")
                # Another command may have written another file since it was checked.
                loaded = rules_with(file, after)
                if problems := loaded.problems:
                    _tell(problems)
                    raise _rejected(file, _counted(problems))
                put(file, after)
        except BaseException:
            # A dead editor, a full disk, Ctrl-C at the question: what was typed is never lost.
            if copy.is_file() and copy.read_bytes() != start.encode():
                say(f"your text is kept in {_keep(copy)}")
            raise
    here().notice(f"written to {file}")
    warn(loaded, of=file)
    take_effect()


def _edited(copy: Path, file: Path, start: str) -> str:
    """What the copy says in the end: the same as before, or good rules."""
    while True:
        visit(copy, next_step=f"EDITOR=nano {here().command} rules edit")
        after = _read(copy)
        problems = () if after == start else rules_with(file, after).problems
        if not problems:
            return after
        _tell(problems)
        if not _again():
            raise _rejected(file, _counted(problems))


def _default_file() -> Path:
    found, _ = operator_files(here().paths.rules_dir)
    return found[0] if len(found) == 1 else drop_in(ADDED)


def _read(copy: Path) -> str:
    try:
        return read_whole(str(copy), bytes_max=FILE_BYTES_MAX).decode()
    except (OSError, ValueError) as error:
        raise ConfigError(
            "nothing was changed", why=f"your text cannot be read: {error}"
        ) from error


def _tell(problems: tuple[RuleProblem, ...]) -> None:
    for problem in problems[:PROBLEMS_SHOWN]:
        say(one_line(f"{problem.where}: {problem.message}"))
    if len(problems) > PROBLEMS_SHOWN:
        say(f"and {len(problems) - PROBLEMS_SHOWN} more")


def _counted(problems: tuple[RuleProblem, ...]) -> str:
    return "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"


def _again() -> bool:
    """Go on editing? Only a person at the terminal can."""
    if not is_terminal(sys.stdin) or not is_terminal(sys.stderr):
        return False
    sys.stderr.write("edit again? [Y/n] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    return bool(answer) and answer.strip().lower() in {"", "y", "yes"}


def _rejected(file: Path, why: str) -> ConfigError:
    return ConfigError(f"{file} stays as it was", why=why)


def _keep(copy: Path) -> str:
    fd, kept = tempfile.mkstemp(prefix=f"fnr-{copy.stem}-", suffix=".toml")
    with os.fdopen(fd, "wb") as opened:
        opened.write(copy.read_bytes())
    return kept
