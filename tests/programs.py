"""Programs that some tests need and that a machine may lack: skipped with the reason, or failed."""

from __future__ import annotations

import os
import shutil

import pytest

# .ci/run installs them all and sets this, so that there no test is left out silently.
ALL_THERE = "TESTS_HAVE_ALL_PROGRAMS"


def needs(*names: str) -> None:
    """At least one of these must be installed."""
    if any(map(shutil.which, names)):
        return
    why = f"not installed: {' or '.join(names)}"
    if os.environ.get(ALL_THERE):
        pytest.fail(f"{ALL_THERE} is set, but {why}")
    pytest.skip(why)
