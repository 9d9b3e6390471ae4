"""What a process uses: counted from where it should be, in the units it says."""

from __future__ import annotations

import signal
import subprocess
import sys

from fnr.host import own_use


def test_cpu_time_and_peak_memory_only_grow() -> None:
    cpu_ns, peak_mib = own_use.cpu_ns(), own_use.peak_mib()
    block = bytearray((peak_mib + 64) << 20)
    block[::4096] = b"x" * len(block[::4096])
    assert own_use.cpu_ns() > cpu_ns
    assert own_use.peak_mib() >= peak_mib + 32


def test_the_limit_counts_from_here() -> None:
    """Two seconds used before do not count; the third of one allowed ends the process."""
    script = (
        "import time\n"
        "from fnr.host.own_use import cpu_ns, limit_cpu_from_here\n"
        "def burn_ms(ms):\n"
        "    end = cpu_ns() + ms * 1_000_000\n"
        "    while cpu_ns() < end: pass\n"
        "limit_cpu_from_here(1)\n"
        "burn_ms(700)\n"
        "limit_cpu_from_here(1)\n"
        "burn_ms(700)\n"
        "print('alive', flush=True)\n"
        "burn_ms(10_000)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.stdout == b"alive\n"
    assert done.returncode == -signal.SIGXCPU
