"""What a client is made of: whom it asks and with what patience. It goes along when it is pickled.

Its connections do not: whoever has the copy makes connections of its own when it first asks, as a
pool of processes does.
"""

from __future__ import annotations

import os
from typing import Any, ClassVar

from fnr.client.specs import Duration, home_paths, milliseconds
from fnr.host.clock import Clock


class Portable:
    """The part that both clients share. of_thread: what each thread has for itself."""

    _of_thread: ClassVar[type[Any]]

    def __init__(
        self,
        home: str | os.PathLike[str] | None = None,
        *,
        timeout: Duration = "10s",
        reconnect: Duration = "10s",
    ) -> None:
        """home: as --home. timeout: of an answer. reconnect: patience with a daemon restart."""
        self.paths = home_paths(home)
        self._timeout_ms = milliseconds(timeout, what="timeout")
        self._patience_ms = milliseconds(reconnect, what="reconnect")
        self._clock = Clock()
        self._mine = self._of_thread()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_mine"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._mine = self._of_thread()
