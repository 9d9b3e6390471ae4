"""Makes fnr/rulepacks/index.bin from the rule packs: `python tools/make_rule_index.py`.

Reading the packs and finding out what their expressions cannot match without takes seconds, so it
is done here; a test says when the file is not of today. Which words are too common to find a rule
by is learnt from the examples in the packs and from those of the text model.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from fnr.config.rule_files import INDEX_FILE, PACKS_DIR, read_packs
from fnr.policy.rule_filing import build_index
from fnr.policy.rule_index import dump_index
from fnr.policy.rules import Rule

EXAMPLES = Path(__file__).parent / "model" / "examples"


def index_bytes() -> bytes:
    """What the file has to be."""
    rules = read_packs()
    return dump_index(build_index(rules, seen=_texts(rules)))


def main() -> int:
    """Write the file."""
    target = PACKS_DIR / INDEX_FILE
    target.write_bytes(index_bytes())
    print(f"{target.name}: {target.stat().st_size} bytes")
    return 0


def _texts(rules: Iterable[Rule]) -> Iterator[str]:
    for rule in rules:
        for test in rule.tests:
            yield "\n".join((test.message, test.stderr, test.traceback))
    for path in sorted(EXAMPLES.glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            record = json.loads(line)
            yield "\n".join(filter(None, map(record.get, ("message", "traceback"))))


if __name__ == "__main__":
    sys.exit(main())
