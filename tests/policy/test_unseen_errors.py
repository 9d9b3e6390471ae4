"""The errors in benchmarks/errors measure what rules and model do with what they have not seen."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from train_text_model import captured, examples

from fnr.policy.labelled import label_of
from fnr.policy.text_model import CATEGORIES

FILES = sorted((Path(__file__).parents[2] / "benchmarks" / "errors").glob("*.jsonl"))


def words(record: Mapping[str, Any]) -> str:
    """What it says, without what differs between two occurrences."""
    text = record.get("message") or record.get("traceback") or ""
    return re.sub(r"[\W\d_]+", " ", text.lower()).strip()


@pytest.fixture(scope="module")
def learnt() -> set[str]:
    return {words(record) for records in (captured(), examples()) for record in records}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nothing_is_learnt_from_what_is_measured_with(path: Path, learnt: set[str]) -> None:
    records = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert len(records) > 500
    assert all(label_of(record) in CATEGORIES for record in records)
    assert [record for record in records if words(record) in learnt] == []
