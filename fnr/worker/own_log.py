"""The worker's log file, as the worker itself uses it: how long it is, its last words, its limit.

It is reached through standard error, which the daemon opened for us: we may run as a user who
cannot open the file by its name.
"""

from __future__ import annotations

import os
from contextlib import suppress

from fnr.api.frames import WorkerSpec
from fnr.host.bookmark import first_bookmark
from fnr.host.disk import write_all
from fnr.host.worker_log import name_of, read_span, trim, whole_blocks
from fnr.policy.evidence import TAIL_BYTES_MAX
from fnr.worker.foreign_text import clean


class OwnLog:
    """The log of one worker; spans in it are the output of attempts.

    bytes_max: how much output is kept.
    regained:  the function had closed our descriptor, and with it perhaps others of the worker.
    """

    def __init__(self, spec: WorkerSpec) -> None:
        self.path = spec.log_path
        self.bytes_max = spec.log_bytes_max
        self._trimmed_at = 0
        # A function may close or redirect descriptor 2.
        self._fd = os.dup(2)
        self._name = name_of(self._fd)
        self.regained = False
        self._file = os.fstat(self._fd)
        self._end = self._file.st_size
        self._spool_dir = spec.spool_dir
        # On a file system that tells two files where there is one, it would begin for ever.
        self._may_vanish = self._stands(self._file)

    def size(self) -> int:
        """Where the next output will stand."""
        end, held = self._end, self._held()
        if self._may_vanish and not self._stands(held):
            self._begin_anew(held)
            held = os.fstat(self._fd)
        elif held.st_size < end:
            self._go_on_behind(end)
            held = os.fstat(self._fd)
        self._end = max(self._end, held.st_size)
        return held.st_size

    def keep_streams(self) -> None:
        """Open again what the function has closed of them: its next file would be printed to."""
        for number in (1, 2):
            try:  # twice for each attempt, and `suppress` is five calls
                os.fstat(number)
            except OSError:
                os.dup2(self._fd, number)

    def _held(self) -> os.stat_result:
        """What we write to; whatever else has our number by now is not ours to touch."""
        try:  # twice for each attempt, and `suppress` is five calls
            held = os.fstat(self._fd)
            if os.path.samestat(held, self._file):
                return held
        except OSError:
            pass
        self._fd = self._opened_again()
        self._name = name_of(self._fd)
        self.regained = True
        self.say("the function closed file descriptors of its worker, which is replaced")
        return os.fstat(self._fd)

    def _opened_again(self) -> int:
        for number in (2, 1):
            with suppress(OSError):
                if os.path.samestat(os.fstat(number), self._file):
                    return os.dup(number)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            fd = os.open(self.path, flags, 0o600)
        except OSError:  # closed to the user that we run as; what was done counts all the same
            fd = os.open(os.devnull, flags)
        self._file = os.fstat(fd)
        while fd <= 2:  # what is printed from now on is to be found as well
            fd = os.dup(fd)
        return fd

    def _go_on_behind(self, end: int) -> None:
        """It was emptied to make room: what comes next stands behind what there was."""
        self._end = 0
        with suppress(OSError):
            # Unless the other thread was here first.
            if os.fstat(self._fd).st_size < end:
                os.ftruncate(self._fd, whole_blocks(end))
                self.say("this log was emptied, and goes on here")

    def _stands(self, held: os.stat_result) -> bool:
        """Does the path still lead to what we write to?"""
        try:
            return os.path.samestat(os.stat(self.path), held)  # noqa: PTH116 - pathlib costs 8 ms
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:  # not ours to see
            return True

    def _begin_anew(self, held: os.stat_result) -> None:
        """Somebody has removed the file, or moved it away: go on where people look for it.

        It goes on behind what there was, so that a position in it means the same for ever.
        """
        if not os.path.isdir(self._spool_dir):  # noqa: PTH112 - as above
            return  # nothing comes back of a home that was removed
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120 - as above
            fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        with suppress(OSError):
            if os.fstat(fd).st_size < held.st_size:
                os.ftruncate(fd, whole_blocks(held.st_size))
        for number in (1, 2):
            with suppress(OSError):  # a function may have closed or redirected it
                if os.path.samestat(os.fstat(number), held):
                    os.dup2(fd, number)
        self._file = os.fstat(fd)
        os.dup2(fd, self._fd, inheritable=False)
        os.close(fd)
        self.say("this log was removed or moved away, and goes on here")

    def unread_from(self, start: int) -> int | None:
        """From where on behind start somebody who reads along has not read; None: nobody does."""
        # One byte further than there is: also who has read everything is there.
        end = self.size() + 1
        found = first_bookmark(self._fd, start, end)
        return found if found < end else None

    def write(self, data: bytes) -> None:
        """Append; on a full disk the output is lost, not the attempt."""
        with suppress(OSError):
            self.size()
            write_all(self._fd, data)
            self._end = max(self._end, os.fstat(self._fd).st_size)

    def say(self, text: str) -> None:
        """A line of our own among the function's output."""
        self.write(f"fnr: {text}\n".encode("utf-8", "backslashreplace"))

    def tail(self, start: int, end: int) -> str:
        """The end of a span; "" when the file cannot be read from here."""
        try:
            tail = read_span(self._name, start, end, tail_bytes=TAIL_BYTES_MAX)
        except OSError:
            return ""
        return clean(tail.decode("utf-8", "replace"), TAIL_BYTES_MAX)

    def keep_bounded(self, size_bytes: int | None = None) -> bool:
        """Give old output back to the disk when there is too much; whether it grew much lately.

        size_bytes: what `size` has just said, if somebody has just asked.
        """
        if size_bytes is None:
            size_bytes = self.size()
        # What is kept is at least half the limit, so there is nothing to do before another half.
        full = size_bytes - self._trimmed_at > self.bytes_max // 2
        if full:
            self._trimmed_at = size_bytes
            with suppress(OSError):
                trim(self._name, self.bytes_max)
        return full
