"""Adds labelled errors to tools/model/observed.jsonl: `python tools/observe_errors.py FILE.jsonl…`.

The errors that people report to projects teach the text model more than any that are made up, but
their words belong to whoever wrote them. So only hashes of their features are kept, with the
category and a hash of the project: enough to learn from, and not to be read. The input is what
`fnr rules eval` reads, with the field `project`.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
from msgspec import Struct

from fnr.policy.evidence import Evidence, ExceptionFact
from fnr.policy.facts import gather
from fnr.policy.labelled import evidence_of, label_of
from fnr.policy.rules import Category
from fnr.policy.text_features import FEATURE_BITS, features
from fnr.policy.text_model import CATEGORIES, FEATURES_MAX

OBSERVED = Path(__file__).parent / "model" / "observed.jsonl"
# More than the table of weights has, so that it may grow.
HASH_BYTES = 3

_PROBE = Evidence(
    message="Could not connect to 10.0.0.7:5432: Connection refused (errno 111), /data/in.csv",
    exceptions=(ExceptionFact(type="db.OperationalError", message="pool of 3 is exhausted"),),
    traceback='File "a.py", line 3, in run\nOperationalError: pool of 3 is exhausted',
)


class Observed(Struct, frozen=True, kw_only=True):
    """An error without its words. project: a hash. hashes: of its features, HASH_BYTES each."""

    category: Category
    project: int
    hashes: str

    @property
    def slots(self) -> tuple[int, ...]:
        """Where the weights of its features stand."""
        raw = base64.b64decode(self.hashes)
        mask = (1 << FEATURE_BITS) - 1
        return tuple(
            int.from_bytes(raw[at : at + HASH_BYTES], "little") & mask
            for at in range(0, len(raw), HASH_BYTES)
        )


class Head(Struct, frozen=True, kw_only=True):
    """The first line. probe: what a certain error hashes to; features() must still say so."""

    probe: str


def main() -> int:
    """Add what is new; the file is in the order of its hashes, whatever came first."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("files", nargs="+", type=Path)
    known = {one.hashes: one for one in (observed() if OBSERVED.exists() else ())}
    before = len(known)
    for record in _records(options.parse_args().files):
        if label_of(record) in CATEGORIES:
            one = observe(record)
            if one.hashes:
                known.setdefault(one.hashes, one)
    lines = [msgspec.json.encode(Head(probe=probe()))]
    lines += [msgspec.json.encode(known[hashes]) for hashes in sorted(known)]
    OBSERVED.write_bytes(b"\n".join(lines) + b"\n")
    print(f"{len(known) - before} new, {len(known)} in all")
    return 0


def observed() -> list[Observed]:
    """The errors of the file; raises ValueError where features are not what they were."""
    head, *lines = OBSERVED.read_bytes().splitlines()
    if msgspec.json.decode(head, type=Head).probe != probe():
        raise ValueError(f"{OBSERVED.name} was made of other features: it has to be made anew")
    decoder = msgspec.json.Decoder(Observed)
    return list(map(decoder.decode, lines))


def observe(record: Mapping[str, Any]) -> Observed:
    """A labelled error without its words."""
    return Observed(
        category=label_of(record),
        project=crc32(str(record.get("project")).lower().encode()),
        hashes=_hashes(evidence_of(record)),
    )


def probe() -> str:
    """What features() makes of one certain error."""
    return _hashes(_PROBE)


def _hashes(evidence: Evidence) -> str:
    found = features(gather(evidence))[:FEATURES_MAX]
    mask = (1 << (8 * HASH_BYTES)) - 1
    every = (crc32(feature.encode()) & mask for feature in found)
    return base64.b64encode(
        b"".join(number.to_bytes(HASH_BYTES, "little") for number in every)
    ).decode()


def _records(files: Iterable[Path]) -> Iterator[Mapping[str, Any]]:
    for file in files:
        yield from map(json.loads, file.read_bytes().splitlines())


if __name__ == "__main__":
    sys.exit(main())
