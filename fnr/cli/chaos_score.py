"""`fnr chaos score` and `scenarios`: scores that were kept, compared, and what can be played."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec.structs import replace

from fnr.api.errors import NotFound, Refused
from fnr.cli.chaos_drill import SCENARIOS, Scenario
from fnr.cli.drill import report
from fnr.cli.here import here, say
from fnr.cli.render import Column, Listing, show_list, show_one, since
from fnr.cli.terminal import duration, one_line
from fnr.host import score_files
from fnr.policy.chaos_score import Score, regressions

SCORES: Listing[Score] = Listing(
    schema="fnr.chaos.scores/1",
    columns=(
        Column("ID", lambda score: score.score_id),
        Column("VERDICT", lambda score: score.verdict),
        Column("SCENARIO", lambda score: score.scenario),
        Column("SEED", lambda score: score.seed, right=True),
        since("WHEN", lambda score: score.at_ms),
        Column("TOOK", lambda score: duration(score.elapsed_ms), right=True),
        Column("WHY", lambda score: "; ".join(score.why), flexible=True),
    ),
    name=lambda score: score.score_id,
    empty="no scores are kept",
)
PLAYS: Listing[Scenario] = Listing(
    schema="fnr.chaos.scenarios/1",
    columns=(
        Column("SCENARIO", lambda one: one.name),
        Column("AT ONCE", lambda one: one.concurrent, right=True),
        Column("ROUNDS", lambda one: one.rounds, right=True),
        Column("WHAT", lambda one: one.what, flexible=True),
    ),
    name=lambda one: one.name,
    empty="none",
)

SCORES_NAMED = 5


def score(
    score_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Of a score; the latest without it.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="ID", help="An earlier one: exit 1 on any regression."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="List all that are kept.")] = False,
) -> None:
    """Show the score of a drill, or hold it against an earlier one."""
    kept = score_files.kept(f"{here().paths.chaos_dir}/scores")
    if every:
        empty = f"{SCORES.empty}: {here().command} chaos drill"
        show_list(replace(SCORES, empty=empty), kept, total=len(kept))
        return
    found = _find(kept, score_id) if score_id else _latest(kept)
    show_one(
        report.SCHEMA, found, lambda: report.text(found, width=here().room), name=found.score_id
    )
    if against is None:
        return
    before = _find(kept, against)
    if before.score_id == found.score_id:
        raise Refused(
            "a score is not held against itself",
            why="no later one is kept" if found is kept[0] else f"{found.score_id} is both",
            next_step="fnr chaos drill",
        )
    worse = regressions(before, found)
    for line in worse:
        say(f"worse than {before.score_id}: {one_line(line)}")
    if worse:
        raise typer.Exit(1)
    here().notice(f"no worse than {before.score_id}")


def scenarios() -> None:
    """List what `fnr chaos drill` can play."""
    show_list(PLAYS, SCENARIOS.values(), total=len(SCENARIOS))


def _latest(kept: list[Score]) -> Score:
    if not kept:
        raise NotFound("no score is kept", next_step="fnr chaos drill")
    return kept[0]


def _find(kept: list[Score], word: str) -> Score:
    found = [one for one in kept if one.score_id.startswith(word.upper())]
    if not found:
        raise NotFound(f"there is no score {word!r}", next_step="fnr chaos score --all")
    if len(found) > 1:
        ids = ", ".join(one.score_id for one in found[:SCORES_NAMED])
        raise Refused(
            f"several scores have an id that begins with {word!r}: {ids}",
            why="the prefix fits several ids",
            next_step="fnr chaos score --all",
        )
    return found[0]
