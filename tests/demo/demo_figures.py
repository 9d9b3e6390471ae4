"""Figures of a small run of the demo in which everything went well."""

from __future__ import annotations

from fnr.cli.demo.proof import Proof
from fnr.cli.demo.recoveries import Recoveries
from fnr.cli.demo.report import DeadRow, Figures, Recovered

PROOF = Proof(
    lost=[],
    uninvited=[],
    without_letter=[],
    done_twice=[],
    stored_twice=[],
    done_unmarked=[],
    not_stored=[],
    wrong_objects=[],
    wrong_results=[],
    unplanned_dead=[],
    unplanned_done=[],
    invariants_broken=0,
    work_repeated=0,
    puts_repeated=4,
    objects_compared=10,
)
UPLOAD = DeadRow(function="upload", category="permanent", cause="permanent", why="403", count=3)
CRASH = DeadRow(
    function="crash", category="unknown", cause="poison", why="SIGSEGV", count=1, trouble="crash"
)
FIGURES = Figures(
    ok=True,
    python="3.11.7",
    folder="/lib/python",
    files=10,
    files_found=700,
    files_left_out=0,
    source_bytes=2_097_152,
    seed=1,
    elapsed_ms=9_600,
    accepted=39,
    refused=["path: must be text"],
    done_before=31,
    done=32,
    dead=7,
    cancelled=0,
    recovered=[
        Recovered(category="transient", rule="network", count=4),
        Recovered(category="resource", rule="disk-full", count=2),
    ],
    recoveries=Recoveries(waited=1, smaller=1, undone=1, opened=2, closed=2),
    dead_before=[UPLOAD, CRASH],
    dead_after=[CRASH],
    replayed=3,
    came_home=3,
    workers_killed=3,
    daemons_killed=1,
    faults={"answer lost": 5},
    requests=30,
    objects_stored=10,
    proof=PROOF,
)
