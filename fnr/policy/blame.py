"""Whose fault was it: which of the services that an attempt used does its failure speak against?

In this order, and the first that answers decides:

1. Ends that are nobody's failure (interrupted, cancelled, refused by an open breaker) and errors
   of the task itself (validation, permanent) speak against no service, and for none.
2. The service that the function itself named, by the `with fnr.breaker(NAME):` the exception came
   through. The function's other guarded calls have been judged already, one by one.
3. Of the declared services, each whose `errors` take the rule that named the error. A worker that
   died, or a function that could not be loaded, says nothing of a service unless `errors` names
   its rule on purpose.
"""

from __future__ import annotations

from collections.abc import Callable

from fnr.policy.evidence import Evidence, Phase
from fnr.policy.rules import Category, Classification
from fnr.policy.type_names import fits_name

# An error of the task says nothing of the service it was sent to.
COUNTING_CATEGORIES = frozenset({Category.TRANSIENT, Category.RESOURCE, Category.UNKNOWN})
EXCEPT = "-"


def blamed(
    evidence: Evidence,
    classification: Classification,
    *,
    declared: tuple[str, ...],
    errors_of: Callable[[str], tuple[str, ...]],
) -> tuple[str, ...]:
    """The services that this failure counts against. errors_of: the `errors` of a service."""
    if evidence.refused_by or classification.category not in COUNTING_CATEGORIES:
        return ()
    if evidence.service:
        return (evidence.service,)
    beside = (evidence.worker_died and evidence.killed_by is None) or (
        evidence.phase is Phase.IMPORT
    )
    return tuple(
        name
        for name in declared
        if name not in evidence.guarded
        and takes(errors_of(name), classification.rule, by_name=beside)
    )


def met(evidence: Evidence, declared: tuple[str, ...]) -> str:
    """The service that a failure has met for certain: who uses a single one has met no other."""
    return evidence.service or (declared[0] if len(declared) == 1 else "")


def takes(errors: tuple[str, ...], rule: str, *, by_name: bool = False) -> bool:
    """Do these patterns take the rule? "-pattern" excludes; only exclusions, or none: the rest.

    by_name: only a pattern that says so, not the mere absence of one that does not.
    """
    wanted = [pattern for pattern in errors if not pattern.startswith(EXCEPT)]
    if any(fits_name(pattern[1:], rule) for pattern in errors if pattern.startswith(EXCEPT)):
        return False
    if not wanted:
        return not by_name
    return any(fits_name(pattern, rule) for pattern in wanted)
