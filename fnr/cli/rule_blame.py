"""The service that an error has met, as the daemon knows it when it names one."""

from __future__ import annotations

from fnr.config.settings import Settings
from fnr.policy.blame import met
from fnr.policy.evidence import Evidence


def service_met(evidence: Evidence, function: str, settings: Settings) -> str:
    """By what the error says of it, else by what fnr.toml says of its function."""
    declared = settings.functions.get(function)
    return met(evidence, declared.services if declared is not None else ())
