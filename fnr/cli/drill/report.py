"""A score as people read it: the figures beside the demands, the faults, and what went wrong."""

from __future__ import annotations

from fnr.cli.columns import in_columns
from fnr.cli.terminal import one_line
from fnr.policy.chaos_score import DEMANDS, Demand, FaultScore, Score, is_demanded, measured, shown

SCHEMA = "fnr.chaos.score/1"
REMARKS_MAX = 20
# Where no terminal breaks them, lines are whole.
WIDTH_ELSEWHERE = 200


def text(score: Score, *, width: int | None = None) -> str:
    """The whole score; width: of the terminal, if it is shown on one."""
    width = width or WIDTH_ELSEWHERE
    head = (
        f"drill {score.score_id}: {score.verdict.upper()}\n"
        f"{score.scenario}, seed {score.seed}, {score.concurrent} cases at once,"
        f" {score.elapsed_ms / 1_000:.1f} s, fnr {score.version}, Python {score.python}"
        f"{', on the running daemon' if score.live else ''}\n"
    )
    parts = [head, _figures(score, width), _faults(score.faults, width)]
    if score.why:
        parts.append("".join(f"- {one_line(line)}\n" for line in score.why))
    if score.remarks:
        more = len(score.remarks) - REMARKS_MAX
        lines = [f"  {one_line(line)}\n" for line in score.remarks[:REMARKS_MAX]]
        lines += [f"  and {more} more: -o json\n"] if more > 0 else []
        parts.append("unlike it should be:\n" + "".join(lines))
    return "\n".join(parts)


def _figures(score: Score, width: int) -> str:
    rows = [_figure(score, demand) for demand in DEMANDS]
    titles = ["FIGURE", "MEASURED", "STORY", "GOAL", ""]
    return _table(titles, rows, right=frozenset({1, 2, 3}), width=width)


def _figure(score: Score, demand: Demand) -> list[str]:
    value = measured(score.figures, demand)
    met = "not measured"
    if value is not None:
        met = "goal" if demand.goal_met(value) else "story" if demand.met(value) else "MISSED"
        if met == "MISSED" and not is_demanded(
            demand, concurrent=score.concurrent, live=score.live
        ):
            met = "not demanded"
    sign = "≥" if demand.at_least else "≤"
    wanted = [f"{sign} {shown(number, demand)}" for number in (demand.story, demand.goal)]
    return [demand.words, shown(value, demand) if value is not None else "-", *wanted, met]


def _faults(faults: list[FaultScore], width: int) -> str:
    rows = [
        [
            one.fault,
            "yes" if one.effect_proven else "NO",
            "yes" if one.reverted else "NO",
            f"{one.recovered}/{one.tasks}" if one.tasks else "",
            one_line(one.effect or one.problem)[:70],
        ]
        for one in faults
    ]
    titles = ["FAULT", "EFFECT", "UNDONE", "DONE", "PROOF"]
    return _table(titles, rows, right=frozenset({3}), width=width)


def _table(titles: list[str], rows: list[list[str]], *, right: frozenset[int], width: int) -> str:
    lines = in_columns(
        titles,
        rows,
        right=right,
        flexible=frozenset({len(titles) - 1}),
        spare=frozenset(),
        width=width,
        paint=lambda _row, _column, words: words,
    )
    return "".join(f"{line}\n" for line in lines)
