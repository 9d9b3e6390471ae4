"""Look after the store's file itself: check, copy, put back, shrink.

Checking and copying read only and go on beside a running daemon; putting back and shrinking need
the file for themselves, and hold the daemon's lock meanwhile so that none can start.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fnr.api.errors import BadData, PermissionDenied, Refused, StorageError
from fnr.config.paths import Paths
from fnr.host.lock import AlreadyHeld, hold_lock
from fnr.policy.record import Finding
