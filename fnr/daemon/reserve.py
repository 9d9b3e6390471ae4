"""Room held back on the disk, so that states can still be written on the day it is full."""

from __future__ import annotations

from fnr.api.errors import FnrError, StorageError
from fnr.daemon.parts import Parts
from fnr.host import disk
from fnr.host.limits import words_of_file_size

# Beside the free room, which is in the reason: what fnr itself has taken of the disk.
_MAKE_ROOM = "fnr db stats"


class Reserve:
    """Held while there is room; released when the store meets a full disk.

    Without it no new task is taken: what was accepted must still be brought to its end.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.held = False

    def hold(self) -> None:
        """Take the room, if it is there."""
        wanted_mib = self._parts.settings.store.reserve_mib
        try:
            disk.make_reserve(self._parts.paths.reserve_file, wanted_mib)
        except OSError as error:
            file, wanted_bytes = self._parts.paths.reserve_file, wanted_mib << 20
            why = words_of_file_size(file, more_bytes=wanted_bytes) or error.strerror
            self._parts.problems["reserve"] = (
                f"no room for the reserve of {wanted_mib} MiB ({why}); new tasks are refused"
            )
        else:
            self.held = True
            self._parts.problems.pop("reserve", None)

    def release(self) -> None:
        """Give the room to the store."""
        self.held = False
        disk.release_reserve(self._parts.paths.reserve_file)

    def look(self) -> FnrError | None:
        """Why no new task may come in; costs one statvfs."""
        least_mib = self._parts.settings.daemon.disk_free_min_mib
        folder = self._parts.paths.state_dir
        try:
            free_mib = disk.free_mib(folder)
        except OSError:
            # A sensor that cannot be read is unknown, and unknown is no reason to refuse work.
            return None
        if free_mib < least_mib:
            why = f"{free_mib} MiB free at {folder}, disk_free_min is {least_mib} MiB"
            self._parts.problems["disk"] = f"disk nearly full: {why}; new tasks are refused"
            what = "the disk is nearly full; no new tasks are taken"
            return StorageError(what, why=why, next_step=_MAKE_ROOM)
        self._parts.problems.pop("disk", None)
        if not self.held:
            self.hold()
        if not self.held:
            return StorageError(
                "there is no reserve for a full disk; no new tasks are taken",
                why=self._parts.problems["reserve"],
                next_step=_MAKE_ROOM,
            )
        return None
