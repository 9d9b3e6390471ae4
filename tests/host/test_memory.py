"""Memory that is no longer used goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
from fnr.host.memory import release_memory

def resident_kib():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

kept = []
pieces = [bytes(100_000) for _ in range(500)]
kept = pieces[::50]
del pieces
before = resident_kib()
release_memory()
print(before - resident_kib(), len(kept))
"""


THREADS = """
import sys
import threading
from fnr.host.memory import share_one_arena

if sys.argv[1] == "shared":
    share_one_arena()
together = threading.Barrier(4)

def work():
    kept = [bytes(2_000) for _ in range(100)]
    together.wait()

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with open("/proc/self/maps") as file:
    spans = [line.split()[0].split("-") for line in file if "---p" in line]
print(sum(int(high, 16) - int(low, 16) > 32 << 20 for low, high in spans))
"""


@pytest.mark.parametrize(("how", "own"), [("shared", False), ("each", True)])
def test_threads_take_memory_from_one_place(how: str, own: bool) -> None:
    """Method: an arena of a thread's own is 64 MiB of addresses, most of them for later."""
    words = [sys.executable, "-c", THREADS, how]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert (int(said) > 0) == own


def test_what_was_freed_between_things_that_are_kept_is_given_back() -> None:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    ).stdout.split()
    assert int(said[0]) > 10_000
