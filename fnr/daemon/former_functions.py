"""What functions were declared as, for what they had begun when they left fnr.toml.

Each start and reload keeps it for the next daemon: who takes a function out of the file may restart
the daemon instead of reloading it. What only starts a worker is left out: it may be secret, and no
attempt is judged by it.
"""

from __future__ import annotations

from contextlib import suppress

import msgspec
from msgspec.structs import replace

from fnr.config.settings import FunctionSettings
from fnr.daemon.parts import Parts
from fnr.store import functions
from fnr.store.connection import StoreBusy, StoreFull, StoreIll, Transaction

_settings = msgspec.json.Decoder(FunctionSettings)


class FormerFunctions:
    """Knows and keeps them; `Parts.last_known` is who asks."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._kept = "{}"

    async def recall(self) -> None:
        """Know what an earlier daemon knew, as far as there is any work of it."""

        def unit(tx: Transaction) -> tuple[str, list[str]]:
            return functions.declared(tx), functions.worked(tx)

        self._kept, worked = await self._parts.store.write(unit)
        known = _read(self._kept)
        self._parts.recalled = {name: known[name] for name in worked if name in known}
        await self.keep()

    async def keep(self) -> None:
        """Let the next daemon know what is declared now, and what was."""
        parts = self._parts
        known = parts.recalled | parts.former | parts.settings.functions
        text = _written(known)
        if text != self._kept:
            with suppress(StoreBusy, StoreFull, StoreIll):
                await parts.store.write(lambda tx: functions.keep_declared(tx, text))
                self._kept = text


def _written(known: dict[str, FunctionSettings]) -> str:
    bare = {name: _bare(settings) for name, settings in known.items()}
    return msgspec.json.encode(bare, order="deterministic").decode()


def _bare(settings: FunctionSettings) -> FunctionSettings:
    return replace(
        settings,
        python="",
        command=(),
        stdin="",
        undo=(),
        undo_within=(),
        env={},
        env_file=None,
        env_from_file={},
        cwd=None,
        disk=None,
    )


def _read(text: str) -> dict[str, FunctionSettings]:
    """What another version has written, as far as this one understands it."""
    found = {}
    with suppress(msgspec.DecodeError):
        for name, raw in msgspec.json.decode(text, type=dict[str, msgspec.Raw]).items():
            with suppress(msgspec.ValidationError):
                found[name] = _settings.decode(raw)
    return found
