"""Errors written for the operator: what went wrong, why with its numbers, what to type next.

The exit codes are an interface: scripts branch on them (`fnr help exit-codes`).
"""

from __future__ import annotations

# What was typed may be a file that a shell has put in the place of a word.
WHAT_CHARS_MAX = 400
LINE_CHARS_MAX = 1_000


class FnrError(Exception):
    """What went wrong, why, and what to type next.

    what:      one line, names the thing and the verb that failed.
    why:       the cause with its numbers; empty if unknown, never guessed.
    next_step: a command the reader can paste; empty if there is none.
    details:   further lines for people ("line 3: not JSON"), in order.
    """

    exit_code = 1
    code = "failed"

    def __init__(
        self, what: str, *, why: str = "", next_step: str = "", details: tuple[str, ...] = ()
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.next_step = next_step
        self.details = details

    def __str__(self) -> str:
        """All that is known, on the one line that tracebacks and logs of programs show."""
        said = f"{self.what}: {self.why}" if self.why else self.what
        return "; ".join((said, *self.details))

    def lines(self) -> list[str]:
        """The error as shown to people."""
        lines = [f"error: {shortened(self.what, WHAT_CHARS_MAX)}"]
        if self.why:
            lines.append(f"  why: {shortened(self.why)}")
        lines += [f"  {shortened(detail)}" for detail in self.details]
        if self.next_step:
            lines.append(f"  try: {self.next_step}")
        return lines

    def as_json(self) -> dict[str, object]:
        """The error as written to stderr in JSON mode and sent over the socket."""
        return {
            "code": self.code,
            "message": shortened(self.what, WHAT_CHARS_MAX),
            "why": shortened(self.why),
            "hint": self.next_step,
            "exit": self.exit_code,
            "details": [shortened(detail) for detail in self.details],
        }


def shortened(text: str, chars_max: int = LINE_CHARS_MAX) -> str:
    """The text without its middle when it is too long; how much is missing stands there."""
    if len(text) <= chars_max:
        return text
    end = chars_max // 3
    begin = chars_max - end
    return f"{text[:begin]}… {len(text) - chars_max} characters left out …{text[-end:]}"


class Failed(FnrError):
    """It failed, or finished with some items failed."""


class UsageError(FnrError):
    """The command line makes no sense."""

    exit_code = 2
    code = "usage"


class DaemonDown(FnrError):
    """Nobody answers at the socket."""

    exit_code = 3
    code = "daemon_down"


class NotFound(FnrError):
    """No task, function, worker or dead letter of that name."""

    exit_code = 4
    code = "not_found"


class Refused(FnrError):
    """A guard said no: not confirmed, already running, wrong state."""

    exit_code = 6
    code = "refused"


class BadData(FnrError):
    """The input does not fit: not JSON, too large, wrong types, a file that cannot be read."""

    exit_code = 65
    code = "bad_data"


class ProtocolMismatch(FnrError):
    """Daemon and client, or program and store, are of versions that do not fit."""

    exit_code = 69
    code = "protocol_mismatch"


class InternalError(FnrError):
    """A mistake of ours; a crash file tells more."""

    exit_code = 70
    code = "internal"


class StorageError(FnrError):
    """I/O error or disk full."""

    exit_code = 74
    code = "io"


class TryAgain(FnrError):
    """Temporary: draining, starting, overloaded."""

    exit_code = 75
    code = "try_again"


class PermissionDenied(FnrError):
    """The operating system or the socket's owner does not let you."""

    exit_code = 77
    code = "permission"


class ConfigError(FnrError):
    """fnr.toml or a path it names is wrong."""

    exit_code = 78
    code = "config"


class TimedOut(FnrError):
    """The caller's own deadline passed."""

    exit_code = 124
    code = "timeout"


_LISTED_BY = {
    "task": "fnr task list",
    "error": "fnr errors list",
    "incident": "fnr errors groups",
    "breaker": "fnr breaker list",
    "replay": "fnr replay list",
    "undo step": "fnr undo list",
}


def no_such_id(words: str, *, noun: str) -> NotFound:
    """Nothing has an id that begins so: where ids are listed."""
    # Whoever adds a noun and forgets it here gets a plain answer, not a crash.
    return NotFound(words, next_step=_LISTED_BY.get(noun, "fnr help"))


def error_types() -> dict[str, type[FnrError]]:
    """Every error by its wire code."""
    kinds: list[type[FnrError]] = [FnrError, *FnrError.__subclasses__()]
    return {kind.code: kind for kind in kinds}


def from_json(data: dict[str, object]) -> FnrError:
    """Rebuild an error that came over the socket; an unknown code becomes a plain failure."""
    kind = error_types().get(str(data.get("code")), Failed)
    details = data.get("details")
    return kind(
        str(data.get("message", "the daemon reported an error without words")),
        why=str(data.get("why", "")),
        next_step=str(data.get("hint", "")),
        details=tuple(str(line) for line in details) if isinstance(details, list) else (),
    )
