"""A rule as its file says it."""

from __future__ import annotations

import re
from pathlib import Path

from fnr.config.rule_files import PACKS_DIR

# As TOML takes it, and people indent it.
_HEADER = re.compile(r"\s*\[\[\s*rule\s*\]\]")


def rule_source(where: str, *, operator: bool) -> str:
    """The lines of the file from the rule's header to the next rule's."""
    name, _, number = where.rpartition(":")
    file = Path(name) if operator else PACKS_DIR / name
    try:
        first = int(number) - 1
        # Not splitlines: TOML ends a line at nothing else.
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError):
        return ""
    after = first + 1
    while after < len(lines) and not _HEADER.match(lines[after]):
        after += 1
    kept = lines[first:after]
    # What stands before the next header, after an empty line, is about the next rule.
    while kept and (not kept[-1].strip() or kept[-1].lstrip().startswith("#")):
        kept.pop()
    return "\n".join(kept) + "\n"
