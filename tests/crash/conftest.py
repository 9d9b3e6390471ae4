"""Crash tests use the daemon tests' homes."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "daemon"))

from live_home import home_at

__all__ = ["home_at"]
