"""Scores of drills, kept as files: one each, the latest so many."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from fnr.host.disk import write_durably
from fnr.policy.chaos_score import Score

KEPT_MAX = 200


def keep(folder: str, score: Score) -> str:
    """Write a score; the path of its file."""
    place = Path(folder)
    place.mkdir(parents=True, mode=0o700, exist_ok=True)
    file = place / f"{score.score_id}.json"
    write_durably(str(file), msgspec.json.encode(score))
    for old in sorted(place.glob("*.json"))[:-KEPT_MAX]:
        old.unlink(missing_ok=True)
    return str(file)


def kept(folder: str) -> list[Score]:
    """Every score, latest first; a file that is none is passed over."""
    found = []
    for file in sorted(Path(folder).glob("*.json"), reverse=True):
        with suppress(OSError, msgspec.MsgspecError):
            found.append(msgspec.json.decode(file.read_bytes(), type=Score))
    return found
