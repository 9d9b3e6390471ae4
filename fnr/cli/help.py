"""`fnr help TOPIC`: what belongs to no single command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from fnr.api.errors import UsageError, error_types
from fnr.cli.argv import HELP
from fnr.cli.group import examples, group
from fnr.cli.main import COMMANDS
from fnr.cli.render import show_one
from fnr.config.load import PLAIN_TABLES
from fnr.policy.filter_fields import (
    ANY_FIELDS,
    ERROR_FIELDS,
    INCIDENT_FIELDS,
    UNDO_FIELDS,
    Field,
)

app = group("help", "Help on a topic: exit-codes, environment, filters, output, input.")

# What can be written behind --where.
FILTER_FORMS = [
    ("state:dead,waiting", "equal; any of several; * stands for anything: function:render-*"),
    ("attempts>2  age>1h", "numbers, lengths of time, moments: = != < <= > >="),
    ('message~"out of memory"', "regular expression, found anywhere, in either case"),
    ("timeout", "the message contains it"),
    ("a b   a OR b   -a   (a b)", "and, or, not, brackets"),
]

_FURTHER_CODES = {0: "done; or there was nothing to do", 130: "interrupted with Ctrl-C"}


@app.command(epilog=examples("fnr help filters", "fnr help exit-codes", "fnr dlq replay --help"))
def help(  # noqa: A001 - the command's name
    topic: Annotated[
        str | None,
        typer.Argument(metavar="[TOPIC]", help="exit-codes, environment, filters, output, input."),
    ] = None,
) -> None:
    """Explain a topic."""
    if topic is None:
        text = "Topics: " + ", ".join(TOPICS) + "\nOf a command: fnr COMMAND --help\n\n" + HELP
    elif topic in TOPICS:
        text = TOPICS[topic]()
    else:
        raise _no_topic(topic)
    told = {"topic": topic, "topics": [*TOPICS], "text": text}
    show_one("fnr.help/1", told, lambda: text, name=topic or "\n".join(TOPICS))


def _no_topic(word: str) -> UsageError:
    if word in COMMANDS:
        return UsageError(f"{word!r} is a command, no topic", next_step=f"fnr {word} --help")
    return UsageError(f"there is no topic {word!r}", next_step="fnr help")


def exit_codes() -> dict[int, str]:
    """Every exit code of fnr and what it means."""
    found = dict(_FURTHER_CODES)
    for kind in error_types().values():
        found[kind.exit_code] = (kind.__doc__ or "").split("\n")[0]
    found[1] = "failed, or finished with some items failed"
    return dict(sorted(found.items()))


def _exit_codes() -> str:
    lines = [f"{code:>4}  {meaning}" for code, meaning in exit_codes().items()]
    more = (
        "\n`fnr run` ends with its command's own exit code, 128+N if signal N killed it.\n"
        'With -o json errors are {"error": {"code", "message", "why", "hint", "exit"}} on stderr.\n'
    )
    return "\n".join(lines) + "\n" + more


def _environment() -> str:
    rows = [
        ("FNR_HOME", "as --home: config, state, socket and logs under one folder"),
        ("FNR_CONFIG", "as --config: another fnr.toml"),
        ("NO_COLOR, FNR_NO_COLOR", "no colour; FORCE_COLOR: colour on a dumb terminal, too"),
        ("VISUAL, EDITOR", "what `fnr dlq edit` and `fnr rules edit` open; the first that is set"),
        ("XDG_CONFIG_HOME, …", "where a user's config, state and socket are without FNR_HOME"),
    ]
    rows += [
        (f"FNR_{table}_{key}".upper(), f"{key} in [{table}] of fnr.toml")
        for table, keys in PLAIN_TABLES.items()
        for key in keys
    ]
    lines = "".join(f"{name:<28} {meaning}\n" for name, meaning in rows)
    return "Default < fnr.toml < environment < flag; `fnr config show --origin` tells.\n\n" + lines


def _filters() -> str:
    text = "For --where, in `task list`, `dlq list`, `errors list`, `dlq replay`, …:\n\n"
    text += "".join(f"  {form:<27} {meaning}\n" for form, meaning in FILTER_FORMS)
    text += "\nFields of tasks and dead letters:\n\n" + _fields(ANY_FIELDS)
    text += "\nOf errors:\n\n" + _fields(ERROR_FIELDS)
    text += "\nOf incidents (`errors groups`):\n\n" + _fields(INCIDENT_FIELDS)
    text += "\nOf steps of undo (`undo list`):\n\n" + _fields(UNDO_FIELDS)
    return text


def _fields(table: Mapping[str, Field]) -> str:
    lines = []
    for name, found in sorted(table.items()):
        choices = f" ({', '.join(found.choices)})" if found.choices else ""
        lines.append(f"  {name:<12} {found.help}{choices}\n")
    return "".join(lines)


def _output() -> str:
    return (
        HELP + "\nBehind `submit` and `run`, --timeout is how long an attempt may take.\n\n"
        "stdout is data, stderr is messages. On a terminal lists are tables; in a pipe\n"
        "they are tab-separated, without titles, uncropped, with instants instead of ages.\n"
        '-o json: one object, {"schema": "fnr.task.list/1", "items": […], "total": N, "next": …};\n'
        "fields are only ever added under one schema number. -o jsonl: one item a line, as they\n"
        "come; what may go on (logs, `errors tail`) and `dlq export` are so with both.\n"
        "-o name: ids only, for `… | fnr task cancel -`.\n"
        "--watch, of lists and of what changes by itself: again every second until Ctrl-C; on a\n"
        "terminal in the same place, into a pipe only the lines that are new or have changed.\n"
    )


def _input() -> str:
    return (
        "fnr submit FUNCTION KEY=VALUE…    a value is JSON if it parses, else text:\n"
        "    n=3 is a number, ok=true is true, list=[1,2] a list, name=World a text;\n"
        "    a text that looks like JSON needs its quotes: id='\"123\"'\n"
        "--input '{\"n\": 3}'               the whole input as JSON; KEY=VALUE goes on top\n"
        "--input @FILE, --input -          from a file, from standard input\n"
        '--jsonl FILE with FUNCTION        every line is one input: {"n": 1}\n'
        "--jsonl FILE without FUNCTION     every line is one task, with any of\n"
        '    {"function": "f", "input": {}, "priority": 5, "delay_ms": 0, "timeout_ms": 60000,\n'
        '     "expires_ms": 3600000, "unique": "k", "key": "k", "tags": {}, "retries_max": 3}\n'
        "An input is a JSON object of at most 10 MiB, nested at most 200 deep.\n"
    )


TOPICS = {
    "exit-codes": _exit_codes,
    "environment": _environment,
    "filters": _filters,
    "output": _output,
    "input": _input,
}
