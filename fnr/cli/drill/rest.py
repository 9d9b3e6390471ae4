"""Put to rest what a drill has left on somebody's daemon: its tasks, letters and incidents.

They stay on record, under the drill's id; what has to be looked at by an operator is theirs alone.
"""

from __future__ import annotations

from contextlib import suppress

from fnr.api.errors import FnrError
from fnr.api.incident_requests import ListIncidents, ResolveIncidents
from fnr.api.letter_requests import ResolveLetters
from fnr.client.sdk import Client
from fnr.policy.chaos import CANARY, DRILL_TAG
from fnr.policy.record import PAGE_ITEMS_MAX

REASON = "of a drill that is over"
# Only a drill's tasks have both.
OURS = f"function:{CANARY} tag.{DRILL_TAG}:*"
_BY_DRILL = ("drill", "yes")
UNSEEN = f"function:{CANARY} state:new,regressed"


def put_to_rest(client: Client) -> None:
    """As far as the daemon lets us: one that is away has it done by the next drill."""
    with suppress(FnrError):
        live = [one.task_id for one in client.tasks(f"{OURS} state:queued,waiting,running")]
        client.cancel(*live, reason=REASON)
        _resolve_letters(client)
        _resolve_incidents(client)


def _resolve_letters(client: Client) -> None:
    after: str | None = None
    while True:
        page = client.ask(ResolveLetters(where=OURS, reason=REASON, after=after))
        if (after := page.next) is None:
            return


def _resolve_incidents(client: Client) -> None:
    found = client.ask(ListIncidents(where=UNSEEN, limit=PAGE_ITEMS_MAX))
    ours = [
        one.incident_id
        for one in found.items
        if _BY_DRILL in one.parts and one.functions.keys() <= {CANARY}
    ]
    if ours:
        client.ask(ResolveIncidents(incident_ids=ours, reason=REASON))
