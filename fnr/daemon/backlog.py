"""What clients have not taken of what they were told: together no more than the host can spare."""

from __future__ import annotations

from typing import Protocol

from fnr.daemon.parts import log


class Peer(Protocol):
    """Somebody at the other end of a socket."""

    def end(self, why: str) -> None:
        """Cut it off."""


class Backlog:
    """Too much for all: whoever has taken nothing for the longest time is cut."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        # Who took something last stands last.
        self._unsent: dict[Peer, int] = {}

    def grew(self, peer: Peer, unsent_bytes: int) -> None:
        """So much is unsent, after something was said."""
        self._bytes += unsent_bytes - self._unsent.get(peer, 0)
        self._unsent[peer] = unsent_bytes
        while self._bytes > self._bytes_max:
            deaf = next(iter(self._unsent))
            log.warning(
                "a client that does not read is cut",
                extra={"unsent_bytes": self._unsent[deaf], "of_all_bytes": self._bytes},
            )
            deaf.end("does not read, and others need the room")

    def shrank(self, peer: Peer, unsent_bytes: int) -> None:
        """So much is left, after something was taken, or none because it is gone."""
        self._bytes += unsent_bytes - self._unsent.pop(peer, 0)
        if unsent_bytes:
            self._unsent[peer] = unsent_bytes
