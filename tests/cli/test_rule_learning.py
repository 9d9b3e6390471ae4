"""What people say about past errors becomes rules, figures and words of the text model."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cli_runs import Ran, Run
from live_home import LiveHome
from msgspec import Raw

from fnr.api.requests import Submit, TaskSpec, Watch
from fnr.policy.rules import Category

TOML = """
[functions.drum]
command = [
    "sh", "-c", 'echo "frobnicator drum $1 wobbles in hall $2" >&2; exit 1',
    "sh", "{drum}", "{hall}",
]
retry = { max = 0, unknown_max = 0 }

[functions.gauge]
command = [
    "sh", "-c", 'printf "gauge needle %s sleeps \\033[2J[/b]\\n" $1 >&2; exit 1', "sh", "{needle}"
]
services = ["wind"]
retry = { max = 0, unknown_max = 0 }

[rules]
text_model = false
"""
Ask = Callable[..., Ran]


@pytest.fixture(scope="module")
def wobbly() -> Iterator[LiveHome]:
    """A daemon that has seen two drums wobble and two needles sleep."""
    made = LiveHome(Path(tempfile.mkdtemp(prefix="fnr-")), TOML).up()
    for words in (
        ("drum", "drum=17", "hall=3"), ("drum", "drum=21", "hall=4"),
        ("gauge", "needle=1"), ("gauge", "needle=2"),
    ):  # fmt: skip
        assert made.fnr("submit", *words, "--wait").returncode == 1
    yield made
    made.close()
    shutil.rmtree(made.folder, ignore_errors=True)


@pytest.fixture
def ask(wobbly: LiveHome, command: Run) -> Ask:
    """Run a command line against that daemon."""
    return lambda *words, **options: command("--home", wobbly.folder, *words, **options)


def errors(ask: Ask, function: str) -> list[Any]:
    """Errors of a function, newest first."""
    found: list[Any] = ask("errors", "list", "--where", f"function:{function}", "-o", "json").json[
        "items"
    ]
    return found


def test_what_a_person_said_becomes_a_rule_that_names_the_next_such_error(
    ask: Ask, wobbly: LiveHome
) -> None:
    assert {error["rule"] for error in errors(ask, "drum")} == {"unmatched"}
    found = ask("rules", "suggest", "--apply")
    assert "left out: " in found.err
    assert "nobody has said what it is: " in found.err
    assert not (wobbly.folder / "rules.d" / "suggested.toml").exists()

    call_a_drum_resource(ask)
    tried = ask("rules", "suggest", "--apply", "-n")
    assert "1 of 2 suggestions would be written" in tried.err
    assert not (wobbly.folder / "rules.d" / "suggested.toml").exists()

    found = ask("rules", "suggest", "--apply")
    assert found.code == 0, found.err
    assert "in force: the running daemon has taken it over" in found.err
    assert "gauge" not in found.out
    newest = wait_for_error(ask, wobbly)
    assert (newest["category"], newest["rule"].partition("/")[0]) == ("resource", "suggested")
    again = ask("rules", "suggest", "-o", "json").json["items"]
    assert [one["functions"] for one in again] == [["gauge"]]


def call_a_drum_resource(ask: Ask) -> None:
    """The second drum of all; the tests of this file may run in processes of their own."""
    wrong = errors(ask, "drum")[-2]["error_id"]
    told = ask("errors", "reclassify", wrong, "--category", "resource")
    assert told.code == 0 or "it is resource already" in told.err


def wait_for_error(ask: Ask, wobbly: LiveHome) -> Any:
    """The error of one more drum, which waits instead of dying."""
    with_events = wobbly.connection()
    events = with_events.watch(
        Watch(functions=["drum"], kinds=["error"]),
        on_watching=lambda: wobbly.ask(
            Submit(task=TaskSpec(function="drum", input=Raw(b'{"drum": 99, "hall": 12}')))
        ),
    )
    next(events)
    return errors(ask, "drum")[0]


def test_suggestions_are_toml_that_people_can_read_and_terminals_survive(ask: Ask) -> None:
    found = ask("rules", "suggest", "--min-hits", 2)
    assert 'text = ["gauge\\\\s+needle' in found.out or "gauge\\s+needle" in found.out
    assert "\x1b" not in found.out
    assert "nothing was written" in found.err


@pytest.mark.unmeasured
def test_stats_count_hits_and_corrections(ask: Ask) -> None:
    call_a_drum_resource(ask)
    items = {one["rule"]: one for one in ask("rules", "stats", "-o", "json").json["items"]}
    assert items["unmatched"]["state"] == "no rule fits"
    assert items["unmatched"]["hits"] >= 4
    assert items["unmatched"]["corrected"] == 1
    none = ask("rules", "stats", "--never", "--own")
    assert (none.code, none.err) == (0, "there is none that never decided\n")
    never = ask("rules", "stats", "--never", "-o", "name", "--limit", 0).out.splitlines()
    assert len(never) > 100
    assert "unmatched" not in never


def test_history_tells_what_a_candidate_would_change_and_changes_nothing(
    ask: Ask, wobbly: LiveHome, tmp_path: Path
) -> None:
    candidate = tmp_path / "candidate.toml"
    candidate.write_text(
        "[[rule]]\nname = 'asleep'\ncategory = 'permanent'\ntext = ['needle \\d+ sleeps']\n"
    )
    before = sorted(file.name for file in (wobbly.folder / "rules.d").glob("*"))
    found = ask("rules", "test", "--against-history", "7d", "--rules", candidate, "-o", "json")
    [change] = found.json["items"]
    assert (change["before"], change["after"], change["count"]) == ("unknown", "permanent", 2)
    assert change["rule"] == "candidate/asleep"
    assert "2 of " in found.err
    assert sorted(file.name for file in (wobbly.folder / "rules.d").glob("*")) == before
    # As the daemon would: who uses a single service has met it.
    by_service = candidate.read_text() + "service = 'wind'\n"
    for text, count in ((by_service, 1), (by_service.replace("wind", "rain"), 0)):
        candidate.write_text(text)
        found = ask("rules", "test", "--against-history", "7d", "--rules", candidate, "-o", "json")
        assert found.json["total"] == count, text
    candidate.write_text("[[rule]]\nname = 'asleep'\ntext = ['(']\n")
    broken = ask("rules", "test", "--against-history", "7d", "--rules", candidate)
    assert (broken.code, f"{candidate}:" in broken.err) == (78, True)


@pytest.mark.unmeasured
def test_a_dry_run_of_learning_writes_nothing(ask: Ask, wobbly: LiveHome) -> None:
    call_a_drum_resource(ask)
    tried = ask("rules", "learn", "-n", "-o", "json")
    assert tried.code == 0, tried.err
    assert "switched off" in tried.err
    assert not (wobbly.folder / "learnt-words.json").exists()


@pytest.mark.unmeasured
def test_learning_names_what_people_named_and_can_be_forgotten(ask: Ask, wobbly: LiveHome) -> None:
    call_a_drum_resource(ask)
    for error in errors(ask, "gauge"):
        ask("errors", "reclassify", error["error_id"], "--category", "permanent")
    layer = wobbly.folder / "learnt-words.json"
    found = ask("rules", "learn", "-o", "json").json
    assert layer.exists()
    assert found["right"] == len(found["errors"]) == 3
    assert {one["after"] for one in found["errors"]} == {Category.PERMANENT, Category.RESOURCE}
    assert found["lost"] == 0
    assert ask("rules", "learn", "--reset", "-n").code == 0
    assert layer.exists()
    assert ask("rules", "learn", "--reset", "-o", "json").json["removed"] is True
    assert not layer.exists()


def test_to_forget_what_was_not_learnt_is_said(command: Run) -> None:
    assert command("rules", "learn", "--reset").err == "nothing was learnt yet\n"
    told = command("rules", "learn", "--reset", "-o", "json").json
    assert (told["schema"], told["removed"]) == ("fnr.rules.learn.reset/1", False)


def test_nothing_is_learnt_from_what_ended_without_a_word(command: Run) -> None:
    """The model is not asked about it, so it must not be said that it names it now."""
    toml = """
    [functions.mute]
    command = ["sh", "-c", "exit 9"]
    retry = { max = 0, unknown_max = 0 }
    """
    made = LiveHome(Path(tempfile.mkdtemp(prefix="fnr-")), toml).up()
    try:
        assert made.fnr("submit", "mute", "--wait").returncode == 1
        [error] = command("--home", made.folder, "errors", "list", "-o", "json").json["items"]
        words = ("errors", "reclassify", error["error_id"], "--category", "transient")
        assert command("--home", made.folder, *words, "--why", "busy").code == 0
        learnt = command("--home", made.folder, "rules", "learn")
        assert learnt.code == 4
        assert "1 reclassified error said nothing to learn from" in learnt.err
        # Taken back: what it had taught by then goes on deciding, and "reclassify" was the advice.
        layer = made.folder / "learnt-words.json"
        assert not layer.exists()
        layer.write_text("{}")
        words = ("errors", "reclassify", error["error_id"], "--category", error["category"])
        assert command("--home", made.folder, *words).code == 0
        learnt = command("--home", made.folder, "rules", "learn")
        assert f"what was learnt before is still in {layer}" in learnt.err
        assert f"try: fnr --home {made.folder} rules learn --reset" in learnt.err
    finally:
        made.close()
        shutil.rmtree(made.folder, ignore_errors=True)


def test_what_learning_says_of_an_error_is_what_the_next_such_error_is_called(command: Run) -> None:
    """One word is too little for the model to give up on a task, however often it was taught."""
    toml = """
    [functions.curt]
    command = ["sh", "-c", "echo frobnicate >&2; exit 3"]
    retry = { max = 0, unknown_max = 0 }
    """
    made = LiveHome(Path(tempfile.mkdtemp(prefix="fnr-")), toml).up()
    try:
        ask = partial(command, "--home", made.folder)
        assert made.fnr("submit", "curt", "--wait").returncode == 1
        [error] = ask("errors", "list", "-o", "json").json["items"]
        words = ("errors", "reclassify", error["error_id"], "--category", "permanent")
        assert ask(*words).code == 0
        learnt = ask("rules", "learn", "-o", "json").json
        assert made.fnr("submit", "curt", "--wait").returncode == 1
        newest, _ = ask("errors", "list", "-o", "json").json["items"]
        assert [one["after"] for one in learnt["errors"]] == [newest["category"]]
        assert learnt["right"] == (newest["category"] == "permanent")
    finally:
        made.close()
        shutil.rmtree(made.folder, ignore_errors=True)
