"""Memory that is no longer used goes back to the system."""

from __future__ import annotations

import subprocess
import sys

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


def test_what_was_freed_between_things_that_are_kept_is_given_back() -> None:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    ).stdout.split()
    assert int(said[0]) > 10_000
