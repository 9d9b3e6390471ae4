"""`fnr rules learn`: teach the text model what people said about errors that no rule named."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from fnr.api.errors import ConfigError, FnrError, NotFound, PermissionDenied, StorageError
from fnr.cli.here import here
from fnr.cli.options import DryRun
from fnr.cli.past_errors import corrections_since
from fnr.cli.render import show_one, write_json
from fnr.cli.rule_drop_ins import take_effect
from fnr.cli.rule_model import text_model_here
from fnr.cli.terminal import one_line
from fnr.config.load import load
from fnr.config.rule_files import read_packs, read_text_model
from fnr.host.disk import write_durably
from fnr.policy.classify import somebody_spoke
from fnr.policy.counted import counted
from fnr.policy.facts import gather
from fnr.policy.local_model import Taught, dump_local, examples_of, lesson_of, teach
from fnr.policy.record import CorrectedError
from fnr.policy.rules import Category
from fnr.policy.text_learning import Lesson
from fnr.policy.text_model import CATEGORIES, TextModel, wording_of

# The latest so many teach; more would take minutes and change little.
LESSONS_MAX = 2_000
MESSAGE_CHARS_MAX = 300
SHOWN_MAX = 20


class Learnt(Struct, frozen=True, kw_only=True):
    """One error that people reclassified: what the model said of it, and says now."""

    error_id: str
    category: Category
    before: Category
    after: Category
    message: str


class LearnReport(Struct, frozen=True, kw_only=True):
    """What was learnt.

    errors: what the model says of the errors it was taught. right_before, right: how many of them
    it names as people did. examples: wordings it was made from, as far as the packs hold them;
    lost, gained: how many of those it now names wrongly, or rightly, and did not before.
    """

    errors: list[Learnt]
    right_before: int
    right: int
    examples: int
    lost: int
    gained: int
    file: str
    written: bool


def learn(
    *,
    reset: Annotated[
        bool, typer.Option("--reset", help="Forget all that was learnt, and learn nothing.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Teach the text model the errors that you reclassified, as a layer above fnr's own model.

    Rules go before the model: it only decides where none fits. What it learns stands in
    learnt-words.json beside rules.d, and counts at once.
    """
    if reset:
        _forget(dry_run=dry_run)
        return
    shipped = read_text_model()
    if shipped is None:
        raise ConfigError("the text model of the package is missing", next_step="install fnr again")
    taught_by = _lessons()
    settings = load(here().paths).settings
    before = text_model_here(settings)
    taught = teach([lesson for _, lesson in taught_by], examples_of(read_packs()), shipped)
    if not dry_run:
        _write(dump_local(taught.layer))
    report = _report(taught_by, before or shipped, taught, written=not dry_run)
    show_one("fnr.rules.learn/1", report, lambda: page(report), name=report.file)
    if not settings.rules.text_model:
        here().notice("notice: [rules] text_model = false in fnr.toml: the model is switched off")
    if not dry_run:
        take_effect()


def page(report: LearnReport) -> str:
    """The report for people."""
    total = len(report.errors)
    right = f"{report.right} (before {report.right_before})"
    lines = [
        f"reclassified errors: {total}; named as you said: {right}",
        f"known examples: {report.examples}; lost: {report.lost}, gained: {report.gained}",
    ]
    moved = [one for one in report.errors if one.before is not one.after]
    for one in moved[:SHOWN_MAX]:
        words = f"{one.before} → {one.after}" + ("" if one.after is one.category else " (!)")
        lines.append(f"  {words:<26}  {one_line(one.message)}")
    if len(moved) > SHOWN_MAX:
        lines.append(f"  and {len(moved) - SHOWN_MAX} more")
    lines.append(f"written to {report.file}" if report.written else "nothing was written")
    return "\n".join(lines) + "\n"


def _lessons() -> list[tuple[CorrectedError, Lesson]]:
    found: list[tuple[CorrectedError, Lesson]] = []
    silent = 0
    for error in corrections_since(0):
        if not somebody_spoke(error.evidence):
            silent += 1
        elif lesson := lesson_of(error.evidence, error.correction.category):
            found.append((error, lesson))
        if len(found) == LESSONS_MAX:
            here().notice(f"notice: the latest {LESSONS_MAX} reclassified errors teach, not all")
            break
    if silent:
        words = f"{counted(silent, 'reclassified error')} said nothing to learn from"
        here().notice(f"notice: {words}: a rule with exit or signal can name what ends so")
    if not found:
        raise _nothing_to_learn(silent=bool(silent))
    return found


def _nothing_to_learn(*, silent: bool) -> NotFound:
    """What was learnt of corrections that were all taken back since goes on deciding."""
    file = here().paths.learnt_file
    kept = Path(file).exists()
    why = ["nobody has reclassified an error"] if not silent else []
    why += [f"what was learnt before is still in {file}"] if kept else []
    teach = f"{here().command} errors reclassify ID --category CATEGORY"
    return NotFound(
        "there is nothing to learn from",
        why="; ".join(why),
        next_step=f"{here().command} rules learn --reset" if kept else teach,
    )


def _report(
    taught_by: list[tuple[CorrectedError, Lesson]],
    before: TextModel,
    taught: Taught,
    *,
    written: bool,
) -> LearnReport:
    errors = [
        Learnt(
            error_id=error.error_id,
            category=CATEGORIES[lesson.category],
            before=_said(before, error),
            after=_said(taught.model, error),
            message=error.evidence.message[:MESSAGE_CHARS_MAX],
        )
        for error, lesson in taught_by
    ]
    return LearnReport(
        errors=errors,
        right_before=sum(one.before is one.category for one in errors),
        right=sum(one.after is one.category for one in errors),
        examples=taught.examples,
        lost=taught.lost,
        gained=taught.gained,
        file=here().paths.learnt_file,
        written=written,
    )


def _said(model: TextModel, error: CorrectedError) -> Category:
    """What it names such an error; with too few words that speak for it, nothing."""
    guess = model.guess(wording_of(gather(error.evidence)))
    return Category.UNKNOWN if guess is None else guess.category


def _forget(*, dry_run: bool) -> None:
    file = Path(here().paths.learnt_file)
    if not file.exists():
        _say_forgotten("nothing was learnt yet", file, removed=False)
        return
    if dry_run:
        _say_forgotten(f"{file} would be removed", file, removed=False)
        return
    try:
        file.unlink()
    except OSError as error:
        raise _not_changed(file, "removed", error) from error
    words = f"{file} is removed: only fnr's own model is left"
    _say_forgotten(words, file, removed=True)
    take_effect()


def _say_forgotten(words: str, file: Path, *, removed: bool) -> None:
    if here().as_json:
        write_json(
            {"schema": "fnr.rules.learn.reset/1", "file": str(file), "removed": removed},
            pretty=here().output == "json",
        )
    else:
        here().notice(words)


def _write(data: bytes) -> None:
    file = Path(here().paths.learnt_file)
    try:
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_durably(str(file), data, mode=0o644)
    except OSError as error:
        raise _not_changed(file, "written", error) from error


def _not_changed(file: Path, verb: str, error: OSError) -> FnrError:
    kind = PermissionDenied if isinstance(error, PermissionError) else StorageError
    return kind(f"{file} cannot be {verb}", why=str(error.strerror))
