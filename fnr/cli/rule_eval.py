"""`fnr rules eval`: how many labelled errors the rules name rightly."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import typer

from fnr.api.errors import BadData
from fnr.cli.config import checked_settings
from fnr.cli.given_file import opened
from fnr.cli.here import here
from fnr.cli.render import show_one
from fnr.cli.rule_drop_ins import loaded_rules
from fnr.cli.rule_model import text_model_here
from fnr.cli.terminal import RED, one_line, painted
from fnr.policy.classify import classify
from fnr.policy.labelled import KEYS, SCHEMA, BadRecordError, EvalReport, evaluate, meant_by
from fnr.policy.rules import Category

WRONG_SHOWN = 20


def evaluate_file(
    file: Annotated[
        str, typer.Argument(metavar="FILE.jsonl|-", help="Labelled errors, one JSON object a line.")
    ],
    *,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", "-n", metavar="N", min=0, help="Show so many wrong ones; 0 is all."
        ),
    ] = WRONG_SHOWN,
    no_model: Annotated[
        bool, typer.Option("--no-model", help="Rules only, without the text model.")
    ] = False,
) -> None:
    """Measure the rules on errors whose category is known; unknown counts as wrong.

    A line has exception_type, message, traceback, exit_code, signal, http_status and category.
    Dangerous is validation or permanent that was taken for transient or resource.
    """
    loaded = loaded_rules()
    model = None if no_model else text_model_here(checked_settings().settings)
    try:
        report = evaluate(
            _records(file), lambda evidence: classify(evidence, loaded.rule_set, model)
        )
    except BadRecordError as error:
        raise BadData(f"{file} has a line that cannot be used", why=str(error)) from error
    show_one(
        SCHEMA,
        report,
        lambda: "\n".join(_page(report, limit)) + "\n",
        name=f"{report.accuracy:.4f}",
    )


def _records(name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    told: set[str] = set()
    with opened(name) as lines:
        for number, whole_line in enumerate(lines, start=1):
            line = whole_line.removeprefix(BOM_UTF8) if number == 1 else whole_line
            if not line.strip():
                continue
            try:
                record = msgspec.json.decode(line, type=dict[str, Any])
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise BadRecordError(f"line {number}: {error}") from error
            for key in record.keys() - set(KEYS) - told:
                if (meant := meant_by(key)) and meant not in record:
                    told.add(key)
                    here().notice(
                        f"notice: line {number}: {key!r} is not read, did you mean {meant!r}?"
                    )
            yield number, record


def _page(report: EvalReport, limit: int) -> Iterator[str]:
    yield (
        f"{report.correct} of {report.total} right, {report.accuracy:.1%};"
        f" {report.unknown} unknown, {report.dangerous} dangerous"
    )
    shown = [category for category in Category if report.categories[category].total]
    yield ""
    yield f"{'':<12}{'ERRORS':>7}{'RIGHT':>7}{'PRECISION':>11}{'RECALL':>8}   NAMED INSTEAD"
    for category in shown:
        measure = report.categories[category]
        row = report.confusion[category]
        instead = ", ".join(f"{got} {n}" for got, n in row.items() if got != category)
        yield (
            f"{category:<12}{measure.total:>7}{measure.correct:>7}"
            f"{_percent(measure.precision):>11}{_percent(measure.recall):>8}   {instead}"
        ).rstrip()
    wrong = report.wrong[: limit or None]
    if wrong:
        yield ""
    for one in wrong:
        got = painted(one.got, RED, colour=here().colour)
        where = one.id or f"line {one.line}"
        yield f"{one_line(where)}: {one.category} named {got} by {one_line(one.rule)}"
        yield f"    {one_line(one.message)[:160]}"
    if len(report.wrong) > len(wrong):
        yield f"and {len(report.wrong) - len(wrong)} more wrong ones; --limit 0 shows all"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
