"""What a function is told that asks fnr for something that cannot be."""

from __future__ import annotations


class WrongCallError(ValueError):
    """A call of fnr that can never do what it asks: its code is to be mended, no try will help."""
