"""Keep secrets out of the store: what workers say is blanked before anything of it is written.

A worker from before a reload still has what was secret then: that stays secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from fnr.config.secrets import redaction_of, secret_values
from fnr.config.settings import FunctionSettings, Settings
from fnr.policy.evidence import TAIL_BYTES_MAX, Evidence
from fnr.policy.halves import without_halves

if TYPE_CHECKING:
    from fnr.policy.redaction import Redaction

# A secret that is changed every hour is remembered for as long as a worker may have it.
FORMER_MAX = 1_000


class Redactor:
    """Blanks secrets in what an attempt left behind, as the settings of a load describe them.

    former: values that were secret under earlier settings and stand nowhere any more.
    """

    def __init__(self, settings: Settings, former: Iterable[str] = ()) -> None:
        self._settings = settings
        self.former = tuple(former)[-FORMER_MAX:]

    @cached_property
    def _redaction(self) -> Redaction:
        # Not sooner: until the first failure a daemon needs none of it.
        return redaction_of(self._settings, self.former)

    def under(self, settings: Settings) -> Redactor:
        """One for other settings, that knows what was secret until now."""
        return Redactor(settings).knowing([*self.former, *secret_values(self._settings)])

    def knowing(self, values: Iterable[str]) -> Redactor:
        """One that hides these as well; the latest ones last."""
        known = dict.fromkeys((*self.former, *values))
        now = {*secret_values(self._settings)}
        return Redactor(self._settings, [value for value in known if value not in now])

    def text(self, text: str) -> str:
        """The text without secrets."""
        return self._redaction.text(text) if text else text

    def evidence(self, evidence: Evidence) -> Evidence:
        """The evidence without secrets in message, chain, codes, traceback and tails."""
        return replace(
            evidence,
            message=self._whole(evidence.message),
            kill_reason=self.text(evidence.kill_reason),
            traceback=self._whole(evidence.traceback),
            stdout_tail=self._tail(evidence.stdout_tail),
            stderr_tail=self._tail(evidence.stderr_tail),
            missing=tuple(map(self.text, evidence.missing)),
            exceptions=tuple(
                replace(fact, type=self.text(fact.type), message=self._whole(fact.message))
                for fact in evidence.exceptions
            ),
            codes=tuple(replace(code, value=self.text(code.value)) for code in evidence.codes),
        )

    def result(self, settings: FunctionSettings, raw: bytes) -> bytes:
        """A result; of a command that has none of its own what it printed last, without secrets.

        What a function returns, and what a command is asked for, is data: it stays what it is.
        """
        if settings.in_process or settings.result:
            return raw
        given = msgspec.json.decode(raw)
        tail = given.get("stdout_tail") if isinstance(given, dict) else None
        hidden = self._tail(tail) if isinstance(tail, str) else tail
        return raw if hidden == tail else msgspec.json.encode({**given, "stdout_tail": hidden})

    def _whole(self, text: str) -> str:
        return self.text(without_halves(text))

    def _tail(self, text: str) -> str:
        """The end of an output; if it is as long as one may be, it was longer."""
        is_cut = len(text) >= TAIL_BYTES_MAX or len(text.encode()) >= TAIL_BYTES_MAX
        return self.text(without_halves(text, begins_whole=not is_cut))
