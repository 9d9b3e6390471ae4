"""The rules that name failures: loaded beside the daemon's work, replaced whole by a reload.

Reading the packs takes half a second, so the daemon answers before that; a failure that comes
sooner waits for them. A broken rules.d never keeps the daemon from running: the packs alone are in
force then, and the status says so.
"""

from __future__ import annotations

import asyncio
from threading import Lock

from fnr.config.rule_files import LoadedRules, load_rules
from fnr.config.settings import Settings
from fnr.config.text_model_file import load_text_model
from fnr.daemon.parts import Parts, log
from fnr.host.memory import release_memory
from fnr.policy.classify import classify
from fnr.policy.evidence import Evidence
from fnr.policy.rule_file import RuleProblem
from fnr.policy.rule_set import RuleSet
from fnr.policy.rules import Classification
from fnr.policy.text_model import TextModel

# Work that waits is handed out first: reading the rules takes half a second of a processor.
LOAD_AFTER_S = 2


class RulesInForce:
    """The rules as of the last good load."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._rules: RuleSet | None = None
        self._model: TextModel | None = None
        # Both the loop, when a failure comes early, and the loading thread may be first.
        self._lock = Lock()

    def classify(self, evidence: Evidence, *, function: str, service: str = "") -> Classification:
        """Name a failure. service: what it met, if that is known."""
        return classify(evidence, self._ready(), self._model, function=function, service=service)

    async def load_in_background(self) -> None:
        """Load what the daemon needs sooner or later, and say what is wrong with it."""
        await asyncio.sleep(LOAD_AFTER_S)
        await asyncio.to_thread(self._ready)

    async def read_again(self, settings: Settings) -> tuple[LoadedRules, TextModel | None]:
        """What the files say now; nothing changes yet."""
        model = await asyncio.to_thread(self._read_model, settings)
        return await asyncio.to_thread(load_rules, self._parts.paths), model

    def take_over(self, loaded: LoadedRules, model: TextModel | None) -> None:
        """Name failures by these rules, and below them this model, from now on."""
        assert not loaded.problems, loaded.problems
        self._rules, self._model = loaded.rule_set, model
        self._tell(())
        # What only reading needed is more than half of it.
        release_memory()

    def _ready(self) -> RuleSet:
        with self._lock:
            if self._rules is None:
                self._model = self._read_model(self._parts.settings)
                loaded = load_rules(self._parts.paths)
                self._rules = loaded.rule_set
                # Here, and not when the background work is over: a reload may come before that.
                self._tell(loaded.problems)
                del loaded
                release_memory()
            return self._rules

    def _read_model(self, settings: Settings) -> TextModel | None:
        """Without its layer, or without the model, fewer errors get a name; work goes on."""
        model, problem = load_text_model(self._parts.paths, settings)
        if problem:
            log.warning("text model: %s", problem)
        return model

    def _tell(self, problems: tuple[RuleProblem, ...]) -> None:
        if not problems:
            self._parts.problems.pop("rules", None)
            return
        first, more = problems[0], len(problems) - 1
        words = f"{first.where}: {first.message}" + (f" (and {more} more)" if more else "")
        self._parts.problems["rules"] = (
            f"none of your rules is in force, only those of the packs: {words}; fnr rules check"
        )
        for problem in problems:
            log.error("rules.d: %s: %s", problem.where, problem.message)
