"""What is written down of a mistake of ours: people send such a file on, so it tells no secret."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec

from fnr import __version__


def crash_text(argv: Sequence[str], traceback: str) -> str:
    """The versions, the command line and the traceback, without secrets by their shape and name."""
    head = f"fnr {__version__}, Python {sys.version}\n"
    try:
        # Not sooner: RE2 is for crashes alone here, and may be what cannot be loaded.
        from fnr.policy.redaction import Redaction, is_secret_name  # noqa: PLC0415 - see above
    except ImportError:
        return f"{head}{list(argv[:1])!r} (its arguments could not be looked at)\n\n{traceback}"
    words = []
    for word in argv:
        name, sign, _ = word.partition("=")
        words.append(f"{name}=[redacted]" if sign and is_secret_name(name) else word)
    redaction = Redaction()
    plain = [word.encode("utf-8", "backslashreplace").decode() for word in words]
    shown = msgspec.json.decode(redaction.json(msgspec.json.encode(plain)))
    return f"{head}{shown!r}\n\n{redaction.text(traceback)}"
