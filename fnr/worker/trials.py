"""The trials of half-open breakers that this worker runs: one lease each, held by this process."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fnr.host.breaker_lease import TrialLeases


class Trials:
    """own: services that the running attempt is the trial of."""

    def __init__(self, path: str, fd: int = -1) -> None:
        self.own: frozenset[str] = frozenset()
        self._path = path
        self._fd = fd
        self._leases: TrialLeases | None = None

    def begin(self, services: tuple[str, ...]) -> bool:
        """An attempt begins that is the trial of these: have all of their leases, or none."""
        for service in services:
            if not self.take(service):
                self.end()
                return False
        self.own = frozenset(services)
        return True

    def take(self, service: str) -> bool:
        """Have one lease; True as well when no lease can be had of the file at all."""
        if self._leases is None:
            from fnr.host.breaker_lease import TrialLeases  # noqa: PLC0415 - 4 MiB that few workers need

            self._leases = TrialLeases(self._path, self._fd)
        try:
            return self._leases.take(service)
        except OSError:
            return True

    def release(self, service: str) -> None:
        """Give one back."""
        if self._leases is not None:
            with suppress(OSError):
                self._leases.release(service)

    def end(self) -> None:
        """The attempt is over: give back what it had."""
        self.own = frozenset()
        if self._leases is not None:
            with suppress(OSError):
                self._leases.release_all()
