"""Every command explains itself, with examples that exist; every topic is complete."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from cli_runs import Run

from fnr.api.errors import error_types
from fnr.cli.main import COMMANDS, app
from fnr.policy.filter_fields import ANY_FIELDS, ERROR_FIELDS, INCIDENT_FIELDS, UNDO_FIELDS


def commands(node: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its path, groups included."""
    node = node or typer.main.get_command(app)
    yield path, node
    context = node.context_class(node, info_name=path[-1] if path else "fnr")
    for name in node.list_commands(context) if hasattr(node, "list_commands") else ():
        yield from commands(node.get_command(context, name), (*path, name))


ALL = [pytest.param(path, node, id="-".join(path) or "fnr") for path, node in commands()]
LEAVES = [case for case in ALL if not hasattr(case.values[1], "list_commands")]
ENDS = ("|", "&&", "--", ">")


@pytest.mark.parametrize(("path", "node"), ALL)
def test_every_command_has_help(command: Run, path: tuple[str, ...], node: Any) -> None:
    for flag in ("--help", "-h"):
        found = command(*path, flag)
        assert found.code == 0
        assert found.out.startswith("Usage: fnr")
        assert "\b" not in found.out
    assert all(param.help for param in node.params if hasattr(param, "help"))


@pytest.mark.parametrize(("path", "node"), LEAVES)
def test_every_command_has_an_example_of_itself(path: tuple[str, ...], node: Any) -> None:
    assert node.epilog, path
    lines = [line.strip() for line in node.epilog.splitlines()]
    assert any(f"fnr {' '.join(path)}" in line for line in lines)


@pytest.mark.parametrize(("path", "node"), LEAVES)
def test_the_flags_in_an_example_exist(path: tuple[str, ...], node: Any) -> None:
    known = {name for param in node.params for name in (*param.opts, *param.secondary_opts)}
    known |= {"-o", "--home", "--config", "-q", "--"}
    for line in node.epilog.splitlines():
        words = shlex.split(line.partition("         ")[0])
        if words[: len(path) + 1] != ["fnr", *path]:
            continue
        end = min((words.index(end) for end in ENDS if end in words), default=None)
        ours = words[:end]
        assert {word for word in ours if word.startswith("-") and word != "-"} <= known, line


def test_a_bare_group_shows_its_help_and_is_a_usage_error(command: Run) -> None:
    for words in ([], ["dlq"], ["task"]):
        found = command(*words)
        assert (found.code, found.out) == (2, "")
        assert "Commands:" in found.err


@pytest.mark.parametrize(
    ("words", "near"),
    [(["dlqq"], "'dlq'"), (["dlq", "replai", "x"], "'replay'"), (["stat"], "'status'")],
)
def test_a_misspelt_command_gets_the_nearest(command: Run, words: list[str], near: str) -> None:
    found = command(*words)
    assert found.code == 2
    assert near in found.err


def test_wrong_usage_says_which_help_to_read(command: Run) -> None:
    found = command("task", "list", "--nonsense")
    assert found.code == 2
    assert found.err == "error: no such option: --nonsense\n  try: fnr task list --help\n"
    found = command("task", "show", "-o", "json")
    assert (found.code, found.error["code"]) == (2, "usage")
    found = command("dlq", "list", "--where")
    assert found.err == "error: option '--where' requires an argument\n  try: fnr dlq list --help\n"


def test_what_is_no_number_is_called_so(command: Run) -> None:
    """ "'abc' is not a valid int range" said nothing to whoever had typed it."""
    for words in (("task", "list", "-n", "abc"), ("submit", "f", "--retries", "1.5")):
        found = command(*words)
        assert (found.code, "is not a whole number\n  try: " in found.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("submit", "f", "--priority", "11"), "11 is not from 1 to 10\n"),
        (("task", "list", "--limit", "-1"), "-1 is less than 0\n"),
        (("config", "show", "daemon"), "error: one too many: daemon\n"),
        (("submit", "f", "--at", "tomorrow"), "error: --at: 'tomorrow' is no moment\n"),
        (("errors", "list", "--since", "tomorrow"), "error: --since: 'tomorrow' is no moment\n"),
    ],
)
def test_a_value_out_of_bounds_is_said_in_words(
    command: Run, words: tuple[str, ...], said: str
) -> None:
    """Not as "is not in the range 1<=x<=10"."""
    found = command(*words)
    assert (found.code, said in found.err) == (2, True), found.err


def test_the_version(command: Run) -> None:
    assert command("--version").out.startswith("fnr 0.")


def test_a_topic_is_json_for_who_asks_for_it(command: Run) -> None:
    topics = command("help", "-o", "json").json
    assert (topics["schema"], topics["topic"]) == ("fnr.help/1", None)
    for topic in topics["topics"]:
        told = command("help", topic, "-o", "json").json
        assert (told["topic"], told["text"]) == (topic, command("help", topic).out)
    assert command("help", "-o", "name").out.split() == topics["topics"]


def test_topics_are_complete(command: Run) -> None:
    codes = command("help", "exit-codes").out
    assert all(f"{kind.exit_code:>4}  " in codes for kind in error_types().values())
    filters = command("help", "filters").out
    fields = {**ANY_FIELDS, **ERROR_FIELDS, **INCIDENT_FIELDS, **UNDO_FIELDS}
    assert all(f"  {name} " in filters for name in fields)
    assert "needs_operator" in filters
    assert "FNR_LOG_LEVEL" in command("help", "environment").out
    assert "tab-separated" in command("help", "output").out
    assert "--jsonl" in command("help", "input").out
    assert "Topics: " in command("help").out
    assert command("help", "nonsense").code == 2


def test_help_names_every_command_with_its_summary(command: Run) -> None:
    text = command("--help").out
    assert all(f"  {name} " in text for name in COMMANDS)
    assert "--home DIR" in text


def test_who_asks_for_help_on_a_command_is_shown_the_way(command: Run) -> None:
    asked = command("help", "task")
    assert (asked.code, "try: fnr task --help" in asked.err) == (2, True)
    assert "try: fnr help\n" in command("help", "nonsense").err
