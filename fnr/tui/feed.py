"""What the faces on the screen are fed with: answers and events of the daemon, or the stored state.

One connection for questions and events. It comes back by itself when the daemon does; meanwhile
what the store's file can answer is read from it, so that a dead daemon still shows what it knew.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from fnr.api.chaos_requests import ListDrills
from fnr.api.errors import DaemonDown, FnrError, PermissionDenied
from fnr.api.question import Read, Request
from fnr.api.requests import Event, GetStatus, Watch
from fnr.client.async_link import AsyncLink
from fnr.client.instants import now_ms
from fnr.config.load import load
from fnr.config.paths import Paths
from fnr.config.secrets import redaction_of

if TYPE_CHECKING:
    from fnr.policy.redaction import Redaction

Answer = TypeVar("Answer")

TIMEOUT_MS = 10_000
RETRY_S = 0.3


class Contact(StrEnum):
    """How it stands with the daemon."""

    SEEKING = "seeking"
    LIVE = "live"
    DOWN = "down"
    REFUSED = "refused"


class FeedState(Struct, frozen=True, kw_only=True):
    """The contact, since when, and what stands in its way.

    no_store_at: where nothing is that could be shown instead; "" where something is.
    """

    contact: Contact
    since_ms: int
    error: FnrError | None = None
    no_store_at: str = ""


class Feed:
    """Asks, listens, and comes back; `tell` gets every event, `moved` every change of contact."""

    def __init__(
        self,
        paths: Paths,
        *,
        tell: Callable[[Event], None],
        moved: Callable[[FeedState], None],
    ) -> None:
        self.paths = paths
        self._tell = tell
        self._moved = moved
        self._link: AsyncLink | None = None
        self._known = asyncio.Event()
        # What only fnr.toml calls secret, while it has mistakes: known once something is shown.
        self.shows_secrets = False
        self.secret_names: Sequence[str] = ()
        self.state = FeedState(contact=Contact.SEEKING, since_ms=now_ms())

    @cached_property
    def redaction(self) -> Redaction:
        """Hides secrets in what is shown; read again when the daemon has read fnr.toml again."""
        loaded = load(self.paths)
        self.shows_secrets = bool(loaded.problems)
        self.secret_names = loaded.settings.redact_env_keys
        return redaction_of(loaded.settings)

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            try:
                await self._stay()
            except FnrError as error:
                refused = isinstance(error, PermissionDenied)
                self._enter(Contact.REFUSED if refused else Contact.DOWN, error)
            await asyncio.sleep(RETRY_S)

    async def ask(self, request: Request[Answer]) -> Answer:
        """The answer: the daemon's, or with it away the store's. Raises FnrError."""
        await self._known.wait()
        readable = isinstance(request, Read | GetStatus | ListDrills)
        link = self._link
        if link is not None:
            try:
                return await link.ask(request, timeout_ms=TIMEOUT_MS)
            except DaemonDown:
                if not readable:
                    raise
        elif not readable:
            assert self.state.error is not None, self.state
            raise self.state.error
        return await asyncio.to_thread(_offline, self.paths, request)

    async def _stay(self) -> None:
        link = await AsyncLink.open(self.paths, timeout_ms=TIMEOUT_MS)
        try:
            await link.watch(Watch(), self._heard, timeout_ms=TIMEOUT_MS)
            self._link = link
            self._enter(Contact.LIVE, None)
            await link.ended()
        finally:
            self._link = None
            await link.close()
        raise DaemonDown("the daemon went away", why="its connection was closed")

    def _heard(self, event: Event) -> None:
        if event.kind == "config":
            self.__dict__.pop("redaction", None)
            self.shows_secrets = False
        self._tell(event)

    def _enter(self, contact: Contact, error: FnrError | None) -> None:
        before = self.state
        since_ms = before.since_ms if before.contact is contact else now_ms()
        there = os.path.exists(self.paths.store_file)  # noqa: PTH110 - one that is closed to us is
        self.state = FeedState(
            contact=contact,
            since_ms=since_ms,
            error=error,
            no_store_at="" if there else self.paths.store_file,
        )
        self._known.set()
        if before.contact is not contact:
            self._moved(self.state)


def _offline(paths: Paths, request: Request[Answer]) -> Answer:
    from fnr.client.offline import answer_offline  # noqa: PLC0415 - sqlite3 only when needed

    return answer_offline(paths, request)
