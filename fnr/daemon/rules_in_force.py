"""The rules that name failures: loaded beside the daemon's work, replaced whole by a reload.

Reading them may take a second when rules.d is large, so the daemon answers before that; a failure
that comes sooner waits for them, and nothing else does. A broken rules.d never keeps the daemon
from running: the packs alone are in force then, and the status says so.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import ParamSpec, TypeVar

import msgspec

from fnr.config.gone_file import rules_gone
from fnr.config.rule_files import (
    LoadedRules,
    Stamp,
    load_rules,
    stamp_of,
    with_operator_rules,
)
from fnr.config.settings import Settings
from fnr.config.text_model_file import load_text_model
from fnr.daemon.parts import Parts, log
from fnr.host.memory import release_memory
from fnr.policy.blame import met
from fnr.policy.classify import classify
from fnr.policy.evidence import Evidence
from fnr.policy.in_english import foreign_words
from fnr.policy.rule_file import RuleProblem
from fnr.policy.rule_set import RuleSet
from fnr.policy.rules import Classification
from fnr.policy.text_model import TextModel
from fnr.policy.used_up import no_thread
from fnr.store import own_rules
from fnr.store.connection import StoreBusy, StoreFull, StoreIll

RULES_BEHIND = "rules.d was changed, and is not in force like that: fnr rules reload"
# Work that waits is handed out first, and as long as there is much of it, for a while; a failure
# waits for nobody.
LOAD_AFTER_MS = 2_000
LOAD_AGAIN_MS = 500
LOAD_AT_LAST_MS = 30_000
# What cannot be read now (no file descriptor left, fnr is just being installed) can be soon.
LOAD_FAILED_MS = 1_000
# So many COMMITs between two looks are much work.
BUSY_COMMITS = 50
# Answers remembered, some 3 kB each.
NAMED_MAX = 256
# Reading holds the interpreter; the loop, which needs it after every system call, waits so long for
# each turn. The default of 5 ms would make a task that takes 2 ms take 30.
TURN_S = 0.000_5
_TURN_S_DEFAULT = sys.getswitchinterval()


P = ParamSpec("P")
T = TypeVar("T")


class RulesInForce:
    """The rules as of the last good load."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._rules: RuleSet | None = None
        self._own_digest = ""
        self._stamp: Stamp = ()
        # As the store has it, so that a rules.d that went while no daemon ran is missed.
        self._had_own = False
        self._model: TextModel | None = None
        self._named: dict[bytes, Classification] = {}
        # Both the loop, when a failure comes early, and the loading thread may be first.
        self._lock = Lock()
        # For a moment, where the lock above is held for as long as reading takes.
        self._swap = Lock()
        self._waiting: list[Callable[[], None]] = []
        self._loading = self._closed = False
        self._commits = 0
        self.on_loaded: Callable[[], None] = _nobody_asked

    @property
    def ready(self) -> bool:
        """Can a failure be named at once?"""
        return self._rules is not None

    def when_ready(self, call: Callable[[], None]) -> None:
        """Call back on the loop once failures can be named; reads the rules now if nobody has.

        The thread that reads them may have come to its end since the caller looked.
        """
        self._waiting.append(call)
        self._load_now()

    def classify(self, evidence: Evidence, *, function: str, service: str = "") -> Classification:
        """Name a failure. service: what it met, if that is known."""
        settings = self._parts.last_known(function)
        service = service or met(evidence, settings.services if settings else ())
        rules = self._ready()
        # Where one thing is wrong, task after task dies of it with the same words.
        key = _digest(evidence, function, service)
        named = self._named.get(key)
        if named is None:
            named = classify(evidence, rules, self._model, function=function, service=service)
            if len(self._named) >= NAMED_MAX:
                self._named.clear()
            self._named[key] = named
        return named

    @property
    def known(self) -> dict[str, str]:
        """The rules by name with their categories, if they have been loaded yet."""
        return self._rules.named if self._rules is not None else {}

    async def behind(self) -> str:
        """Does rules.d say what is not in force? "" or a word for operators."""
        if self._rules is None:
            return ""
        try:
            # It may be on a disk that does not answer.
            return await asyncio.to_thread(self._behind)
        except RuntimeError as error:
            if no_thread(error):  # the status has more to say
                return ""
            raise

    def _behind(self) -> str:
        if self.gone:
            return f"{rules_gone(self._parts.paths.rules_dir)}; then fnr rules reload"
        try:
            return RULES_BEHIND if stamp_of(self._parts.paths) != self._stamp else ""
        except OSError:  # nobody can look just now
            return ""

    @property
    def gone(self) -> bool:
        """Were there rule files, and is there no folder for them now?"""
        had = bool(self._stamp) or self._had_own
        return had and not Path(self._parts.paths.rules_dir).exists()

    async def recall(self) -> None:
        """Know whether an earlier daemon has read rule files; before any rule is."""
        self._had_own = await self._parts.store.write(own_rules.had_any)

    async def keep(self) -> None:
        """Let the next daemon know whether there are rule files."""
        any_now = bool(self._stamp) or self.gone
        if any_now != self._had_own:
            with suppress(StoreBusy, StoreFull, StoreIll):
                await self._parts.store.write(lambda tx: own_rules.note(tx, any_now=any_now))
                self._had_own = any_now

    def load_soon(self) -> None:
        """Load what the daemon needs sooner or later, and say what is wrong with it.

        By a timer: a daemon that ends before has nothing to wait for.
        """
        self._parts.store.on_written(self._count_commit)
        self._parts.later(LOAD_AFTER_MS, lambda: self._load_at_rest(LOAD_AFTER_MS))

    def close(self) -> None:
        """The daemon has ended, and its loop turns for some more moments."""
        self._closed = True

    def _count_commit(self) -> None:
        self._commits += 1

    def _load_at_rest(self, waited_ms: int) -> None:
        busy, self._commits = self._commits >= BUSY_COMMITS, 0
        if busy and waited_ms < LOAD_AT_LAST_MS and not self._loading:
            waited_ms += LOAD_AGAIN_MS
            self._parts.later(LOAD_AGAIN_MS, lambda: self._load_at_rest(waited_ms))
        else:
            self._load_now()

    def _load_now(self) -> None:
        if not self._loading:
            self._loading = True
            self._begin_to_load()

    def _begin_to_load(self) -> None:
        if not self._closed:
            self._parts.start(self._load(), what="loading the rules")

    async def _load(self) -> None:
        try:
            await _beside_the_loop(self._ready)
        except Exception as error:  # noqa: BLE001 - whatever it is, failures wait for the rules
            self._not_loaded(error)
            return
        self._call_back()
        self.on_loaded()
        await self.keep()

    def _not_loaded(self, error: Exception) -> None:
        words = f"the rules of fnr cannot be read, and failed attempts wait for them: {error}"
        if self._parts.problems.get("rules") != words:
            log.error(words, exc_info=None if isinstance(error, OSError) else error)
        self._parts.problems["rules"] = words
        self._parts.later(LOAD_FAILED_MS, self._begin_to_load)

    async def read_again(self, settings: Settings) -> tuple[LoadedRules, TextModel | None]:
        """What the files say now; nothing changes yet."""
        model = await asyncio.to_thread(self._read_model, settings)
        return await _beside_the_loop(load_rules, self._parts.paths), model

    def differ(self, loaded: LoadedRules) -> bool:
        """Are the operator's rules others than those in force, if there are any yet?"""
        return self._rules is not None and loaded.own_digest != self._own_digest

    def take_over(self, loaded: LoadedRules, model: TextModel | None) -> None:
        """Name failures by these rules, and below them this model, from now on."""
        assert not loaded.problems, loaded.problems
        with self._swap:
            self._put(loaded, model)
        self._named.clear()
        self._call_back()
        # What only reading needed is more than half of it.
        release_memory()

    def _ready(self) -> RuleSet:
        with self._lock:
            if self._rules is None:
                model = self._read_model(self._parts.settings)
                loaded = self._read_rules()
                foreign_words("")  # what it looks for is made now, and not with the first failure
                with self._swap:
                    # A reload that came meanwhile has read what was written since.
                    if self._rules is None:
                        self._put(loaded, model)
                del loaded
                release_memory()
            assert self._rules is not None
            return self._rules

    def _put(self, loaded: LoadedRules, model: TextModel | None) -> None:
        self._rules, self._model = loaded.rule_set, model
        self._own_digest, self._stamp = loaded.own_digest, loaded.stamp
        self._tell(loaded)

    def _read_rules(self) -> LoadedRules:
        """Whatever happens there are the packs: without rules no failure would ever be settled."""
        try:
            return load_rules(self._parts.paths)
        except OSError:  # the packs could not be read either, and soon both can
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, failures need their names
            log.exception("rules.d could not be read")
            words = f"a mistake of fnr's in reading it: {type(error).__name__}: {error}"
            problem = RuleProblem(where=self._parts.paths.rules_dir, message=words)
            return with_operator_rules((), problems=[problem])

    def _call_back(self) -> None:
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()

    def _read_model(self, settings: Settings) -> TextModel | None:
        """Without its layer, or without the model, fewer errors get a name; work goes on."""
        model, problem = load_text_model(self._parts.paths, settings)
        self._parts.warnings.pop("text model", None)
        if problem:
            self._parts.warnings["text model"] = problem
            log.warning("text model: %s", problem)
        return model

    def _tell(self, loaded: LoadedRules) -> None:
        problems, warnings = self._parts.problems, self._parts.warnings
        for told, found in ((problems, loaded.problems), (warnings, loaded.warnings)):
            told.pop("rules", None)
            if found:
                told["rules"] = f"{_words(found)}; fnr rules check"
        if loaded.problems:
            none = "none of your rules is in force, only those of the packs"
            problems["rules"] = f"{none}: {problems['rules']}"
        elif self.gone:
            log.error("%s is gone, and none of its rules in force", self._parts.paths.rules_dir)
        for problem in loaded.problems:
            log.error("rules.d: %s: %s", problem.where, problem.message)
        for warning in loaded.warnings:
            log.warning("rules.d: %s: %s", warning.where, warning.message)


def _nobody_asked() -> None:
    """Nobody asked to hear of it."""


def _words(found: Sequence[RuleProblem]) -> str:
    first, more = found[0], len(found) - 1
    return f"{first.where}: {first.message}" + (f" (and {more} more)" if more else "")


def _digest(evidence: Evidence, function: str, service: str) -> bytes:
    said = msgspec.msgpack.encode((evidence, function, service))
    return blake2b(said, digest_size=16).digest()


async def _beside_the_loop(work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """Work in a thread that gives the interpreter back often."""
    sys.setswitchinterval(TURN_S)
    try:
        return await asyncio.to_thread(work, *args, **named)
    finally:
        sys.setswitchinterval(_TURN_S_DEFAULT)
