"""What can be asked about dead letters: to see them, and to put them back, right or to rest."""

from __future__ import annotations

from msgspec import Raw, Struct, field

from fnr.api.question import Changed, Read, Request
from fnr.api.requests import SubmittedMany
from fnr.policy.dead_letter import DeadLetter, KeyTaker
from fnr.policy.record import LetterStat, Page, Preview, TaskDetail
from fnr.policy.replay import ReplayOrder


class ReplayReport(Struct, frozen=True, kw_only=True):
    """What a replay did, or would do. blocked: reason -> how many; examples: reason -> some ids.

    takers: of a dry run, unique key -> the letter that would take it.
    """

    eligible: int
    replayed: int = 0
    blocked: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    functions: dict[str, int] = field(default_factory=dict)
    next: str | None = None
    takers: dict[str, KeyTaker] = field(default_factory=dict)


class LetterFile(Struct, frozen=True, kw_only=True):
    """One line of an export: a dead letter with everything, round-trip exact."""

    schema: str
    letter: DeadLetter
    detail: TaskDetail


class ListLetters(Read[Page[DeadLetter]], frozen=True, kw_only=True, tag=str):
    """Dead letters, newest first; open ones unless `where` names a letter state."""

    where: str = ""
    after: str | None = None
    limit: int = 50
    backwards: bool = False


class GetLetterStats(Read[list[LetterStat]], frozen=True, kw_only=True, tag=str):
    """Open dead letters by function, category and cause."""

    where: str = ""


class ExportLetters(Read[Page[LetterFile]], frozen=True, kw_only=True, tag=str):
    """A page of dead letters with all their details."""

    where: str = ""
    after: str | None = None
    limit: int = 50


class ReplayLetters(Request[ReplayReport], frozen=True, kw_only=True, tag=str):
    """Put dead letters back in one transaction of at most `limit`; dry_run only reports.

    Exactly one of task_ids and where ("" with all=True means every open letter) is used; `next`
    in the report goes into `after` for the following chunk. order: of the replay that a dry run
    is about; whoever goes first takes a unique key that others share.
    """

    task_ids: list[str] = field(default_factory=list)
    where: str = ""
    all: bool = False
    dry_run: bool = False
    order: ReplayOrder = ReplayOrder.OLDEST
    after: str | None = None
    limit: int = 500


class EditLetter(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Give a dead letter's task a new input; the original is kept as revision 1.

    revision: of the input that was edited; refused when there is a later one. None: whatever it is.
    """

    task_id: str
    input: Raw
    revision: int | None = None


class ResolveLetters(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Put letters to rest without a replay; of a filter's letters `limit`, then go on `after`."""

    task_ids: list[str] = field(default_factory=list)
    where: str = ""
    reason: str = ""
    after: str | None = None
    limit: int = 500


class PurgeLetters(Request[Changed], frozen=True, kw_only=True, tag=str):
    """Delete resolved letters, `open` too if it says so; of a filter's `limit`, then `after`."""

    task_ids: list[str] = field(default_factory=list)
    where: str = ""
    open: bool = False
    after: str | None = None
    limit: int = 500


class PreviewPurge(Read[Preview], frozen=True, kw_only=True, tag=str):
    """What the PurgeLetters of the same fields would delete now, and what it would not."""

    task_ids: list[str] = field(default_factory=list)
    where: str = ""
    open: bool = False
    after: str | None = None
    limit: int = 500


class PreviewResolve(Read[Preview], frozen=True, kw_only=True, tag=str):
    """What the ResolveLetters of the same fields would put to rest now, and what it would not."""

    task_ids: list[str] = field(default_factory=list)
    where: str = ""
    after: str | None = None
    limit: int = 500


class ImportLetters(Request[SubmittedMany], frozen=True, kw_only=True, tag=str):
    """Take over exported letters under their own ids; existing ids are refused, not overwritten."""

    items: list[Raw]
