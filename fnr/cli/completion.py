"""`fnr completion`: show, install."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from fnr.api.errors import FnrError, NotFound, PermissionDenied, Refused, StorageError, UsageError
from fnr.cli.group import examples, group
from fnr.cli.here import here
from fnr.cli.options import DryRun, Yes
from fnr.cli.render import show_one
from fnr.cli.terminal import one_line
from fnr.config.installed_files import installed_file
from fnr.config.paths import home_of_user, xdg
from fnr.host.disk import write_durably

app = group("completion", "Completion of commands, flags, ids and names in your shell.")

# Shell -> the script in a source tree, and its place below the `share` of an environment.
SCRIPTS = {
    "bash": ("completions/fnr.bash", "bash-completion/completions/fnr"),
    "zsh": ("completions/_fnr", "zsh/site-functions/_fnr"),
    "fish": ("completions/fnr.fish", "fish/vendor_completions.d/fnr.fish"),
}
OURS = "Made by tools/make_docs.py"


@app.command(epilog=examples("fnr completion show bash", "source <(fnr completion show bash)"))
def show(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Print the completion script of a shell."""
    text = _script(shell)
    show_one("fnr.completion.show/1", {"shell": shell, "script": text}, lambda: text, name=shell)


@app.command(epilog=examples("fnr completion install", "fnr completion install zsh -n"))
def install(
    of_shell: Annotated[
        str, typer.Argument(metavar="[SHELL]", help="bash, zsh or fish; yours by default.")
    ] = "",
    shell: Annotated[str, typer.Option("--shell", metavar="SHELL", help="SHELL, as a flag.")] = "",
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Put the script where your shell finds it; changes none of your shell's own files."""
    if shell and of_shell and shell != of_shell:
        raise UsageError(f"{of_shell} and --shell {shell} exclude each other")
    shell = shell or of_shell or _own_shell()
    text = _script(shell)
    file = place(shell, os.environ)
    try:
        there = file.read_text("utf-8", "replace") if file.exists() else ""
        if there and OURS not in there and not yes:
            raise Refused(
                f"{file} exists and is not fnr's", next_step=f"fnr completion install {shell} -y"
            )
        if there != text and not dry_run:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_durably(str(file), text.encode(), mode=0o644)
    except OSError as error:
        raise _not_written(shell, file, error) from error
    answer = {"shell": shell, "file": str(file), "changed": there != text, "dry_run": dry_run}
    show_one(
        "fnr.completion.install/1",
        answer,
        lambda: f"{one_line(str(file))}{' (not written: -n)' if dry_run else ''}\n",
        name=str(file),
    )
    here().hint(what_next(shell, file))


def place(shell: str, environ: Mapping[str, str]) -> Path:
    """Where the shell of this user looks for completions."""
    user = home_of_user(environ.get("HOME"))
    data = Path(xdg(environ.get("XDG_DATA_HOME")) or f"{user}/.local/share")
    if shell == "bash":
        folder = environ.get("BASH_COMPLETION_USER_DIR") or data / "bash-completion"
        return Path(folder) / "completions/fnr"
    if shell == "zsh":
        return data / "zsh/site-functions/_fnr"
    return (
        Path(xdg(environ.get("XDG_CONFIG_HOME")) or f"{user}/.config") / "fish/completions/fnr.fish"
    )


def _script(shell: str) -> str:
    if shell not in SCRIPTS:
        raise UsageError(
            f"there is no completion for {shell!r}",
            why=f"there is one for {', '.join(SCRIPTS)}",
            next_step="fnr completion show bash",
        )
    file = installed_file(*SCRIPTS[shell])
    if file is None:
        raise NotFound(
            f"the completion script for {shell} is not installed",
            why="the package was installed without its `share` folder",
            next_step="pip install --force-reinstall fnr",
        )
    return file.read_text("utf-8")


def _own_shell() -> str:
    name = os.environ.get("SHELL", "").rpartition("/")[2]
    if name not in SCRIPTS:
        raise UsageError(
            "it is not known which shell you use",
            why=f"SHELL is {os.environ.get('SHELL', '')!r}",
            next_step="fnr completion install bash",
        )
    return name


def what_next(shell: str, file: Path) -> str:
    """What else makes the shell use it."""
    if shell == "bash":
        return (
            "a new shell has it; without the package bash-completion add to ~/.bashrc:"
            f" source {shlex.quote(str(file))}"
        )
    if shell == "zsh":
        return f"add to ~/.zshrc, before compinit: fpath=({shlex.quote(str(file.parent))} $fpath)"
    return "a new shell has it"


def _not_written(shell: str, file: Path, error: OSError) -> FnrError:
    kind = PermissionDenied if isinstance(error, PermissionError) else StorageError
    return kind(
        f"{file} cannot be written",
        why=str(error.strerror),
        next_step=f"fnr completion show {shell} > FILE",
    )
