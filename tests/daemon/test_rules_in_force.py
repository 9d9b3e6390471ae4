"""When the daemon reads its rules."""

from __future__ import annotations

import errno
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fnr.config.load import load
from fnr.config.paths import find_paths
from fnr.config.rule_files import with_operator_rules
from fnr.daemon import rules_in_force
from fnr.daemon.rules_in_force import BUSY_COMMITS, LOAD_AFTER_MS, LOAD_AT_LAST_MS, RulesInForce
from fnr.policy.evidence import Evidence, ExceptionFact


class Loop:
    """Parts that note what is to be done, and do it when they are told."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.started: list[Coroutine[Any, Any, None]] = []
        self.store = self
        self.problems: dict[str, str] = {}
        self.commit: Callable[[], None] = lambda: None

    def on_written(self, hook: Callable[[], None]) -> None:
        self.commit = hook

    def later(self, delay_ms: float, call: Callable[[], None]) -> None:
        self.timers.append((delay_ms, call))

    def start(self, work: Coroutine[Any, Any, None], *, what: str) -> None:
        assert what == "loading the rules"
        self.started.append(work)


@pytest.fixture
def at_rest(monkeypatch: pytest.MonkeyPatch) -> tuple[Loop, RulesInForce]:
    """Rules that nobody has asked for yet; reading them takes nothing."""

    def read(self: RulesInForce) -> None:
        self._rules = cast("Any", object())

    monkeypatch.setattr(rules_in_force.RulesInForce, "_ready", read)
    loop = Loop()
    return loop, RulesInForce(cast("Any", loop))


async def test_a_daemon_that_ends_before_has_nothing_to_wait_for(
    at_rest: tuple[Loop, RulesInForce],
) -> None:
    """It waited for two seconds, and then read a thousand rules, in order to end."""
    loop, rules = at_rest
    rules.load_soon()
    assert loop.started == []
    [(delay_ms, load)] = loop.timers
    assert delay_ms == LOAD_AFTER_MS
    load()
    [work] = loop.started
    await work
    assert rules.ready


async def test_as_long_as_there_is_much_to_do_they_are_not_read(
    at_rest: tuple[Loop, RulesInForce],
) -> None:
    """Every task of the first seconds waited for a part of it."""
    loop, rules = at_rest
    rules.load_soon()
    while not loop.started:
        _, look = loop.timers[-1]
        for _ in range(BUSY_COMMITS):
            loop.commit()
        look()
    waited_ms = sum(delay_ms for delay_ms, _ in loop.timers)
    assert waited_ms == LOAD_AT_LAST_MS
    for work in loop.started:
        await work
    assert rules.ready


async def test_when_there_is_little_to_do_they_are_read(
    at_rest: tuple[Loop, RulesInForce],
) -> None:
    loop, rules = at_rest
    rules.load_soon()
    for commits in (BUSY_COMMITS, BUSY_COMMITS - 1):
        assert loop.started == []
        for _ in range(commits):
            loop.commit()
        _, look = loop.timers[-1]
        look()
    [work] = loop.started
    await work
    assert rules.ready


async def test_the_first_failure_has_them_read_at_once_and_once(
    at_rest: tuple[Loop, RulesInForce],
) -> None:
    loop, rules = at_rest
    told: list[str] = []
    rules.on_loaded = lambda: told.append("loaded")
    rules.load_soon()
    rules.when_ready(lambda: told.append("first"))
    rules.when_ready(lambda: told.append("second"))
    [(_, load)] = loop.timers
    load()
    [work] = loop.started
    await work
    assert told == ["first", "second", "loaded"]


async def test_who_asks_in_the_moment_in_which_they_are_read_is_called(
    at_rest: tuple[Loop, RulesInForce],
) -> None:
    """The thread that reads them had ended since he looked; what had failed was never settled."""
    loop, rules = at_rest
    told: list[str] = []
    rules.when_ready(lambda: told.append("first"))
    rules._ready()
    rules.when_ready(lambda: told.append("second"))
    [work] = loop.started
    await work
    assert told == ["first", "second"]


async def test_what_could_not_be_read_is_read_again_and_said_meanwhile(
    at_rest: tuple[Loop, RulesInForce], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file could be opened at that moment: failed attempts stayed as running for ever."""
    loop, rules = at_rest
    read = RulesInForce._ready

    def out_of_files(_: RulesInForce) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(RulesInForce, "_ready", out_of_files)
    told: list[str] = []
    rules.when_ready(lambda: told.append("settled"))
    for _ in range(2):
        await loop.started.pop()
        assert "Too many open files" in loop.problems["rules"]
        [(_, again)] = loop.timers
        loop.timers.clear()
        again()
    assert told == []
    monkeypatch.setattr(RulesInForce, "_ready", read)
    await loop.started.pop()
    assert told == ["settled"]


async def test_a_daemon_that_has_ended_reads_no_rules_any_more(
    at_rest: tuple[Loop, RulesInForce],
) -> None:
    """Its log said that the rules cannot be read, with a traceback."""
    loop, rules = at_rest
    rules.load_soon()
    rules.close()
    [(_, load)] = loop.timers
    load()
    assert loop.started == []


def test_a_young_daemon_that_ends_has_read_no_rules(home_at: Any, tmp_path: Path) -> None:
    """What it read would stand among the words for completion."""
    home = home_at("").up()
    assert home.end() == 0
    assert not [*Path(home.folder).rglob("rules")], tmp_path


async def test_whatever_goes_wrong_in_reading_them_there_are_the_packs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else every failed attempt would stay as running, and the status would say nothing."""

    def mistaken(_: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(rules_in_force, "load_rules", mistaken)
    problems: dict[str, str] = {}
    paths = find_paths(home=str(tmp_path))
    parts = SimpleNamespace(
        paths=paths, problems=problems, warnings={}, last_known=lambda _: None,
        settings=load(paths).settings,
    )  # fmt: skip
    rules = RulesInForce(cast("Any", parts))
    evidence = Evidence(exceptions=(ExceptionFact(type="MemoryError"),))
    assert rules.classify(evidence, function="f").category == "resource"
    assert "a mistake of fnr's in reading it: RuntimeError: ours" in problems["rules"]
    assert "only those of the packs" in problems["rules"]


def test_a_reload_while_they_are_read_for_the_first_time_stays_in_force(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What was read before the file was changed took its place, and the status called it old."""
    paths = find_paths(home=str(tmp_path))
    parts = SimpleNamespace(
        paths=paths, problems={}, warnings={}, last_known=lambda _: None,
        settings=load(paths).settings,
    )  # fmt: skip
    rules = RulesInForce(cast("Any", parts))
    before, after = (with_operator_rules((), problems=[]) for _ in range(2))

    def slowly(_: Any) -> Any:
        rules.take_over(after, None)
        return before

    monkeypatch.setattr(rules_in_force, "load_rules", slowly)
    rules.classify(Evidence(message="x"), function="f")
    assert rules._rules is after.rule_set
