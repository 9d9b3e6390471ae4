"""Before each COMMIT: are the store's files still where they were?"""

from __future__ import annotations

import os
from collections.abc import Callable

from fnr.store.batch import CommitHook
from fnr.store.checkpointer import LOG_BYTES_MAX
from fnr.store.log_file import LogFile
from fnr.store.same_file import FileLost, SameFile

# So many COMMITs share one look at the files themselves: something mounted on one of them is no
# change of its folder.
LOOK_EVERY = 32
# Two changes within one tick of the file system's clock may leave the same time.
TICK_S = 0.1

# Which folders they are, and when something was last made, moved or removed in them.
State = tuple[int, ...]


class CommitGuard:
    """Looks before every COMMIT; then calls the hook it stands before.

    No file can be removed, moved or replaced without a new time of its folder. As long as that
    stays the same the files are not asked for: since Linux 6.13 a file whose times somebody has
    asked for is given new ones by the very next write, and to have these on disk as well makes the
    log's flush take half as long again.

    A log that was cut short is the log that it was. What is added to it would lie behind a hole,
    which the next start takes for its end, and a checkpoint for pages of nothing but zeros.

    clock_s: a monotonic clock.
    """

    def __init__(
        self,
        file: SameFile,
        then: CommitHook | None,
        *,
        log: LogFile,
        clock_s: Callable[[], float],
    ) -> None:
        self._file = file
        self._then = then
        self._clock_s = clock_s
        self._commits = 0
        self._seen: State | None = None
        self._seen_from_s = 0.0
        # As it was when all in it was where it belongs.
        self._known: State | None = None
        self._log = log

    def __call__(self, phase: str) -> None:
        """A COMMIT is about to begin, or has ended. Raises FileLost."""
        if phase == "before":
            self._commits += 1
            now = _state(self._file.folders)
            is_known = now is not None and now == self._known
            if (not is_known or self._commits % LOOK_EVERY == 0) and (lost := self._lost(now)):
                raise FileLost(lost)
            if cut := self._log.cut(LOG_BYTES_MAX):
                raise FileLost(cut)
        if self._then is not None:
            self._then(phase)

    def lost(self) -> str:
        """What is not where it was, in words; "" when all is. The next COMMIT finds the same."""
        return self._lost(_state(self._file.folders)) or self._log.cut(LOG_BYTES_MAX)

    def _lost(self, folders: State | None) -> str:
        """folders: as they were before this look, so that no change falls in between."""
        if folders != self._seen:
            self._seen, self._seen_from_s = folders, self._clock_s()
        lost = self._file.lost()
        settled = self._clock_s() - self._seen_from_s > TICK_S
        self._known = folders if settled and not lost else None
        return lost


def _state(folders: tuple[str, ...]) -> State | None:
    state: State = ()
    for folder in folders:
        try:
            found = os.stat(folder)  # noqa: PTH116 - once a COMMIT, and pathlib is slow
        except OSError:
            return None
        state += found.st_ino, found.st_dev, found.st_mtime_ns
    return state
