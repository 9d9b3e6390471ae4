"""What a function needs while it runs, and what a task must wait for when that was not there."""

from __future__ import annotations

import re

from msgspec import Struct

from fnr.policy.blame import met
from fnr.policy.condition import (
    PORT_MAX,
    Condition,
    Kind,
    conditions_of,
    size_mib,
    written,
)
from fnr.policy.evidence import Evidence
from fnr.policy.rules import Classification

_TRIED = re.compile(
    r"(?:allocat\w+|requested|needs?) (?P<amount>[0-9.]+ ?[kmgt]i?b)\b", re.IGNORECASE
)
_FULL_AT = re.compile(r"No space left on device[^'\"\n]{0,20}['\"](?P<path>/[^'\"\n]+)['\"]")
_PORT = re.compile(
    r"(?:\bport[ :=]+|\('[^']{0,64}', |\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}:|\[[0-9a-f:]*\]:"
    r"|\blocalhost:|\*:)(?P<port>[0-9]{1,5})\b",
    re.IGNORECASE,
)
# Words further back belong to something else more often than not.
_TEXT_CHARS_MAX = 8_000


class Needs(Struct, frozen=True, kw_only=True):
    """What one attempt of a function needs; 0 and "" are nothing.

    gpus without vram_mib: whole GPUs. With vram_mib: so much on each of max(1, gpus) GPUs, which
    others may share.
    """

    gpus: int = 0
    vram_mib: int = 0
    memory_mib: int = 0
    cpus: int = 0
    disk_path: str = ""
    disk_mib: int = 0
    services: tuple[str, ...] = ()

    @property
    def on_gpu(self) -> bool:
        """Does it need a GPU at all?"""
        return bool(self.gpus or self.vram_mib)

    @property
    def on_host(self) -> bool:
        """Does it need anything of the host that is counted?"""
        return bool(self.memory_mib or self.cpus or self.disk_mib)

    def conditions(self) -> tuple[Condition, ...]:
        """The same as what can be waited for."""
        found = []
        if self.vram_mib:
            found.append(Condition(kind=Kind.VRAM, amount=self.vram_mib))
        if self.gpus:
            found.append(Condition(kind=Kind.GPU, amount=self.gpus))
        if self.memory_mib:
            found.append(Condition(kind=Kind.MEMORY, amount=self.memory_mib))
        if self.disk_mib:
            found.append(Condition(kind=Kind.DISK, amount=self.disk_mib, where=self.disk_path))
        return tuple(found)


def needed(
    evidence: Evidence,
    classification: Classification,
    needs: Needs,
    *,
    folder: str,
    room_mib: int,
    kept: str = "",
    limit_mib: int = 0,
) -> str:
    """What a task has to wait for after this failure, with the amount if it can be known.

    The function itself may have said it (`fnr.Wait`); else the amount is the larger one of what
    it declares and of what it says it tried to get. folder, room_mib: where a disk is looked at,
    and how much room makes another try worth while, when the error names neither; "" is nowhere.
    kept: the GPU that the worker keeps, and with it what is declared; "" when it keeps none.
    limit_mib: the most memory that an attempt may take, so more than that is waited for in vain.
    """
    word = evidence.wait_for or classification.wait_for or ""
    if conditions_of(word):
        return written(*conditions_of(word))
    text = _text_of(evidence)
    match word:
        case Kind.VRAM if kept and (mib := _tried_mib(classification, text)):
            return written(Condition(kind=Kind.VRAM, amount=mib, where=kept))
        case Kind.VRAM | Kind.MEMORY:
            declared, most = needs.vram_mib, 0
            if word == Kind.MEMORY:
                declared, most = needs.memory_mib, limit_mib
            mib = max(declared, _tried_mib(classification, text)) or most
            return written(Condition(kind=Kind(word), amount=mib)) if mib else word
        case Kind.GPU:
            return written(Condition(kind=Kind.GPU, amount=max(1, needs.gpus)))
        case Kind.DISK:
            found = _room(text, needs, folder=folder, room_mib=room_mib)
            return written(found) if found.where else word
        case Kind.PORT:
            port = _port(classification, text)
            return written(Condition(kind=Kind.PORT, amount=port)) if port else word
        case Kind.SERVICE if services := _services(evidence, needs):
            return written(*[Condition(kind=Kind.SERVICE, where=one) for one in services])
    return str(word)


def _services(evidence: Evidence, needs: Needs) -> tuple[str, ...]:
    """The one that failed; all that are declared when nobody knows which of them did."""
    one = met(evidence, needs.services)
    return (one,) if one else needs.services


def _text_of(evidence: Evidence) -> str:
    chain = "\n".join(link.message for link in evidence.exceptions)
    tail = evidence.stderr_tail[-_TEXT_CHARS_MAX:]
    return f"{evidence.message}\n{chain}\n{tail}"


def _tried_mib(classification: Classification, text: str) -> int:
    captured = classification.captures.get("amount")
    mib = size_mib(captured) if captured else None
    if mib is None:
        found = _TRIED.search(text)
        mib = size_mib(found["amount"]) if found else None
    return mib or 0


def _room(text: str, needs: Needs, *, folder: str, room_mib: int) -> Condition:
    found = _FULL_AT.search(text)
    where = needs.disk_path or folder
    if found:
        where = found["path"].rpartition("/")[0] or "/"
    mib = needs.disk_mib or _tried_mib_of_disk(text) or room_mib
    return Condition(kind=Kind.DISK, amount=max(1, mib), where=where)


def _tried_mib_of_disk(text: str) -> int:
    found = _TRIED.search(text)
    return (size_mib(found["amount"]) or 0) if found else 0


def _port(classification: Classification, text: str) -> int:
    captured = classification.captures.get("port", "")
    if not captured:
        found = _PORT.search(text)
        captured = found["port"] if found else ""
    port = int(captured) if captured.isdecimal() else 0
    return port if port <= PORT_MAX else 0
