"""What a failed task has to wait for: as its function declares it, or as its error says."""

from __future__ import annotations

from msgspec.structs import replace

from fnr.config.settings import FunctionSettings
from fnr.daemon.parts import Parts
from fnr.host.disk import free_mib
from fnr.policy.evidence import Evidence
from fnr.policy.needs import Needs, needed
from fnr.policy.rules import Classification, Strategy


def with_need(
    parts: Parts,
    settings: FunctionSettings | None,
    evidence: Evidence,
    classification: Classification,
    gpus: tuple[str, ...] = (),
) -> Evidence:
    """Evidence that says what another try has to wait for, if anything was used up.

    gpus: those that the worker keeps.
    """
    if classification.strategy is not Strategy.QUEUE_AND_WAIT:
        return evidence
    # What it has loaded there stays there, unless it ends.
    stays = len(gpus) == 1 and not (evidence.worker_died or classification.recycle_worker)
    room_mib = parts.settings.daemon.disk_free_min_mib
    text = needed(
        evidence,
        classification,
        settings.needs if settings else Needs(),
        folder=(settings.cwd if settings else None) or _own_disk_if_full(parts, room_mib),
        room_mib=room_mib,
        kept=gpus[0] if stays else "",
        limit_mib=(settings.limits.memory_mib if settings else None) or 0,
    )
    return replace(evidence, wait_for=text)


def _own_disk_if_full(parts: Parts, room_mib: int) -> str:
    """Where the store is, if that is the disk that is full; any other one is not ours to guess."""
    try:
        full = free_mib(parts.paths.state_dir) < room_mib
    except OSError:
        return ""
    return parts.paths.state_dir if full else ""
