"""Flags for all commands are found wherever they stand, and nothing else is touched."""

from __future__ import annotations

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.core import TyperOption

from fnr.cli.argv import RUN_WITH_VALUE, FlagError, hoist, output_asked
from fnr.cli.run import app as run_app


@pytest.mark.parametrize(
    "words",
    [
        ["-o", "json", "--home", "/h", "-q", "dlq", "list", "--timeout", "5s"],
        ["dlq", "--home=/h", "list", "-ojson", "--timeout=5s", "--quiet"],
        ["dlq", "list", "--output=json", "-q", "--home", "/h", "--timeout", "5s"],
    ],
)
def test_they_may_stand_anywhere(words: list[str]) -> None:
    found, rest = hoist(words)
    assert rest == ["dlq", "list"]
    assert (found.home, found.output, found.timeout, found.quiet) == ("/h", "json", "5s", True)
    assert not found.no_color


def test_behind_two_dashes_everything_is_the_commands() -> None:
    found, rest = hoist(["run", "-q", "--", "ls", "-o", "json", "--home", "/x"])
    assert rest == ["run", "--", "ls", "-o", "json", "--home", "/x"]
    assert (found.quiet, found.output, found.home) == (True, "", "")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (["-q"], ["grep", "-q", "root", "/etc/passwd"]),
        (["--name", "sort", "--home", "/x"], ["sort", "-o", "out.txt", "--home", "/y"]),
        (["--timeout=5s", "-d", "-p", "9"], ["rsync", "--timeout", "10", "-q", "--no-color"]),
        (["-dp", "9"], ["tail", "-q"]),
    ],
)
def test_flags_behind_the_command_that_is_run_are_its_own(
    ours: list[str], theirs: list[str]
) -> None:
    _, rest = hoist(["run", *ours, *theirs])
    assert rest[-len(theirs) :] == theirs
    assert hoist(["run", *ours])[1] == rest[: -len(theirs)]


def test_all_flags_of_run_that_take_a_value_are_known() -> None:
    command = typer.main.get_command(run_app)
    with_value = {
        flag
        for option in command.params
        if isinstance(option, TyperOption) and not option.is_flag
        for flag in option.opts
    }
    assert {"-dp", *with_value} == RUN_WITH_VALUE


@pytest.mark.parametrize("command", ["submit", "run"])
def test_timeout_is_the_tasks_own_where_there_is_a_task(command: str) -> None:
    found, rest = hoist(["--home", "/h", command, "--timeout", "10m", "f"])
    assert rest == [command, "--timeout", "10m", "f"]
    assert found.timeout == ""


def test_a_flag_without_its_value_is_refused() -> None:
    with pytest.raises(FlagError, match="--home needs a value"):
        hoist(["status", "--home"])


@pytest.mark.parametrize("words", [["--home", "", "status"], ["status", "--home="], ["-o", ""]])
def test_an_empty_value_is_refused_and_never_means_the_hosts_own_home(words: list[str]) -> None:
    with pytest.raises(FlagError, match="needs a value, and an empty one is none"):
        hoist(words)


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("-o json --home", "json"),
        ("--home= status --output=jsonl", "jsonl"),
        ("--config= status -ojson", "json"),
        ("status -o xml", ""),
        ("status --home", ""),
        ("run --home= -- ls -o json", ""),
    ],
)
def test_a_refused_line_is_refused_in_the_format_that_it_asks_for(line: str, output: str) -> None:
    with pytest.raises(FlagError):
        hoist(line.split())
    assert output_asked(line.split()) == output


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(FlagError, match="table, json, jsonl, name, not 'xml'"):
        hoist(["status", "-o", "xml"])


@given(st.lists(st.sampled_from(["task", "list", "-n", "5", "--where", "a:b", "-", "--x=y"])))
def test_other_words_stay_in_their_order(words: list[str]) -> None:
    assert hoist(words)[1] == words
