"""Hold what fnr says against what others saw: the list of accepted ids, the marks, the objects.

Pure: everything known is in Witnesses, and `prove` only compares.

Done twice: a task that marked the end of its work more than once. Not counted as such are marks of
attempts that failed or were interrupted on record, because the worker died between the mark and
the report: then fnr knows, and we count, that the work was repeated. Stored twice: an object that
the object store took under more than one idempotency key. A put that came again under the same one,
because its answer was lost, stores nothing new and is counted apart.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from fnr.cli.demo.accepted import Role
from fnr.cli.demo.object_store import StoredObject
from fnr.policy.task import AttemptOutcome, TaskState

_ENDED = frozenset({TaskState.DONE, TaskState.DEAD, TaskState.CANCELLED})
# How an attempt may end on record after its mark: a worker that dies takes with it the results of
# the attempts before the last that it had not yet reported.
_UNHEARD = frozenset({AttemptOutcome.FAILED, AttemptOutcome.INTERRUPTED})


class Witnesses(Struct, frozen=True, kw_only=True):
    """Everything known at the end.

    roles:    accepted task id -> what it was for; our own list.
    states:   task id -> state, of every task in fnr's store.
    letters:  ids of the tasks with an open dead letter.
    results:  task id -> result, of done digests and compressions.
    marks:    task id -> tokens of the attempts that marked their work as done.
    outcomes: token -> outcome, of the attempts of tasks with more than one mark.
    objects:  key -> what the object store says of it.
    contents: key -> SHA-256 of the object's content, unpacked; "" if it cannot be unpacked.
    findings: what `fnr db check` found.
    """

    roles: Mapping[str, Role]
    states: Mapping[str, TaskState]
    letters: frozenset[str] = frozenset()
    results: Mapping[str, object] = field(default_factory=dict)
    marks: Mapping[str, list[str]] = field(default_factory=dict)
    outcomes: Mapping[str, AttemptOutcome] = field(default_factory=dict)
    objects: Mapping[str, StoredObject] = field(default_factory=dict)
    contents: Mapping[str, str] = field(default_factory=dict)
    findings: int = 0


class Proof(Struct, frozen=True, kw_only=True):
    """What the comparison found; the first eleven must be empty.

    lost:            accepted, and not in the store, or not ended.
    uninvited:       in the store, and accepted by nobody.
    without_letter:  dead without a dead letter.
    done_twice, stored_twice: see above.
    done_unmarked:   done, and the function did not mark its end.
    not_stored:      uploads done, or files whose upload never was, without an object.
    wrong_objects:   objects whose content is not their source's.
    wrong_results:   results that are not true of their file.
    unplanned_dead:  dead, though nothing is wrong with them.
    unplanned_done:  done, though they cannot be.
    invariants_broken: findings of `fnr db check`.
    """

    lost: list[str]
    uninvited: list[str]
    without_letter: list[str]
    done_twice: list[str]
    stored_twice: list[str]
    done_unmarked: list[str]
    not_stored: list[str]
    wrong_objects: list[str]
    wrong_results: list[str]
    unplanned_dead: list[str]
    unplanned_done: list[str]
    invariants_broken: int
    work_repeated: int
    puts_repeated: int
    objects_compared: int

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, nothing done or stored twice, and everything is explained."""
        return not self.invariants_broken and not any(self.flaws().values())

    def flaws(self) -> dict[str, list[str]]:
        """Every list that must be empty, by its name."""
        return {
            name: value
            for name in self.__struct_fields__
            if isinstance(value := getattr(self, name), list)
        }


def prove(known: Witnesses) -> Proof:
    """Compare all witnesses."""
    repeated, twice = _repeats(known)
    dead = [task_id for task_id, state in known.states.items() if state is TaskState.DEAD]
    return Proof(
        lost=[task_id for task_id in known.roles if known.states.get(task_id) not in _ENDED],
        uninvited=[task_id for task_id in known.states if task_id not in known.roles],
        without_letter=[task_id for task_id in dead if task_id not in known.letters],
        done_twice=twice,
        stored_twice=[key for key, found in known.objects.items() if len(found.versions) > 1],
        done_unmarked=_unmarked(known),
        not_stored=_not_stored(known),
        wrong_objects=_wrong_objects(known),
        wrong_results=_wrong_results(known),
        unplanned_dead=[task_id for task_id in dead if not _may_be_dead(known.roles.get(task_id))],
        unplanned_done=[
            task_id
            for task_id, role in known.roles.items()
            if _may_be_dead(role) and known.states.get(task_id) is TaskState.DONE
        ],
        invariants_broken=known.findings,
        work_repeated=repeated,
        puts_repeated=sum(found.repeats for found in known.objects.values()),
        objects_compared=len(known.contents),
    )


def _may_be_dead(role: Role | None) -> bool:
    return role is not None and role.trouble is not None and not role.trouble.comes_home


def _repeats(known: Witnesses) -> tuple[int, list[str]]:
    """How often work was repeated after a death on record, and the tasks done twice without one."""
    repeated, twice = 0, []
    for task_id, tokens in known.marks.items():
        extra = len(tokens) - 1
        unheard = sum(known.outcomes.get(token) in _UNHEARD for token in set(tokens))
        if extra <= unheard:
            repeated += extra
        else:
            twice.append(task_id)
    return repeated, twice


def _unmarked(known: Witnesses) -> list[str]:
    return [
        task_id
        for task_id, role in known.roles.items()
        if role.function in {"digest", "upload", "patient"}
        and known.states.get(task_id) is TaskState.DONE
        and not known.marks.get(task_id)
    ]


def _not_stored(known: Witnesses) -> list[str]:
    """Keys of files that are nowhere in the object store."""
    keys = {role.source.key for role in known.roles.values() if role.source is not None}
    return sorted(keys - known.objects.keys())


def _wrong_objects(known: Witnesses) -> list[str]:
    truth = {
        role.source.key: role.source.sha256
        for role in known.roles.values()
        if role.source is not None
    }
    return [key for key, sha256 in known.contents.items() if truth.get(key) != sha256]


def _wrong_results(known: Witnesses) -> list[str]:
    """Digests that are not true, and compressions whose file is not what was stored."""
    wrong = []
    for task_id, role in known.roles.items():
        source = role.source
        if source is None or known.states.get(task_id) is not TaskState.DONE:
            continue
        result = known.results.get(task_id)
        if role.function == "digest":
            truth = {"sha256": source.sha256, "bytes": source.size_bytes, "lines": source.lines}
            if result != truth:
                wrong.append(task_id)
        elif role.function == "compress":
            stored = known.objects.get(source.key)
            made = result.get("sha256") if isinstance(result, dict) else None
            if stored is not None and stored.sha256 != made:
                wrong.append(task_id)
    return wrong
