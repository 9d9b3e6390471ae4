"""Fixtures for tests with a real daemon."""

from __future__ import annotations

from live_home import home_at

__all__ = ["home_at"]
