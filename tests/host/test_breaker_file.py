"""Whatever happens to the file of the breakers, who reads it gets the truth or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from host_programs import open_descriptors, running
from hypothesis import given
from hypothesis import strategies as st

from fnr.host import breaker_file
from fnr.host.breaker_file import (
    RECORD_BYTES,
    BreakerFile,
    BreakerRecord,
    BreakerView,
    boot_mark,
    decode,
    encode,
    read_records,
)

BOOT = "11111111-2222-3333-4444-555555555555"
RECORDS = st.builds(
    BreakerRecord,
    name=st.from_regex(r"[a-z0-9_-]{1,64}", fullmatch=True),
    state=st.sampled_from(breaker_file.STATES),
    generation=st.integers(0, 2**64 - 1),
    until_ms=st.integers(0, 2**62),
    listens=st.booleans(),
)
STORAGE = BreakerRecord(name="storage", state="closed")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "breakers")


def opened(generation: int = 1) -> BreakerRecord:
    return BreakerRecord(name="storage", state="open", generation=generation, until_ms=60_000)


@given(record=RECORDS)
def test_a_record_comes_back_as_it_was(record: BreakerRecord) -> None:
    raw = encode(record, boot_mark(BOOT))
    assert len(raw) == RECORD_BYTES
    assert decode(raw, boot_mark(BOOT)) == record
    assert decode(raw, boot_mark("another boot")) is None


@given(record=RECORDS, at=st.integers(0, RECORD_BYTES - 1), flip=st.integers(1, 255))
def test_one_changed_byte_makes_it_no_record(record: BreakerRecord, at: int, flip: int) -> None:
    raw = bytearray(encode(record, boot_mark(BOOT)))
    raw[at] ^= flip
    assert decode(bytes(raw), boot_mark(BOOT)) is None


@given(raw=st.binary(max_size=2 * RECORD_BYTES))
def test_garbage_is_no_record(raw: bytes) -> None:
    assert decode(raw, boot_mark(BOOT)) is None


def test_what_is_published_is_seen_at_once(path: str) -> None:
    writer, view = BreakerFile(path, BOOT), BreakerView(path, BOOT, "storage")
    assert view.look() is None
    assert writer.publish([BreakerRecord(name="default", state="closed"), STORAGE])
    assert view.look() == STORAGE
    assert not writer.publish([BreakerRecord(name="default", state="closed"), opened()])
    assert view.look() == opened()
    assert BreakerView(path, BOOT, "nobody").look() is None
    assert [record.name for record in read_records(path, BOOT)] == ["default", "storage"]


def truncate(path: str) -> None:
    os.truncate(path, 0)


def cut(path: str) -> None:
    os.truncate(path, RECORD_BYTES // 2)


def garble(path: str) -> None:
    Path(path).write_bytes(os.urandom(4 * RECORD_BYTES))


def lengthen(path: str) -> None:
    with Path(path).open("ab") as file:
        file.write(os.urandom(RECORD_BYTES))


def other_version(path: str) -> None:
    raw = Path(path).read_bytes()
    Path(path).write_bytes(raw.replace(b"fnrbrk01", b"fnrbrk02"))


def remove(path: str) -> None:
    Path(path).unlink()


def replace_by_older(path: str) -> None:
    copy = Path(f"{path}.copy")
    copy.write_bytes(encode(BreakerRecord(name="storage", state="closed"), boot_mark("old boot")))
    copy.rename(path)


DAMAGES = [truncate, cut, garble, lengthen, other_version, remove, replace_by_older]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_file_tells_nothing_false_and_is_made_whole(
    path: str, damage: Callable[[str], None]
) -> None:
    """An old reader and a new one: neither ever sees the breaker closed while it is open."""
    writer, old = BreakerFile(path, BOOT), BreakerView(path, BOOT, "storage")
    writer.publish([opened()])
    assert old.look() == opened()
    damage(path)
    new = BreakerView(path, BOOT, "storage")
    assert old.look() in {None, opened()}
    assert new.look() in {None, opened()}
    writer.publish([opened(2)])
    assert old.look() == new.look() == opened(2)
    assert read_records(path, BOOT) == [opened(2)]


def test_readers_follow_to_the_file_of_the_next_daemon(path: str) -> None:
    before = open_descriptors()
    first, view = BreakerFile(path, BOOT), BreakerView(path, BOOT, "storage")
    first.publish([opened()])
    assert view.look() == opened()
    first.close()
    assert view.look() == opened(), "without a daemon the last word holds"
    second = BreakerFile(path, BOOT)
    second.publish([STORAGE, opened(7)][1:])
    assert view.look() == opened(7)
    second.close()
    view.close()
    assert open_descriptors() == before


def test_who_holds_a_removed_file_finds_the_one_of_the_next_daemon(path: str) -> None:
    """Nobody can reach the removed one any more, to empty it: it says the same for ever."""
    first, view = BreakerFile(path, BOOT), BreakerView(path, BOOT, "storage")
    first.publish([STORAGE])
    assert view.look() == STORAGE
    first.close()
    Path(path).unlink()
    BreakerFile(path, BOOT).publish([opened()])
    assert view.look() == STORAGE
    view.find_anew()
    assert view.look() == opened()


READER = """
from fnr.host.breaker_file import BreakerView
view = BreakerView(sys.argv[1], sys.argv[2], "storage")
say("ready")
last, seen, torn = 0, 0, 0
while last < int(sys.argv[3]):
    record = view.look()
    if record is None:
        continue
    # The state says whether the generation is odd, and the moment repeats it.
    odd = record.generation % 2
    torn += record.until_ms != record.generation or record.state != ("open" if odd else "closed")
    torn += record.generation < last
    last, seen = record.generation, seen + 1
say(torn)
"""


def test_no_reader_ever_sees_half_of_a_change(path: str) -> None:
    """Method: another process looks without a pause while the record is rewritten."""
    writer, last = BreakerFile(path, BOOT), 20_000
    writer.publish([STORAGE])
    with running(READER, path, BOOT, str(last), fnr=True) as reader:
        assert reader.line() == "ready"
        for number in range(1, last + 1):
            state = "open" if number % 2 else "closed"
            writer.publish(
                [BreakerRecord(name="storage", state=state, generation=number, until_ms=number)]
            )
        assert reader.line() == "0"


def test_a_file_that_cannot_be_put_in_its_place_takes_no_descriptor(tmp_path: Path) -> None:
    """The daemon tries again every second, for as long as the trouble lasts."""
    (tmp_path / "breakers").mkdir()
    writer = BreakerFile(str(tmp_path / "breakers"), BOOT)
    before = open_descriptors()
    with pytest.raises(OSError, match="directory"):
        writer.publish([STORAGE])
    assert open_descriptors() == before
