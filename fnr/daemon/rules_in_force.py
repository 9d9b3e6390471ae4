"""The rules that name failures: loaded beside the daemon's work, replaced whole by a reload.

Reading the packs takes a second, so the daemon answers before that; a failure that comes sooner
waits for them. A broken rules.d never keeps the daemon from running: the packs alone are in force
then, and the status says so.
"""

from __future__ import annotations

import asyncio
from threading import Lock

from fnr.config.rule_files import LoadedRules, load_rules, read_text_model
from fnr.daemon.parts import Parts, log
from fnr.policy.classify import classify
from fnr.policy.evidence import Evidence
from fnr.policy.rule_file import RuleProblem
from fnr.policy.rules import Classification
from fnr.policy.text_model import TextModel


class RulesInForce:
    """The rules as of the last good load."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._loaded: LoadedRules | None = None
        self._model: TextModel | None = None
        # Both the loop, when a failure comes early, and the loading thread may be first.
        self._lock = Lock()

    def classify(self, evidence: Evidence, *, function: str) -> Classification:
        """Name a failure."""
        rules = self._ready().rule_set
        return classify(evidence, rules, self._model, function=function)

    async def load_in_background(self) -> None:
        """Load what the daemon needs sooner or later, and say what is wrong with it."""
        loaded = await asyncio.to_thread(self._ready)
        self._tell(loaded.problems)

    async def read_again(self) -> LoadedRules:
        """What the files say now; nothing changes yet."""
        return await asyncio.to_thread(load_rules, self._parts.paths)

    def take_over(self, loaded: LoadedRules) -> None:
        """Name failures by these rules from now on."""
        assert not loaded.problems, loaded.problems
        self._loaded = loaded
        self._tell(())

    def _ready(self) -> LoadedRules:
        with self._lock:
            if self._loaded is None:
                self._model = read_text_model()
                self._loaded = load_rules(self._parts.paths)
            return self._loaded

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
