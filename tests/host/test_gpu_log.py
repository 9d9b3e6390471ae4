"""What speaks against a GPU is remembered, whatever else the driver says meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fnr.host.gpu_log import GpuLog
from fnr.policy.gpu_words import standing

MANY = 6_000
OTHER, LOST = "0000:18:00", "0000:19:00"
PROGRAM = "31, pid=7, name=python, MMU Fault"
DOUBLE_BIT, CONTAINED = "48, pid=7, DBE", "94, pid=7, Contained"

Say = Callable[..., None]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[GpuLog]:
    (tmp_path / "kmsg").touch()
    log = GpuLog(str(tmp_path / "kmsg"))
    yield log
    log.close()


@pytest.fixture
def say(tmp_path: Path) -> Iterator[Say]:
    moments = itertools.count(1)

    def say(place: str, *texts: str) -> None:
        for text in texts:
            at_us = next(moments)
            file.write(f"4,{at_us},{at_us},-;NVRM: Xid (PCI:{place}): {text}\n")
        file.flush()

    with (tmp_path / "kmsg").open("a") as file:
        yield say


def test_xids_of_failing_programs_do_not_push_out_the_one_that_counts(
    log: GpuLog, say: Say
) -> None:
    """Else a GPU that needs a reset is given work again after so many of them."""
    say(LOST, "79, GPU has fallen off the bus.", *[PROGRAM] * MANY)
    say(OTHER, *[PROGRAM] * MANY)
    assert [*standing(log.words(), {})] == [LOST]
    assert len(log.words()) == 1


def test_a_gpu_that_says_the_same_for_ever_pushes_out_nothing_of_another(
    log: GpuLog, say: Say
) -> None:
    say(LOST, "79, GPU has fallen off the bus.")
    say(OTHER, *["119, Timeout"] * MANY)
    assert standing(log.words(), {}).keys() == {LOST, OTHER}
    assert len(log.words()) < MANY


def test_contained_errors_take_back_no_more_than_themselves(log: GpuLog, say: Say) -> None:
    say(LOST, "62, Internal micro-controller halt", *[DOUBLE_BIT, CONTAINED] * MANY)
    say(OTHER, DOUBLE_BIT, DOUBLE_BIT, CONTAINED)
    assert [*standing(log.words(), {})] == [LOST]


def test_the_last_word_and_a_driver_that_is_loaded_anew_count(
    log: GpuLog, say: Say, tmp_path: Path
) -> None:
    changed = "154, GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)"
    say(LOST, "119, Timeout", changed)
    say(OTHER, "119, Timeout")
    assert [*standing(log.words(), {})] == [OTHER]
    with (tmp_path / "kmsg").open("a") as file:
        file.write("4,9,9,-;NVRM: loading NVIDIA UNIX x86_64 Kernel Module  580.65.06\n")
    assert log.words() == []
