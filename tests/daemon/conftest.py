"""Fixtures for tests with a real daemon."""

from __future__ import annotations

from live_home import home_at
from nvml_stub import gpus

__all__ = ["gpus", "home_at"]
