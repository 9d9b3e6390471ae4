"""Keep the words that a shell completes in small files, so that TAB starts no Python.

One file a kind, one word a line, behind a tab what it is; read by the scripts in completions/. They
are for people only: a file that cannot be written is not worth a word, and the old one stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from fnr.daemon.parts import Parts, log
from fnr.daemon.reader import Reader
from fnr.daemon.rules_in_force import RulesInForce
from fnr.host.disk import write_whole
from fnr.store.batch import nothing
from fnr.store.connection import StoreBusy, StoreFull, StoreIll
from fnr.store.transaction import Transaction
from fnr.store.words import latest_ids

# A person who submits and presses TAB finds the new id; while changes do not end, each look waits
# twice as long as the one before, so that a busy daemon spends its time otherwise.
SOON_MS = 200
LATE_MS = 6_400
WORDS_MAX = 1_500
WORD_CHARS_MAX = 200

Words = Iterable[tuple[str, str]]


class WordFiles:
    """Looks again a moment after something was written, and rests while nothing is."""

    def __init__(self, parts: Parts, reader: Reader, rules: RulesInForce) -> None:
        self._parts = parts
        self._reader = reader
        self._rules = rules
        self._timer: asyncio.TimerHandle | None = None
        self._writing = False
        self._stale = False
        self._closed = False
        self._wait_ms = SOON_MS
        self._looked_at_ms = 0
        self._written: dict[str, bytes] = {}
        self._turn = asyncio.Lock()

    def start(self) -> None:
        """Write what is known now, and follow the store from here on."""
        with suppress(OSError):
            Path(self._parts.paths.words_dir).mkdir(mode=0o700, exist_ok=True)
        self._parts.store.on_written(self.changed)
        self.changed()

    def changed(self) -> None:
        """Something may have a new name; called after every COMMIT."""
        if self._stale or self._closed:
            return
        self._stale = True
        if not self._writing:
            quiet_ms = self._parts.clock.boot_ms() - self._looked_at_ms
            self._wait_ms = SOON_MS if quiet_ms > LATE_MS else min(self._wait_ms * 2, LATE_MS)
            self._timer = self._parts.later(self._wait_ms, self._look)

    async def close(self) -> None:
        """Write what changed last; for the time when no daemon runs."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        with suppress(StoreBusy, StoreFull, StoreIll):
            # What was posted before, such as the ends of the last workers, is on disk behind this.
            await self._parts.store.write(nothing)
        await self._write()

    def _look(self) -> None:
        self._timer = None
        self._parts.start(self._write(), what="writing the words for completion")

    async def _write(self) -> None:
        async with self._turn:
            await self._write_now()

    async def _write_now(self) -> None:
        self._stale = False
        self._writing = True
        try:
            functions = self._parts.settings.functions
            named = {"functions": [(f.name, f.kind) for f in functions.values() if f.name != "run"]}
            if rules := self._rules.known:
                named["rules"] = list(rules.items())
            await self._reader.read(lambda tx: self._write_all(tx, named))
        except Exception as error:  # noqa: BLE001 - whatever it is, the work itself goes on
            log.debug("words for completion could not be written: %s", error)
        finally:
            self._writing = False
            self._looked_at_ms = self._parts.clock.boot_ms()
            if self._stale and not self._closed:
                self._stale = False
                self.changed()

    def _write_all(self, tx: Transaction, named: dict[str, list[tuple[str, str]]]) -> None:
        """In the reader's thread."""
        folder = self._parts.paths.words_dir
        for kind, words in {**named, **latest_ids(tx)}.items():
            data = as_lines(words)
            if data != self._written.get(kind):
                write_whole(f"{folder}/{kind}", data)
                self._written[kind] = data


def as_lines(words: Words) -> bytes:
    """A word a line; one that would be more than that, or that nobody can type, is left out."""
    lines = [
        f"{word}\t{about}\n"
        for word, about in words
        if 0 < len(word) <= WORD_CHARS_MAX and word[0] != "-" and f"{word}{about}".isprintable()
    ]
    return "".join(lines[:WORDS_MAX]).encode()
