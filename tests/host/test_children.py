"""Whether any child is left, asked in a process that has only the children of the test."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import os, sys
from fnr.host.children import reap_ended
from fnr.host.process import become_subreaper
become_subreaper()
print(reap_ended())
hold, end = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:  # an orphan soon, and then our child
        os.close(end)
        os.read(hold, 1)
    os._exit(0)
told, tell = os.pipe()
print(reap_ended())
os.close(end)
while reap_ended():
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
print("none left")
"""


def test_an_orphan_counts_until_it_is_reaped() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:3] == ["False", "True", "none left"]
