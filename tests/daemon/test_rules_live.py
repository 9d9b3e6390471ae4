"""Rules in a real daemon: reloaded all or nothing, never in the way of running, and obeyed."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
from live_home import LiveHome
from test_task_life import HomeAt, end_of, function, submit

from fnr.api import requests as ask
from fnr.api.errors import ConfigError
from fnr.policy.task import TaskState

NO_GUESS = "\n[rules]\ntext_model = false\n"
BAD = {"kind": "RuntimeError", "message": "no lens in attic"}


def lens(category: str, more: str = "") -> str:
    return f'[[rule]]\nname = "lens"\ncategory = "{category}"\ntext = "no lens"\n{more}\n'


def write_rules(home: LiveHome, text: str) -> Path:
    folder = Path(home.paths.rules_dir)
    folder.mkdir(exist_ok=True)
    (folder / "studio.toml").write_text(text)
    return folder / "studio.toml"


def named(home: LiveHome) -> str:
    end = end_of(home, submit(home, "bad", BAD))
    assert end.category is not None
    return end.category


def test_a_reload_takes_rules_over_or_leaves_all_as_it_was(home_at: HomeAt) -> None:
    home = home_at(function("bad", "fail") + NO_GUESS).up()
    assert named(home) == "unknown"
    file = write_rules(home, lens("validation"))
    assert home.ask(ask.ReloadConfig()) == ask.ReloadReport(settings=["rules.d"])
    assert home.ask(ask.ReloadConfig()) == ask.ReloadReport()
    assert named(home) == "validation"
    file.write_text(lens("permanent") + lens("transint"))
    with pytest.raises(ConfigError) as refused:
        home.ask(ask.ReloadConfig())
    assert any(f"{file}:8: category must be" in line for line in refused.value.details)
    assert named(home) == "validation"


def test_sighup_reloads_rules_too(home_at: HomeAt) -> None:
    home = home_at(function("bad", "fail") + NO_GUESS).up()
    write_rules(home, lens("validation"))
    assert home.process is not None
    hang_up = partial(home.process.send_signal, signal.SIGHUP)
    news = home.connection(timeout_ms=60_000).watch(ask.Watch(), on_watching=hang_up)
    assert any(event.what == "reloaded" for event in news)
    assert named(home) == "validation"


def test_of_two_reloads_at_once_the_later_counts(home_at: HomeAt) -> None:
    """Method: the first has read a fnr.toml, and waits in a pipe that this names."""
    home = home_at(function("bad", "fail")).up()
    pipe = home.folder / "pipe.env"
    os.mkfifo(pipe)
    home.write(function("old", "fail") + f'env_file = "{pipe}"\n')
    first = Thread(target=home.ask, args=(ask.ReloadConfig(),))
    first.start()
    with pipe.open("w"):
        home.write(function("new", "fail"))
        second = Thread(target=home.ask, args=(ask.ReloadConfig(),))
        second.start()
        # Time enough for a reload that waits for nobody.
        for _ in range(300):
            home.ask(ask.GetStatus())
    first.join()
    second.join()
    names = {one.function for one in home.ask(ask.GetStatus()).functions}
    assert (names & {"old", "new"}) == {"new"}


def test_a_broken_rules_d_keeps_no_daemon_from_starting_and_the_status_says_so(
    home_at: HomeAt,
) -> None:
    home = home_at(function("bad", "fail") + NO_GUESS)
    file = write_rules(home, "nonsense")
    home.up()
    # Whoever asks for a name waits for the rules; after that the status knows what is wrong.
    assert named(home) == "unknown"
    problems = home.ask(ask.GetStatus()).problems
    assert any(f"{file}:1: not TOML" in words for words in problems), problems
    file.write_text(lens("validation"))
    assert home.fnr("rules", "reload").returncode == 0
    assert not any("rules" in words for words in home.ask(ask.GetStatus()).problems)
    assert named(home) == "validation"


def test_what_was_taught_and_cannot_be_read_is_told_by_the_status(home_at: HomeAt) -> None:
    home = home_at(function("bad", "fail"))
    layer = Path(home.paths.learnt_file)
    layer.write_text("{}")
    home.up()
    named(home)
    [words] = home.ask(ask.GetStatus()).problems
    assert words.startswith(f"{layer} is no layer of the text model")
    layer.unlink()
    assert home.fnr("rules", "reload").returncode == 0
    assert home.ask(ask.GetStatus()).problems == []


def test_an_own_rule_whose_name_a_shipped_one_has_stays_in_force_and_the_status_says_so(
    home_at: HomeAt,
) -> None:
    chaos = "[chaos]\nenabled = true\nstop_load = 1000.0\n"
    home = home_at(function("bad", "fail") + NO_GUESS + chaos)
    write_rules(home, lens("validation"))
    file = Path(home.paths.rules_dir) / "cuda.toml"
    file.write_text(lens("permanent").replace('"lens"', '"gpu-memory"').replace("lens", "prism"))
    home.up()
    assert named(home) == "validation"
    [words] = home.ask(ask.GetStatus()).problems
    assert words.startswith(f"{file}:1: rule cuda/gpu-memory has the name of a shipped rule")
    assert words.endswith("rename yours: fnr rules edit cuda; fnr rules check")
    # It is none of the problems with which no drill begins.
    injected = home.fnr("chaos", "inject", "worker-stop", "--where", "function:bad",
                        "--duration", "1s", "--reason", "drill", "-n")  # fmt: skip
    assert injected.returncode == 0, injected.stderr
    file.write_text(file.read_text().replace("gpu-memory", "prism"))
    assert home.fnr("rules", "reload").stderr == ""
    assert home.ask(ask.GetStatus()).problems == []


TOLD = "the running daemon has not taken over how rules.d is now"


def test_who_changes_rules_d_by_hand_is_told_that_the_daemon_has_not_read_it(
    home_at: HomeAt,
) -> None:
    """`rules list` says what the files say, and called rules in force of which no error knew."""
    home = home_at(function("bad", "fail") + NO_GUESS).up()
    assert named(home) == "unknown"
    assert not home.ask(ask.GetStatus()).rules_behind
    write_rules(home, lens("validation"))
    status = home.ask(ask.GetStatus())
    assert status.rules_behind
    assert status.problems == [
        "rules.d was changed, and is not in force like that: fnr rules reload"
    ]
    for words in (("list", "--own"), ("show", "studio/lens"), ("check",)):
        ran = home.fnr("rules", *words)
        assert (ran.returncode, TOLD in ran.stderr) == (0, True), ran.stderr


def test_who_reloads_rules_d_is_not_told_so_until_it_changes_again(home_at: HomeAt) -> None:
    home = home_at(function("bad", "fail") + NO_GUESS).up()
    assert named(home) == "unknown"
    file = write_rules(home, lens("validation"))
    assert home.ask(ask.GetStatus()).rules_behind
    assert home.fnr("rules", "reload").returncode == 0
    assert not home.ask(ask.GetStatus()).rules_behind
    assert TOLD not in home.fnr("rules", "list", "--own").stderr
    file.write_text("nonsense")
    said = home.fnr("rules", "list", "--own").stderr
    assert "rules.d has a problem, and the running daemon goes on with what it had read" in said
    file.unlink()
    assert home.ask(ask.GetStatus()).rules_behind
    # What fnr itself writes there is taken over at once.
    assert home.fnr("rules", "disable", "cuda/gpu-memory").returncode == 0
    assert home.ask(ask.GetStatus()).problems == []


def test_a_rules_d_that_is_gone_changes_nothing(home_at: HomeAt) -> None:
    """Its disk is not mounted, say: a reload had put all of it out of force, and called it done."""
    home = home_at(function("bad", "fail") + NO_GUESS)
    folder = write_rules(home, lens("validation")).parent
    home.up()
    assert named(home) == "validation"
    folder.rename(folder.with_suffix(".away"))
    refused = home.fnr("rules", "reload")
    assert (refused.returncode, f"{folder} is gone: nothing has changed" in refused.stderr) == (
        78, True,
    )  # fmt: skip
    assert named(home) == "validation"
    [told] = home.ask(ask.GetStatus()).problems
    assert told.startswith(f"{folder} is gone: ")
    # It would have made the folder, and all other rules were out of force without a word.
    refused = home.fnr("rules", "disable", "cuda/gpu-memory")
    assert (refused.returncode, f"{folder} is gone: nothing was written" in refused.stderr) == (
        78, True,
    )  # fmt: skip
    assert not folder.exists()
    folder.mkdir()
    assert home.fnr("rules", "reload").returncode == 0
    assert named(home) == "unknown"


def test_a_rules_d_that_went_while_no_daemon_ran_is_missed(home_at: HomeAt) -> None:
    """The next daemon named failures by the packs alone, and nobody said so."""
    home = home_at(function("bad", "fail") + NO_GUESS)
    folder = write_rules(home, lens("validation")).parent
    home.up()
    assert named(home) == "validation"
    home.end()
    away = folder.rename(folder.with_suffix(".away"))
    for _ in range(2):
        home.up()
        assert named(home) == "unknown"
        [told] = home.ask(ask.GetStatus()).problems
        assert told.startswith(f"{folder} is gone: without it none of your rules would be left")
        assert home.fnr("rules", "reload").returncode == 78
        assert home.fnr("rules", "disable", "cuda/gpu-memory").returncode == 78
        home.end()
    away.rename(folder)
    home.up()
    assert named(home) == "validation"
    assert home.ask(ask.GetStatus()).problems == []


def test_with_the_daemon_down_too_a_rules_d_that_is_gone_is_missed(home_at: HomeAt) -> None:
    """A rule that was added began a new folder, and of all others nobody said a word."""
    home = home_at(function("bad", "fail") + NO_GUESS)
    folder = write_rules(home, lens("validation")).parent
    home.up()
    assert named(home) == "validation"
    home.end()
    away = folder.rename(folder.with_suffix(".away"))
    gone = f"{folder} is gone: without it none of your rules would be left"
    for words in (["add", "x", "--category", "transient", "--text", "no x"], ["edit"]):
        changed = home.fnr("rules", *words)
        assert (changed.returncode, f"{folder} is gone: nothing was written" in changed.stderr) == (
            78, True,
        )  # fmt: skip
    assert not folder.exists()
    for words in (["list", "--own"], ["show", "cuda/gpu-memory"], ["test", "no lens"]):
        told = home.fnr("rules", *words)
        assert (told.returncode, told.stderr.count(gone)) == (0, 1), (words, told.stderr)
    assert gone in home.fnr("status").stdout
    away.rename(folder)
    assert "gone" not in home.fnr("rules", "list", "--own").stderr


def test_an_empty_rules_d_says_that_there_are_to_be_no_rules(home_at: HomeAt) -> None:
    home = home_at(function("bad", "fail") + NO_GUESS)
    file = write_rules(home, lens("validation"))
    home.up()
    assert named(home) == "validation"
    home.end()
    file.unlink()
    home.up()
    assert named(home) == "unknown"
    home.end()
    file.parent.rmdir()
    home.up()
    assert named(home) == "unknown"
    assert home.ask(ask.GetStatus()).problems == []


def test_while_the_rules_are_read_only_failures_wait_for_them(
    home_at: HomeAt, tmp_path: Path
) -> None:
    """Method: the rule file is a pipe, so the reader waits until the test writes the rules."""
    began = tmp_path / "began"
    os.mkfifo(began)
    # For reading and writing, so that a second attempt is not kept waiting by it.
    bell = os.open(began, os.O_RDWR)
    home = home_at(function("bad", "fail") + function("echo", "echo") + NO_GUESS)
    pipe = Path(home.paths.rules_dir) / "studio.toml"
    pipe.parent.mkdir()
    os.mkfifo(pipe)
    home.up()
    failed = submit(home, "bad", {**BAD, "began": str(began)})
    assert os.read(bell, 64)
    assert end_of(home, submit(home, "echo")).task.state is TaskState.DONE
    assert home.ask(ask.GetTask(task_id=failed)).task.state is TaskState.RUNNING
    pipe.write_text(lens("validation"))
    end = end_of(home, failed)
    assert (end.task.state, end.category) == (TaskState.DEAD, "validation")
    os.close(bell)


def test_a_rules_own_numbers_and_place_are_obeyed(home_at: HomeAt) -> None:
    home = home_at(function("bad", "fail") + NO_GUESS)
    file = write_rules(home, lens("transient", "max_retries = 1"))
    home.up()
    end = end_of(home, submit(home, "bad", BAD))
    assert (end.task.state, end.task.attempts) == (TaskState.DEAD, 2)
    [error, _] = home.ask(ask.GetTask(task_id=end.task.task_id)).errors
    assert error.classification.where == f"{file}:1"
    [span] = error.classification.spans
    assert error.evidence.message[span.start : span.end] == "no lens"


def test_a_worker_that_met_an_error_it_cannot_survive_is_not_used_again(home_at: HomeAt) -> None:
    home = home_at(function("bad", "fail") + NO_GUESS)
    write_rules(home, lens("validation", "recycle_worker = true"))
    home.up()
    ids = [submit(home, "bad", BAD) for _ in range(3)]
    tasks = [end_of(home, task_id).task for task_id in ids]
    used = [home.ask(ask.GetTask(task_id=task.task_id)).attempts[-1].worker_id for task in tasks]
    assert len(set(used)) == 3
    assert {task.attempts for task in tasks} == {1}
