"""Keep secrets out of the store: configured patterns are blanked before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec.structs import replace

from fnr.config.secrets import secret_values
from fnr.config.settings import Settings
from fnr.policy.evidence import Evidence

BLANK = "[redacted]"


def redactor_for(settings: Settings) -> Redactor:
    """Blanks what [redact] describes: patterns, and the values of secret environment keys."""
    return Redactor((*settings.redact, *map(re.escape, secret_values(settings))))


class Redactor:
    """Blanks every match of the configured patterns in what an attempt left behind."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = [re.compile(pattern) for pattern in patterns]

    def text(self, text: str) -> str:
        """The text without secrets."""
        for pattern in self._patterns:
            text = pattern.sub(BLANK, text)
        return text

    def evidence(self, evidence: Evidence) -> Evidence:
        """The evidence without secrets in message, chain, traceback and tails."""
        if not self._patterns:
            return evidence
        return replace(
            evidence,
            message=self.text(evidence.message),
            kill_reason=self.text(evidence.kill_reason),
            traceback=self.text(evidence.traceback),
            stdout_tail=self.text(evidence.stdout_tail),
            stderr_tail=self.text(evidence.stderr_tail),
            exceptions=tuple(
                replace(fact, message=self.text(fact.message)) for fact in evidence.exceptions
            ),
        )
