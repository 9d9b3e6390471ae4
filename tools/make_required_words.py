"""Makes fnr/rulepacks/required_words.bin: `python tools/make_required_words.py`.

Which words each expression of the packs cannot match without takes most of a second to find out, so
it is found out here. What the file does not know is found out when rules are loaded: an old file
costs time, and is never wrong.
"""

from __future__ import annotations

import sys

from fnr.config.rule_files import REQUIRED_FILE, read_packs
from fnr.policy.required_words import dump_required
from fnr.policy.rule_set import RuleSet


def main() -> int:
    """Write the file."""
    REQUIRED_FILE.write_bytes(dump_required(RuleSet(read_packs()).patterns.required))
    print(f"{REQUIRED_FILE.name}: {REQUIRED_FILE.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
