"""Which work of a busy day surely takes the daemon past which named place of its code.

A place is met because its work is done, never because something happens to come by: a death that
does not come is a failure at once. The crowd is there every day, so nobody dies alone.
"""

from __future__ import annotations

import re
from pathlib import Path

import fnr

# In the order of a start. The dead worker of the day before is met again and again until
# "adopted": each of these deaths comes before its burial is committed.
STARTING = (
    "store-opened", "pools-made", "adopt-read", "adopt-alive", "adopt-dead", "adopt-settled",
    "adopted", "listening", "worker-spawned", "worker-adopted", "workers-started",
    "about-to-be-ready",
)  # fmt: skip
ENDING = ("drain-begins", "interrupt-begins", "drained")
CROWD = (
    "hello-heard", "worker-welcomed", "commit-before", "commit-after", "moves-committed", "pruned",
    "woken-in-unit", "incidents-aged-in-unit", "breaker-published",
    "submit-checked", "submit-in-unit", "submit-committed", "submit-answered",
    "batch-checked", "batch-committed",
    "claim-in-unit", "claim-committed", "claim-handed-over",
    "end-heard", "end-in-unit", "end-and-claim-in-unit", "end-committed",
    "end-acknowledged-not-sent", "end-announced",
)  # fmt: skip
WORKED = {
    "invalid": ("effects-taken", "effects-done-not-noted", "effects-noted-in-unit"),
    "retries": ("allocated-in-unit", "released-in-unit"),
    "unloadable": ("unloadable-in-unit",),
    "breakers": ("breaker-moved-in-unit", "handed-over-in-unit", "replay-resumed-in-unit"),
    "checkpoints": ("checkpoint-in-unit", "checkpoint-committed"),
    "expiry": ("expired-in-unit",),
    "cancels": ("cancel-asked", "cancel-committed"),
    "timeouts": (
        "kill-noted", "kill-about-to-ask", "kill-about-to-insist",
        "put-back-in-unit", "put-back-committed",
    ),
    "letters": (
        "edit-in-unit", "replay-in-unit", "replay-committed", "letters-changed-in-unit",
        "import-in-unit",
    ),
    "replays": (
        "replay-added", "replay-ids-committed", "replay-planned-in-unit",
        "replay-planned-committed", "replay-frozen-in-unit", "replay-turn-in-unit",
        "replay-turn-committed", "replay-moved-in-unit",
    ),
    "incidents": ("reclassified-in-unit", "incidents-moved-in-unit"),
    "workers": ("worker-dismissed", "worker-gone", "remains-gathered", "worker-buried"),
    "reload": ("reload-compared", "reload-applied"),
}  # fmt: skip
WORK_OF = {place: work for work, places in WORKED.items() for place in places}
PLACES = (*STARTING, *CROWD, *WORK_OF, *ENDING)

# Places that take a GPU or a second of waiting to come to, and the test that dies there.
DIED_AT_ELSEWHERE = frozenset(
    {
        "alert-sent-not-noted",  # daemon/test_alerting_live
        "condition-in-unit", "condition-woken",  # daemon/test_conditions_live
        "seat-committed", "seat-in-unit",  # daemon/test_gpus_live
    }
)  # fmt: skip


def named_places() -> list[str]:
    """Every failpoint that the daemon's code names and no test of its own dies at."""
    daemon = Path(fnr.__file__).parent / "daemon"
    found = {
        name
        for file in daemon.glob("*.py")
        if not file.name.startswith("undo")
        for name in re.findall(r'failpoint\("([a-z-]+)"\)', file.read_text())
    }
    assert found >= DIED_AT_ELSEWHERE
    return sorted((found - DIED_AT_ELSEWHERE) | {"commit-before", "commit-after"})
