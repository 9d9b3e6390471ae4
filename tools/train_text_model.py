"""Makes fnr/rulepacks/text_model.bin: `python tools/train_text_model.py [--check | --fields]`.

Learns from tools/model/examples/*.jsonl, from the tests inside the rule packs and from what
programs printed when they were made to fail (tools/model/captured/*.jsonl, each named alike by who
caused it and by somebody who read nothing but the text). Before that it leaves out one fifth of the
projects at a time and names their errors with what the others taught: from the answers on captured
errors come the printed accuracy, the calibration and the thresholds. The same examples always give
the same model; it takes about five minutes, and --fields seven.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

from msgspec import Struct

from fnr.policy.facts import gather
from fnr.policy.labelled import DANGEROUS_ANSWERS, DANGEROUS_TRUTHS, evidence_of, label_of
from fnr.policy.rules import Category
from fnr.policy.text_features import features, slot
from fnr.policy.text_learning import Learnt, Lesson, learn, model_of
from fnr.policy.text_model import (
    CATEGORIES,
    FEATURES_MAX,
    ModelHeader,
    TextModel,
    dump_model,
    load_model,
)

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "fnr" / "rulepacks" / "text_model.bin"

FOLDS = 5
SHARPNESSES = tuple(0.5 + 0.05 * step for step in range(41))
THRESHOLDS = tuple(0.3 + 0.01 * step for step in range(70))
# A wrong dead letter costs a replay: more often right than wrong is enough. A wrong retry burns
# the time of a GPU.
CONFIDENT_PRECISION = 0.5
RETRY_PRECISION = 0.85
# What programs print is what the model is for, and there is less of it.
CAPTURED_WEIGHT = 2.0
# How far a weight may lie from the committed one: the last bit of exp() differs between machines.
UNITS_APART_MAX = 2


Record = Mapping[str, Any]


class Known(Struct, frozen=True, kw_only=True):
    """An error to learn from. project: whose it is, so that whole projects can be left out."""

    lesson: Lesson
    project: int
    captured: bool = False


class Answer(Struct, frozen=True, kw_only=True):
    """What a model that had never seen the project said of an error, with sharpness 1."""

    right: int
    chances: tuple[float, ...]


class Calibration(Struct, frozen=True, kw_only=True):
    """What turns sums of weights into guesses; see ModelHeader."""

    sharpness: float
    confident_min: float
    retry_min: float


def main() -> int:
    """Train and write; with --check compare with what is committed, exit status 1 if it differs;
    with --fields say how right the model would be in a field that it had learnt nothing of.
    """
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--check", action="store_true")
    options.add_argument("--fields", action="store_true")
    given = options.parse_args()
    errors = known_errors()
    if given.fields:
        print_fields([error.lesson for error in errors])
        return 0
    learnt = learn([error.lesson for error in errors])
    if given.check:
        committed = load_model(TARGET.read_bytes())
        return 0 if _close(_model(learnt, len(errors), committed.header), committed) else 1
    header = _calibrated(unseen_answers(errors))
    TARGET.write_bytes(dump_model(_model(learnt, len(errors), header)))
    print(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size} bytes")
    return 0


def known_errors() -> list[Known]:
    """Every labelled error there is to learn from, in a fixed order."""
    return [
        Known(
            lesson=lesson_of(record, weight=weight),
            project=crc32(str(record["project"]).encode()),
            captured=records is captured,
        )
        for records, weight in ((examples, 1.0), (captured, CAPTURED_WEIGHT))
        for record in records()
    ]


def captured() -> list[Record]:
    """What programs printed when they were made to fail, in a fixed order."""
    return list(_records("captured"))


def examples() -> list[Record]:
    """Every other labelled error, each text once, in a fixed order."""
    found: dict[tuple[Any, ...], Record] = {}
    for record in _records("examples"):
        _add(found, record)
    for path in sorted((ROOT / "fnr" / "rulepacks").glob("*.toml")):
        for rule in tomllib.loads(path.read_text())["rule"]:
            for test in rule.get("test", []):
                # What the input decides is not to be learnt from the words.
                if test.get("input"):
                    continue
                if test.get("matches", True) and (test.get("message") or test.get("exception")):
                    _add(
                        found,
                        {
                            "category": rule["category"],
                            "exception_type": test.get("exception"),
                            "message": test.get("message"),
                            "traceback": test.get("traceback") or test.get("stderr"),
                            "exit_code": test.get("exit"),
                            "signal": test.get("signal"),
                            "http_status": test.get("http"),
                            "project": f"{path.stem}/{rule['name']}",
                        },
                    )
    return list(found.values())


def _records(folder: str) -> Iterator[Record]:
    for path in sorted((ROOT / "tools" / "model" / folder).glob("*.jsonl")):
        yield from map(json.loads, path.read_bytes().splitlines())


def lesson_of(record: Record, *, weight: float = 1.0) -> Lesson:
    """What the model sees of an error, and what it is."""
    found = features(gather(evidence_of(record)))[:FEATURES_MAX]
    return Lesson(
        slots=tuple(slot(feature) for feature in found),
        category=CATEGORIES.index(label_of(record)),
        weight=weight,
    )


def unseen_answers(errors: Sequence[Known]) -> list[Answer]:
    """An answer for every captured error, from models that had not seen its project."""
    answers = []
    for fold in range(FOLDS):
        known = [error.lesson for error in errors if error.project % FOLDS != fold]
        model = model_of(
            learn(known), sharpness=1.0, confident_min=0, retry_min=0, trained_on=len(known)
        )
        answers += [
            Answer(right=error.lesson.category, chances=model.probabilities(error.lesson.slots))
            for error in errors
            if error.captured and error.project % FOLDS == fold
        ]
    return answers


def print_fields(lessons: Sequence[Lesson]) -> None:
    """Each field of the long tail, named by a model that has learnt from everything else."""
    for path in sorted((ROOT / "tools" / "model" / "examples").glob("long-tail-*.jsonl")):
        field = {lesson_of(json.loads(line)) for line in path.read_bytes().splitlines()}
        learnt = learn([lesson for lesson in lessons if lesson not in field])
        model = model_of(learnt, sharpness=1.0, confident_min=0, retry_min=0, trained_on=0)
        right = sum(
            model.likeliest(lesson.slots)[0] is CATEGORIES[lesson.category] for lesson in field
        )
        print(f"{path.stem:24} {len(field):6} errors {right / len(field):6.1%}", flush=True)


def _model(learnt: Learnt, count: int, header: ModelHeader | Calibration) -> TextModel:
    return model_of(
        learnt,
        sharpness=header.sharpness,
        confident_min=header.confident_min,
        retry_min=header.retry_min,
        trained_on=count,
    )


def _calibrated(answers: Sequence[Answer]) -> Calibration:
    sharpness = _sharpness(answers)
    sharpened = [_sharpened(answer, sharpness) for answer in answers]
    print(f"{len(answers)} captured errors, of projects left out:")
    _print_table(sharpened)
    found = Calibration(
        sharpness=sharpness,
        confident_min=_threshold(sharpened, DANGEROUS_TRUTHS, CONFIDENT_PRECISION),
        retry_min=_threshold(sharpened, DANGEROUS_ANSWERS, RETRY_PRECISION),
    )
    print(found)
    return found


def _add(found: dict[tuple[Any, ...], Record], record: Record) -> None:
    if label_of(record) in CATEGORIES:
        key = (record.get("exception_type"), record.get("message"), record.get("traceback"))
        found.setdefault(key, record)


def _sharpened(answer: Answer, sharpness: float) -> Answer:
    powers = [chance**sharpness for chance in answer.chances]
    total = sum(powers)
    return Answer(right=answer.right, chances=tuple(power / total for power in powers))


def _sharpness(answers: Sequence[Answer]) -> float:
    """The one with the smallest mean surprise."""

    def surprise(sharpness: float) -> float:
        sharpened = (_sharpened(answer, sharpness) for answer in answers)
        return -sum(math.log(max(answer.chances[answer.right], 1e-9)) for answer in sharpened)

    return min(SHARPNESSES, key=surprise)


def _threshold(
    answers: Sequence[Answer], wanted: frozenset[Category], precision_min: float
) -> float:
    """The lowest confidence from which on guesses of these categories are right often enough.

    Looked at in a window above each threshold, so that the sure ones do not hide the doubtful; and
    from the top, so that a few lucky ones far down do not count.
    """
    found = THRESHOLDS[-1]
    for low in reversed(THRESHOLDS):
        near = [
            best == answer.right
            for answer in answers
            if low <= max(answer.chances) < low + 0.1
            and CATEGORIES[best := answer.chances.index(max(answer.chances))] in wanted
        ]
        if near and sum(near) < precision_min * len(near):
            break
        found = low
    return round(found, 2)


def _print_table(answers: Sequence[Answer]) -> None:
    print("  confidence   guesses   right")
    for low in (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        held = [
            answer.chances.index(max(answer.chances)) == answer.right
            for answer in answers
            if max(answer.chances) >= low
        ]
        if held:
            print(f"  {low:>10.1f} {len(held):>9} {sum(held) / len(held):>7.1%}")


def _close(one: TextModel, other: TextModel) -> bool:
    if one.header.trained_on != other.header.trained_on:
        print(f"trained on {other.header.trained_on} errors; there are {one.header.trained_on} now")
        return False
    apart = max(
        (
            abs(a - b)
            for number in range(len(one.table))
            if one.table[number] != other.table[number]
            for a, b in zip(one.weights(number), other.weights(number), strict=True)
        ),
        default=0,
    )
    print(f"weights are at most {apart} units apart")
    return apart <= UNITS_APART_MAX


if __name__ == "__main__":
    sys.exit(main())
