"""Put to rest what a drill has left on somebody's daemon: its tasks, letters and incidents.

They stay on record, under the drill's id; what has to be looked at by an operator is theirs alone.
"""

from __future__ import annotations

from contextlib import suppress

from fnr.api.errors import FnrError
from fnr.api.incident_requests import ListIncidents, ResolveIncidents
from fnr.api.letter_requests import ResolveLetters
from fnr.client.sdk import Client
from fnr.policy.chaos import BY_DRILL, CANARY, LEFT_BY_DRILLS, REST_REASON, UNSEEN_OF_DRILLS
from fnr.policy.record import PAGE_ITEMS_MAX


def put_to_rest(client: Client) -> None:
    """As far as the daemon lets us: one that is away does it when it starts."""
    with suppress(FnrError):
        live = [
            one.task_id for one in client.tasks(f"{LEFT_BY_DRILLS} state:queued,waiting,running")
        ]
        client.cancel(*live, reason=REST_REASON)
        _resolve_letters(client)
        _resolve_incidents(client)


def _resolve_letters(client: Client) -> None:
    after: str | None = None
    while True:
        page = client.ask(ResolveLetters(where=LEFT_BY_DRILLS, reason=REST_REASON, after=after))
        if (after := page.next) is None:
            return


def _resolve_incidents(client: Client) -> None:
    found = client.ask(ListIncidents(where=UNSEEN_OF_DRILLS, limit=PAGE_ITEMS_MAX))
    ours = [
        one.incident_id
        for one in found.items
        if BY_DRILL in one.parts and one.functions.keys() <= {CANARY}
    ]
    if ours:
        client.ask(ResolveIncidents(incident_ids=ours, reason=REST_REASON))
