"""`python -m fnr.worker`: started by the daemon, told on standard input what to be."""

from __future__ import annotations

import sys

from fnr.worker.start import main

if __name__ == "__main__":
    sys.exit(main())
