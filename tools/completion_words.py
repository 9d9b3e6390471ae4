"""What can be offered for each argument and each value of a flag: one small word says it.

"files", "dirs" and "commands" are known to the shell; "tasks", "rules" and the like are files of
words that the daemon keeps (fnr/daemon/word_files.py), "drills" the folders of the faults that act
now (fnr/host/chaos_records.py), "scores" the files of those kept (fnr/host/score_files.py);
everything else is a list of static words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from command_tree import Argument, Command, Flag, global_flags

from fnr.cli.chaos_drill import SCENARIOS
from fnr.cli.completion import SCRIPTS
from fnr.cli.help import TOPICS
from fnr.cli.quick_tui import VIEWS
from fnr.policy.evidence import KilledBy, Phase
from fnr.policy.faults import CATALOGUE
from fnr.policy.filter_fields import (
    ANY_FIELDS,
    ERROR_FIELDS,
    INCIDENT_FIELDS,
    LETTER_FIELDS,
    TASK_FIELDS,
    UNDO_FIELDS,
    Field,
)
from fnr.policy.rules import Category

T = TypeVar("T")


@dataclass(frozen=True)
class Offer:
    """kinds: what the shell or the daemon knows, by name; words: what is always the same."""

    kinds: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


NOTHING = Offer()
_FILES = Offer(kinds=("files",))
_COMMANDS = Offer(kinds=("commands", "files"))
_SCORES = Offer(kinds=("scores",))

# By the command and what stands in its synopsis, the nearest first: "task wait", "task", "".
_ARGUMENTS: Mapping[tuple[str, str], Offer] = {
    ("task", "ID"): Offer(kinds=("tasks",)),
    ("dlq", "ID"): Offer(kinds=("letters",)),
    ("errors", "ID"): Offer(kinds=("errors", "incidents", "tasks")),
    ("errors groups", "ID"): Offer(kinds=("incidents",)),
    ("errors ack", "ID"): Offer(kinds=("incidents",)),
    ("errors snooze", "ID"): Offer(kinds=("incidents",)),
    ("errors resolve", "ID"): Offer(kinds=("incidents",)),
    ("worker", "ID"): Offer(kinds=("workers", "functions")),
    ("rules", "NAME"): Offer(kinds=("rules",)),
    ("rules add", "NAME"): NOTHING,
    ("function", "NAME"): Offer(kinds=("functions",)),
    ("breaker", "NAME"): Offer(kinds=("breakers",)),
    ("breaker", "SERVICE"): Offer(kinds=("breakers",)),
    ("run", "-- COMMAND [ARG"): _COMMANDS,
    ("replay", "ID"): Offer(kinds=("replays",)),
    ("undo", "ID"): Offer(kinds=("undo",)),
    ("undo list", "TASK"): Offer(kinds=("tasks",)),
    ("chaos abort", "ID"): Offer(kinds=("drills",)),
    ("chaos score", "ID"): _SCORES,
    ("", "FUNCTION"): Offer(kinds=("functions",)),
    ("", "FUNCTION|TASK"): Offer(kinds=("functions", "tasks")),
    ("", "SERVICE"): Offer(kinds=("breakers",)),
    ("", "TASK"): Offer(kinds=("tasks",)),
}
_FLAGS: Mapping[str, Offer] = {
    "--against": _SCORES,
    "--category": Offer(words=tuple(map(str, Category))),
    "--function": Offer(kinds=("functions",)),
    "--killed-by": Offer(words=tuple(map(str, KilledBy))),
    "--log-format": Offer(words=("text", "json")),
    "--log-level": Offer(words=("debug", "info", "warning", "error")),
    "--phase": Offer(words=tuple(map(str, Phase))),
    "--service": Offer(kinds=("breakers",)),
    "--scenario": Offer(words=tuple(SCENARIOS)),
    "--shell": Offer(words=tuple(SCRIPTS)),
}
_WORDS: Mapping[str, tuple[str, ...]] = {
    "FAULT": tuple(CATALOGUE),
    "SCREEN": tuple(VIEWS),
    "SHELL": tuple(SCRIPTS),
    "TOPIC": tuple(TOPICS),
}
_FIELDS: Mapping[str, Mapping[str, Field]] = {
    "task": TASK_FIELDS,
    "dlq": LETTER_FIELDS,
    "errors": ERROR_FIELDS,
    "errors groups": INCIDENT_FIELDS,
    "undo": UNDO_FIELDS,
    "chaos": TASK_FIELDS,
}


def flags_of(command: Command) -> list[Flag]:
    """Its own flags and those that every command takes, each name once."""
    own = {name for flag in command.flags for name in flag.names}
    return [*command.flags, *(f for f in global_flags() if not own.intersection(f.names))]


def offers_of(command: Command) -> list[Offer]:
    """What its words may be, in their order; the last one holds for all further ones if many."""
    return [_of_argument(command, argument) for argument in command.arguments]


def offer_of(command: Command, flag: Flag) -> Offer:
    """What the value of a flag may be."""
    if flag.choices:
        return Offer(words=flag.choices)
    if flag.metavar == "EXPR":
        return Offer(words=tuple(_filter_words(_nearest(_FIELDS, command) or ANY_FIELDS)))
    for name in flag.names:
        if name in _FLAGS:
            return _FLAGS[name]
    return _path(flag.metavar)


def _of_argument(command: Command, argument: Argument) -> Offer:
    metavar = argument.metavar.rstrip(".…")
    by_command = {path: offer for (path, name), offer in _ARGUMENTS.items() if name == metavar}
    if by_command and (found := _nearest(by_command, command)) is not None:
        return found
    if metavar in _WORDS:
        return Offer(words=_WORDS[metavar])
    return _path(metavar)


def _nearest(table: Mapping[str, T], command: Command) -> T | None:
    for length in (2, 1, 0):
        if (path := " ".join(command.path[:length])) in table:
            return table[path]
    return None


def _path(metavar: str) -> Offer:
    if "DIR" in metavar:
        return Offer(kinds=("dirs",))
    return _FILES if "FILE" in metavar else NOTHING


def _filter_words(fields: Mapping[str, Field]) -> Iterable[str]:
    """ "state:" and, for who has typed that much, "state:dead"."""
    for name, field in sorted(fields.items()):
        yield f"{name}:"
        yield from (f"{name}:{choice}" for choice in field.choices)
