"""The SDK in a plain script: nothing happens, and that is said once."""

from __future__ import annotations

import subprocess
import sys


def test_without_a_worker_everything_is_a_no_op_with_one_warning() -> None:
    script = (
        "import fnr\n"
        "fnr.progress(1, 2, stage='x')\n"
        "print(fnr.cancelled(), fnr.attempt().number, fnr.attempt().key == '')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False 0 True\n"
    assert done.stderr.count("RuntimeWarning") == 1
    assert "fnr.progress() does nothing here" in done.stderr
    assert done.stderr.startswith("<string>:2:")  # where the caller is, not where we are
