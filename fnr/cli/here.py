"""Where this command runs: its home, how it shows things, how long it waits for the daemon."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from fnr.api.errors import FnrError, UsageError
from fnr.api.question import Request
from fnr.cli.argv import Globals
from fnr.cli.terminal import is_terminal, may_colour, width
from fnr.client.connect import TIMEOUT_MS_DEFAULT, Connection, ask
from fnr.config.paths import Paths, find_paths
from fnr.config.units import duration_ms
from fnr.host.clock import Clock

if TYPE_CHECKING:
    from fnr.policy.redaction import Redaction

Answer = TypeVar("Answer")

# All rules are read again, which takes a busy host many seconds.
RELOAD_TIMEOUT_MS = 60_000


class Here:
    """What the flags that every command takes have decided.

    output: "table", "json", "jsonl" or "name"; plain: a table, but nobody looks: tab-separated.
    """

    def __init__(self, flags: Globals) -> None:
        self.flags = flags
        self.paths: Paths = find_paths(flags.home or None, flags.config or None)
        self.output = flags.output or "table"
        self.plain = not is_terminal(sys.stdout)
        self.quiet = flags.quiet
        self._timeout_said = bool(flags.timeout)
        self.timeout_ms = _timeout_ms(flags.timeout)
        self.colour = may_colour(sys.stdout, no_color=flags.no_color)
        self.colour_on_stderr = may_colour(sys.stderr, no_color=flags.no_color)
        self.clock = Clock()
        self._told: set[str] = set()

    @property
    def as_json(self) -> bool:
        """Is the output for programs?"""
        return self.output in {"json", "jsonl"}

    @cached_property
    def redaction(self) -> Redaction:
        """Hides secrets in what is shown; with mistakes in fnr.toml, as far as it could be read.

        Then it says so: a running daemon goes on with what it has, and what it hides is more.
        """
        from fnr.config.load import load  # noqa: PLC0415 - most commands need no settings
        from fnr.config.secrets import redaction_of  # noqa: PLC0415 - as above

        loaded = load(self.paths)
        if loaded.problems or self._settings_are_gone():
            trouble = "has mistakes" if loaded.problems else "is gone"
            self._tell_once(
                f"{self.paths.config_file} {trouble}: secrets that only it tells of are shown;"
                f" {self.command} config check"
            )
        return redaction_of(loaded.settings)

    def _settings_are_gone(self) -> bool:
        """As the store tells: a daemon would have to be waited for, and there may be none."""
        paths = self.paths
        if os.path.lexists(paths.config_file) or not os.path.lexists(paths.store_file):
            return False
        from fnr.api.requests import ListFunctions  # noqa: PLC0415 - most have a file
        from fnr.client.offline import answer_offline  # noqa: PLC0415 - as above
        from fnr.config.gone_file import file_is_gone  # noqa: PLC0415 - as above

        with suppress(FnrError):
            known = answer_offline(paths, ListFunctions())
            return file_is_gone(paths.config_file, [one.function for one in known])
        return False

    @property
    def command(self) -> str:
        """How `fnr` is called for this home, for commands that people paste."""
        return self.paths.command

    def ask(
        self,
        request: Request[Answer],
        *,
        offline: bool = True,
        timeout_ms: int | None = TIMEOUT_MS_DEFAULT,
    ) -> Answer:
        """Ask the daemon, or with it down the store, if that can answer.

        timeout_ms: how long to wait when --timeout does not say it.
        """
        return ask(
            self.paths,
            request,
            offline=offline,
            timeout_ms=self.timeout_ms if self._timeout_said else timeout_ms,
            notice=self._tell_once,
        )

    @property
    def room(self) -> int | None:
        """Columns that what is shown has; None where no terminal breaks lines."""
        return None if self.plain else width()

    def connect(self, *, timeout_ms: int | None = TIMEOUT_MS_DEFAULT) -> Connection:
        """A connection for several questions; DaemonDown when there is none."""
        if timeout_ms == TIMEOUT_MS_DEFAULT:
            timeout_ms = self.timeout_ms
        return Connection(self.paths, timeout_ms=timeout_ms)

    def notice(self, line: str) -> None:
        """A line for people, on stderr, unless they want quiet."""
        if not self.quiet:
            say(line)

    def _tell_once(self, line: str) -> None:
        """What holds for the whole command is not said once per page."""
        if line not in self._told:
            self._told.add(line)
            self.notice(f"notice: {line}")

    def hint(self, text: str) -> None:
        """What to type next: only for people who are looking."""
        if not self.plain and not self.as_json:
            self.notice(f"hint: {text}")


def say(line: str) -> None:
    """A line on stderr, also when quiet is wanted: problems, refusals.

    Where it cannot be written, the exit code still says what happened.
    """
    sys.stdout.flush()
    with suppress(OSError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


_here: ContextVar[Here] = ContextVar("here")


def here() -> Here:
    """Where the running command is."""
    return _here.get()


def enter(flags: Globals) -> Here:
    """Begin a command with these flags."""
    found = Here(flags)
    _here.set(found)
    return found


def _timeout_ms(written: str) -> int:
    if not written:
        return TIMEOUT_MS_DEFAULT
    try:
        found = duration_ms(written)
    except ValueError as error:
        raise UsageError(f"--timeout: {error}") from error
    if found < 1:
        raise UsageError("--timeout must be longer than 0")
    return found
