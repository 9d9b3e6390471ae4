"""The command line: finds the command, loads it and nothing else, and ends with its exit code."""

from __future__ import annotations

import difflib
import errno
import importlib
import os
import re
import sys
import traceback
from contextlib import suppress
from typing import Annotated, Any

import typer
import typer.core
from typer.exceptions import Abort, TyperException

from fnr import __version__
from fnr.api.errors import (
    FnrError,
    InternalError,
    PermissionDenied,
    StorageError,
    TryAgain,
    UsageError,
)
from fnr.cli.argv import HELP, FlagError, Globals, hoist, output_asked
from fnr.cli.crash_file import crash_text
from fnr.cli.here import enter, here, say
from fnr.cli.json_text import json_bytes, json_text
from fnr.cli.loading import loading
from fnr.cli.terminal import block
from fnr.client.next_step import for_here
from fnr.config.paths import Paths, find_paths
from fnr.host.clock import Clock
from fnr.policy.used_up import no_thread

# Command -> the module it lives in (as `app`) and its line in `fnr --help`; in the order of help.
COMMANDS: dict[str, tuple[str, str]] = {
    "status": ("fnr.cli.status", "The daemon, its functions, what needs attention."),
    "submit": ("fnr.cli.submit", "Hand over tasks of a function."),
    "run": ("fnr.cli.run", "Run any command as a supervised task and end with its exit code."),
    "task": ("fnr.cli.task", "Tasks: list, show, history, wait, cancel, logs."),
    "logs": ("fnr.cli.logs", "What functions and tasks have printed."),
    "dlq": ("fnr.cli.dlq", "Dead letters: list, show, stats, replay, edit, resolve, purge, …"),
    "replay": ("fnr.cli.replay", "Replays of dead letters: list, show, pause, resume, cancel."),
    "errors": ("fnr.cli.errors", "Errors and incidents: list, explain, groups, tail, snooze, …"),
    "rules": ("fnr.cli.rules", "Rules that name errors: list, test, suggest, add, edit, stats, …"),
    "breaker": ("fnr.cli.breaker", "Breakers: list, show, why, open, close, disable, reset, …"),
    "alert": ("fnr.cli.alert", "Alerts: what people elsewhere were told; test a channel."),
    "undo": ("fnr.cli.undo", "Undo of what failed tasks did: list, show, retry, skip."),
    "function": ("fnr.cli.function", "Functions: list, show, pause, resume."),
    "gpu": ("fnr.cli.gpu", "GPUs: which there are, how they are, who has them."),
    "allocation": ("fnr.cli.allocation", "What attempts and workers were given of the host."),
    "worker": ("fnr.cli.worker", "Workers: list, show, restart, stop."),
    "tui": ("fnr.cli.tui", "Look at everything on one terminal, and act on it."),
    "daemon": ("fnr.cli.daemon", "The daemon: run it, start, stop, restart, reload."),
    "db": ("fnr.cli.db", "The store: check, stats, backup, restore, vacuum."),
    "config": ("fnr.cli.config", "The settings: show, check, path."),
    "chaos": ("fnr.cli.chaos", "Break things on purpose, and be told the score: inject, drill, …"),
    "init": ("fnr.cli.init", "Write a commented fnr.toml that works."),
    "completion": ("fnr.cli.completion", "Completion in bash, zsh and fish: install, show."),
    "demo": ("fnr.cli.demo.command", "See it all at work on this machine, in a minute."),
    "help": ("fnr.cli.help", "Help on a topic: exit-codes, environment, filters, output, …"),
}
CRASH_FILES_MAX = 100
# Short forms that hands know from elsewhere: of a whole command, and of what stands behind a noun.
SHORT = {"ps": ["worker", "list"]}
SHORT_BEHIND = {"ls": "list"}
# Behind these stands a name or a program of the user's: `fnr run ls`.
NOT_NOUNS = frozenset({"submit", "run", "logs", "init", "help"})


class LazyGroup(typer.core.TyperGroup):
    """The root: knows the names and summaries of all commands, imports only the one that runs."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature
        """All commands, in the order of help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - typer's signature
        """Import a command's module and make it a command."""
        found = COMMANDS.get(cmd_name)
        if found is None:
            return None
        with loading():
            module = importlib.import_module(found[0])
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - typer's signature
        """The summaries, without loading fourteen modules for them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command, or suggest the nearest."""
        if args and args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1, cutoff=0.5)
            raise UsageError(
                f"there is no command {args[0]!r}",
                why=f"did you mean {near[0]!r}?" if near else "",
                next_step=f"fnr {near[0]} --help" if near else "fnr --help",
            )
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="fnr",
    cls=LazyGroup,
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\n\n".join(f"\b\n{paragraph}" for paragraph in HELP.split("\n\n")),
)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"fnr {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="The version, nothing else."
        ),
    ] = False,
) -> None:
    """Run functions on a GPU host and lose nothing."""


def run(words: list[str]) -> int:
    """Run a command line; errors are shown, and the exit code says which kind it was."""
    flags = Globals()
    try:
        try:
            flags, rest = hoist(words)
        except FlagError as error:
            flags.output = output_asked(words)
            raise UsageError(str(error), next_step="fnr help output") from error
        enter(flags)
        code = _run_command(_in_full(rest))
    except SystemExit as error:
        # typer's way to end when a pipe is closed, with an exit code that blames us.
        raise BrokenPipeError from error
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the net: one line and a file instead of a traceback
        return told(error, flags)
    return code if isinstance(code, int) else 0


def _run_command(words: list[str]) -> Any:
    root = typer.main.get_command(app)
    try:
        return root.main(words, prog_name="fnr", standalone_mode=False)
    except TyperException as error:
        # What is wrong with an option's own argument does not say whose option it was.
        if getattr(error, "ctx", True) is None:
            error.ctx = _context(root, words)  # type: ignore[attr-defined]  # a usage error has one
        raise


def _context(root: Any, words: list[str]) -> Any:
    """That of the command that these words name."""
    context = root.context_class(root, info_name="fnr")
    for word in words:
        command = context.command
        found = command.get_command(context, word) if hasattr(command, "get_command") else None
        if found is None:
            break
        context = found.context_class(found, info_name=word, parent=context)
    return context


def told(error: Exception, flags: Globals) -> int:
    """Say what has ended a command; the exit code for it."""
    match error:
        case FnrError():
            return _show(error, flags)
        case TyperException():
            return _show_usage(error, flags)
        case Abort():
            return 130
        case OSError():
            return _show(_of_the_system(error), flags)
        case RuntimeError() if no_thread(error):
            return _show(_without_thread(error), flags)
        case _:
            return _show(_crashed(error, flags), flags)


def _in_full(words: list[str]) -> list[str]:
    """`fnr ps` is `fnr worker list`, `fnr task ls` is `fnr task list`."""
    if words and words[0] in SHORT:
        return [*SHORT[words[0]], *words[1:]]
    if len(words) > 1 and words[1] in SHORT_BEHIND and words[0] not in NOT_NOUNS:
        return [words[0], SHORT_BEHIND[words[1]], *words[2:]]
    return words


def _show(error: FnrError, flags: Globals) -> int:
    paths = find_paths(flags.home or None, flags.config or None)
    error.next_step = for_here(error.next_step, paths)
    if flags.output in {"json", "jsonl"}:
        say(json_text(json_bytes({"error": error.as_json()}), sys.stderr))
    else:
        say(block("\n".join(error.lines())))
    return error.exit_code


def _of_the_system(error: OSError) -> FnrError:
    """A file or folder that the command did not expect to fail; no mistake of ours."""
    why = error.strerror or str(error)
    what = f"{error.filename} cannot be used" if error.filename else "input or output failed"
    if isinstance(error, PermissionError):
        return PermissionDenied(what, why=why, next_step="fnr config path")
    if error.errno == errno.EMFILE:
        from fnr.host.limits import files_max  # noqa: PLC0415 - no other command needs it

        why = f"{why}: at most {files_max()} at once"
        return TryAgain(what, why=why, next_step="ulimit -n")
    return StorageError(what, why=why)


def _without_thread(error: RuntimeError) -> FnrError:
    from fnr.host.limits import words_of_threads  # noqa: PLC0415 - no other command needs it

    words, next_step = words_of_threads()
    why = f"{error}: you may have {words}"
    return TryAgain("fnr could not do this just now", why=why, next_step=next_step)


def _show_usage(error: TyperException, flags: Globals) -> int:
    """typer's own complaints, in our words' form; a bare group gets its help."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        say(error.message)
        return UsageError.exit_code
    path = context.command_path if context else "fnr"
    message = error.format_message().rstrip(".")
    message = message[:1].lower() + message[1:]
    # typer names a number with bounds by its type.
    message = re.sub(r"is not a valid int(eger)?( range)?$", "is not a whole number", message)
    message = re.sub(r"is not in the range (-?\d+)<=x<=(-?\d+)$", r"is not from \1 to \2", message)
    message = re.sub(r"^got unexpected extra argument\S* \((.*)\)$", r"one too many: \1", message)
    message = re.sub(r"is not in the range x>=(-?\d+)$", r"is less than \1", message)
    return _show(UsageError(message, next_step=f"{path} --help"), flags)


def _crashed(error: Exception, flags: Globals) -> InternalError:
    """A mistake of ours: the traceback goes into a file, because nobody reads it on a screen."""
    why = f"{type(error).__name__}: {error}"
    text = "".join(traceback.format_exception(error))
    paths = _crash_paths(flags)
    file = f"{paths.crash_dir}/cli-{Clock().now_ms()}-{os.getpid()}.txt"
    try:
        os.makedirs(paths.crash_dir, mode=0o700, exist_ok=True)  # noqa: PTH103 - as in paths.py
        # Not strict: what cannot be decoded may be what the mistake was about.
        with open(file, "w", errors="backslashreplace") as crash:  # noqa: PTH123 - as in paths.py
            crash.write(crash_text(sys.argv, text))
    except OSError:
        return InternalError("fnr made a mistake", why=why, details=tuple(text.splitlines()))
    _forget_old_crashes(paths.crash_dir)
    return InternalError("fnr made a mistake", why=why, next_step=f"look into {file}")


def _crash_paths(flags: Globals) -> Paths:
    """Those of the command: `fnr init DIR` is about another home than the flags name."""
    try:
        return here().paths
    except LookupError:  # before it had begun
        return find_paths(flags.home or None, flags.config or None)


def _forget_old_crashes(folder: str) -> None:
    """A job that fails every minute must not fill the disk; the names begin with the time."""
    with suppress(OSError):
        files = sorted(name for name in os.listdir(folder) if name.startswith("cli-"))  # noqa: PTH208 - as in paths.py
        for name in files[:-CRASH_FILES_MAX]:
            os.unlink(f"{folder}/{name}")  # noqa: PTH108 - as in paths.py
