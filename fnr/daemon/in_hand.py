"""Attempts whose end, or return, is known and is not on disk yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable


class InHand:
    """Their tokens, and who waits until some of them are on disk."""

    def __init__(self) -> None:
        self._tokens: set[str] = set()
        self._waiting: list[tuple[frozenset[str], Callable[[], None]]] = []

    def __contains__(self, token: str) -> bool:
        return token in self._tokens

    def take(self, tokens: Iterable[str]) -> None:
        """It is known what came of these."""
        self._tokens.update(tokens)

    def let_go(self, tokens: Iterable[str]) -> None:
        """What came of these is on disk."""
        self._tokens.difference_update(tokens)
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for theirs, call in waiting:
                self.when_written(theirs, call)

    def when_written(self, tokens: frozenset[str], call: Callable[[], None]) -> None:
        """Call when none of these is in hand any more; now, if none is."""
        if self._tokens.isdisjoint(tokens):
            call()
        else:
            self._waiting.append((tokens, call))
