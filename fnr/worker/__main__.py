"""`python -m fnr.worker`: started by the daemon, told on standard input what to be."""

from __future__ import annotations

import gc
import sys


def run() -> int:
    """Be a worker; the exit code."""
    # What is loaded stays: to look through it for garbage again and again is a tenth of the time.
    gc.disable()
    from fnr.worker.start import main  # noqa: PLC0415 - see above

    gc.freeze()
    gc.enable()
    return main()


if __name__ == "__main__":
    sys.exit(run())
