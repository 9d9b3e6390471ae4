"""The file in which the daemon shows every process of the host what its breakers do with a call.

One writer, the daemon; any number of readers, each with one `pread` of a record for a decision. It
is read and not mapped: reading a mapping that somebody has truncated is a SIGBUS, which would kill
a worker with its attempt, and the `pread` costs no more than 0.3 µs.

A record is whole or it is nothing: magic, name, boot id and a checksum must fit. A file that is
truncated, overwritten, of another version or gone therefore never gives a wrong answer, only none;
the daemon writes it anew from what it knows.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b

from msgspec import Struct

from fnr.host.disk import write_all

NAME_BYTES_MAX = 64
RECORDS_MAX = 1_000
# The version is part of the magic: another version is another file.
_MAGIC = b"fnrbrk01"
# All of it stands under the checksum, the spare bytes too.
_RECORD = struct.Struct("<8s64s8sQqBBQ18x")
_CRC = struct.Struct("<I")
RECORD_BYTES = _RECORD.size + _CRC.size
_LISTENS = 1
# A record that is being written is whole again after as many looks.
_LOOKS_MAX = 3


class BreakerRecord(Struct, frozen=True, kw_only=True):
    """What a process has to know of a breaker.

    until_ms: when the state ends by itself, boot clock; 0 when it does not.
    listens:  the daemon wants to hear of successes too, not only of failures.
    call_max_ms: it wants to hear of calls that run for longer; 0 asks nothing.
    """

    name: str
    state: str
    generation: int = 0
    until_ms: int = 0
    listens: bool = False
    call_max_ms: int = 0


# The order is part of the format.
STATES = ("closed", "open", "half_open", "forced_open", "forced_closed", "shadow")


def encode(record: BreakerRecord, boot: bytes) -> bytes:
    """A record as it stands in the file."""
    name = record.name.encode()
    assert 0 < len(name) <= NAME_BYTES_MAX, record.name
    body = _RECORD.pack(
        _MAGIC,
        name,
        boot,
        record.generation,
        record.until_ms,
        STATES.index(record.state),
        _LISTENS if record.listens else 0,
        record.call_max_ms,
    )
    return body + _CRC.pack(zlib.crc32(body))


def decode(raw: bytes, boot: bytes) -> BreakerRecord | None:
    """A record, or None when these bytes are not a whole one of this boot and version."""
    if len(raw) != RECORD_BYTES:
        return None
    body = raw[: _RECORD.size]
    if _CRC.unpack_from(raw, _RECORD.size)[0] != zlib.crc32(body):
        return None
    magic, name, of_boot, generation, until_ms, state, flags, call_max_ms = _RECORD.unpack(body)
    if magic != _MAGIC or of_boot != boot or state >= len(STATES):
        return None
    return BreakerRecord(
        name=name.rstrip(b"\0").decode("utf-8", "replace"),
        state=STATES[state],
        generation=generation,
        until_ms=until_ms,
        listens=bool(flags & _LISTENS),
        call_max_ms=call_max_ms,
    )


def boot_mark(boot_id: str) -> bytes:
    """Eight bytes that tell this boot from others, whose clock said other times."""
    return blake2b(boot_id.encode(), digest_size=8).digest()


def read_records(path: str, boot_id: str) -> list[BreakerRecord]:
    """Every whole record of a file; none when there is no file that can be read."""
    boot = boot_mark(boot_id)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        raw = os.pread(fd, RECORDS_MAX * RECORD_BYTES, 0)
    finally:
        os.close(fd)
    chunks = (raw[at : at + RECORD_BYTES] for at in range(0, len(raw), RECORD_BYTES))
    return [record for chunk in chunks if (record := decode(chunk, boot)) is not None]


class BreakerFile:
    """The daemon's side. Every `publish` also repairs what others have done to the file."""

    def __init__(self, path: str, boot_id: str) -> None:
        self._path = path
        self._boot = boot_mark(boot_id)
        self._fd = -1
        self._names: tuple[str, ...] = ()

    def publish(self, records: Sequence[BreakerRecord]) -> bool:
        """Show these; True when the file had to be made anew. Raises OSError."""
        assert len(records) <= RECORDS_MAX, len(records)
        names = tuple(record.name for record in records)
        image = b"".join(encode(record, self._boot) for record in records)
        if names != self._names or not self._is_ours():
            self._make(image)
            self._names = names
            return True
        old = os.pread(self._fd, len(image) + 1, 0)
        if len(old) != len(image):
            os.ftruncate(self._fd, len(image))
        for at in range(0, len(image), RECORD_BYTES):
            new = image[at : at + RECORD_BYTES]
            if old[at : at + RECORD_BYTES] != new:
                os.pwrite(self._fd, new, at)
        return False

    def close(self) -> None:
        """Write no more; the file stays, because workers go on without the daemon."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _is_ours(self) -> bool:
        """Does the path still lead to the file that we write?"""
        if self._fd < 0:
            return False
        try:
            there = os.stat(self._path)  # noqa: PTH116 - pathlib costs workers 8 ms
        except OSError:
            return False
        ours = os.fstat(self._fd)
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def _make(self, image: bytes) -> None:
        """Put a new file in its place, whole from its first moment, and empty the old one.

        Readers keep the old one open: that it is empty is how they learn that there is another.
        """
        fresh = f"{self._path}.new"
        opened = [os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)]
        try:
            # Workers of other users read it too; whom the folder does not let in cannot.
            os.fchmod(opened[0], 0o644)
            write_all(opened[0], image)
            with suppress(OSError):
                opened.append(os.open(self._path, os.O_RDWR | os.O_CLOEXEC))
            os.rename(fresh, self._path)  # noqa: PTH104 - as above
        except BaseException:
            for each in opened:
                os.close(each)
            raise
        old = [self._fd] if self._fd >= 0 else []
        self._fd, *there = opened
        for each in [*old, *there]:
            with suppress(OSError):
                os.ftruncate(each, 0)
            os.close(each)


class BreakerView:
    """One breaker as another process sees it; any of its threads may look."""

    def __init__(self, path: str, boot_id: str, name: str) -> None:
        self.name = name
        self._path = path
        self._boot = boot_mark(boot_id)
        self._fd = -1
        self._at = 0
        self._raw = b""
        self._record: BreakerRecord | None = None
        self._lock = threading.Lock()

    def look(self) -> BreakerRecord | None:
        """What the daemon says now; None when the file cannot say it."""
        try:
            raw = os.pread(self._fd, RECORD_BYTES, self._at)
        except OSError:
            raw = b""
        if raw == self._raw and raw:
            return self._record
        return self._look_again()

    @property
    def last(self) -> BreakerRecord | None:
        """What was last seen whole."""
        return self._record

    def find_anew(self) -> None:
        """Another daemon writes by now, to another file if ours was removed: ours says the same."""
        with self._lock:
            self._raw = b""
            self.close()

    def close(self) -> None:
        """Look no more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _look_again(self) -> BreakerRecord | None:
        """The record has changed: decode it, or find the file and the record anew."""
        with self._lock:
            if self._fd >= 0:
                for _ in range(_LOOKS_MAX):
                    raw = os.pread(self._fd, RECORD_BYTES, self._at)
                    if self._take(raw):
                        return self._record
            return self._find()

    def _find(self) -> BreakerRecord | None:
        self._raw = b""
        self.close()
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        for self._at in range(0, RECORDS_MAX * RECORD_BYTES, RECORD_BYTES):
            raw = os.pread(self._fd, RECORD_BYTES, self._at)
            if not raw or self._take(raw):
                break
        return self._record if self._raw else None

    def _take(self, raw: bytes) -> bool:
        record = decode(raw, self._boot)
        if record is None or record.name != self.name:
            return False
        self._raw, self._record = raw, record
        return True
