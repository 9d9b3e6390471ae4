"""What a waiting task waits for: conditions with amounts, or a bare word when no amount is known.

One text everywhere: "vram:8GiB", "vram:GPU-UUID:8GiB" (on that one), "gpu:1", "memory:4GiB",
"disk:/path:10GiB", "port:8188", "service:comfyui", several joined by " and ". A bare word ("vram",
"resource") says what was used up and nothing that could be looked at, so that time alone ends such
a wait.
"""

from __future__ import annotations

import re
from enum import StrEnum
from fractions import Fraction

from msgspec import Struct, field

PORT_MAX = 65_535
MIB_MAX = 1 << 40
# A service that is ready takes any number; so many are tried at a time while nobody counts.
MANY = 1_000

_UNITS = {
    "b": Fraction(1, 1 << 20),
    "k": Fraction(1, 1024),
    "m": Fraction(1),
    "g": Fraction(1024),
    "t": Fraction(1 << 20),
}
_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([kmgt]?)(?:i?b|bytes?)", re.IGNORECASE)


class Kind(StrEnum):
    """What can be waited for."""

    VRAM = "vram"
    GPU = "gpu"
    MEMORY = "memory"
    DISK = "disk"
    PORT = "port"
    SERVICE = "service"


_SIZES = {Kind.VRAM, Kind.MEMORY, Kind.DISK}
_UUIDS = ("GPU-", "MIG-")
_JOINT = re.compile(rf" and (?=(?:{'|'.join(Kind)}):)")


class Condition(Struct, frozen=True, kw_only=True):
    """One thing that has to be free.

    amount: MiB of vram, memory and disk, how many GPUs, which port. where: path, service, or
    the UUID of the only GPU whose VRAM is of use; "" for any.
    """

    kind: Kind
    amount: int = 0
    where: str = ""


class Readings(Struct, frozen=True, kw_only=True):
    """What is free now, and how much there is at all; None and a missing key: not known.

    vram_*:  of each GPU that may be used, vram_by_uuid free. The rest is of the whole host.
    missing: kind -> why it is not known.
    """

    vram_free_mib: tuple[int, ...] | None = None
    vram_by_uuid: dict[str, int] = field(default_factory=dict)
    vram_total_mib: tuple[int, ...] | None = None
    gpus_free: int | None = None
    gpus: int | None = None
    memory_free_mib: int | None = None
    memory_total_mib: int | None = None
    disk_free_mib: dict[str, int] = field(default_factory=dict)
    disk_total_mib: dict[str, int] = field(default_factory=dict)
    ports_free: dict[int, bool] = field(default_factory=dict)
    services_ready: dict[str, bool] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


# ── text ─────────────────────────────────────────────────────────────────────


def parse(text: str) -> tuple[Condition, ...]:
    """The conditions of a text, none for a bare word; raises ValueError with words for people."""
    if ":" not in text:
        return ()
    return tuple(_one(part.strip()) for part in _JOINT.split(text))


def conditions_of(text: str) -> tuple[Condition, ...]:
    """The same for a text that somebody else wrote: what is not understood is a bare word."""
    try:
        return parse(text)
    except ValueError:
        return ()


def written(*conditions: Condition) -> str:
    """The text of conditions; `parse` reads it again."""
    return " and ".join(map(_written, conditions))


def size_text(mib: int) -> str:
    """MiB as people write them, exactly."""
    return f"{mib // 1024}GiB" if mib and mib % 1024 == 0 else f"{mib}MiB"


def size_mib(text: str) -> int | None:
    """MiB of "2.00 GiB" or "512MB" as programs print it, rounded up; None when it has no unit."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        return None
    exact = Fraction(found[1]) * _UNITS[found[2].lower() or "b"]
    return -(-exact.numerator // exact.denominator)


def _one(text: str) -> Condition:
    word, _, rest = text.partition(":")
    try:
        kind = Kind(word)
    except ValueError:
        known = ", ".join(Kind)
        raise ValueError(f"{word!r} cannot be waited for; there are {known}") from None
    if kind is Kind.SERVICE:
        if not rest:
            raise ValueError("service: needs a name")
        return Condition(kind=kind, where=rest)
    if kind in _SIZES:
        where, _, size = rest.rpartition(":")
        return _sized(kind, where, size)
    if not (rest.isascii() and rest.isdecimal() and 1 <= int(rest) <= PORT_MAX):
        raise ValueError(f"{text!r} needs a number from 1 to {PORT_MAX} behind the colon")
    return Condition(kind=kind, amount=int(rest))


def _sized(kind: Kind, where: str, size: str) -> Condition:
    on_one_gpu = kind is Kind.VRAM and where.startswith(_UUIDS)
    if (kind is Kind.DISK) != bool(where) and not on_one_gpu:
        raise ValueError(f"write {'disk:/path:10GiB' if kind is Kind.DISK else f'{kind}:8GiB'}")
    if where and not where.startswith("/") and not on_one_gpu:
        raise ValueError(f"the path {where!r} must begin with /")
    mib = size_mib(size)
    if mib is None or not 1 <= mib <= MIB_MAX:
        raise ValueError(f'{size!r} is not a size: write it like "512MiB" or "8GiB"')
    return Condition(kind=kind, amount=mib, where=where)


def _written(one: Condition) -> str:
    if one.kind is Kind.SERVICE:
        return f"{one.kind}:{one.where}"
    if one.where:
        return f"{one.kind}:{one.where}:{size_text(one.amount)}"
    return f"{one.kind}:{size_text(one.amount) if one.kind in _SIZES else one.amount}"


# ── what readings say ────────────────────────────────────────────────────────


def holds(conditions: tuple[Condition, ...], readings: Readings) -> bool | None:
    """Is all of it free now? None: it cannot be known."""
    found = admits(conditions, readings)
    return None if found is None else found > 0


def admits(conditions: tuple[Condition, ...], readings: Readings) -> int | None:
    """How many tasks with these conditions what is free is enough for; None: not known."""
    counts = [_fits(one, readings) for one in conditions]
    known = [count for count in counts if count is not None]
    # One that certainly does not hold decides, whatever is not known of the others.
    if 0 in known:
        return 0
    return min(known) if known and len(known) == len(counts) else None


def _fits(one: Condition, readings: Readings) -> int | None:
    match one.kind:
        case Kind.VRAM if one.where:
            mib = readings.vram_by_uuid.get(one.where)
            return None if mib is None else max(0, mib) // one.amount
        case Kind.VRAM:
            free = readings.vram_free_mib
            return None if free is None else sum(mib // one.amount for mib in free)
        case Kind.GPU:
            return None if readings.gpus_free is None else readings.gpus_free // one.amount
        case Kind.MEMORY:
            mib = readings.memory_free_mib
            return None if mib is None else max(0, mib) // one.amount
        case Kind.DISK:
            mib = readings.disk_free_mib.get(one.where)
            return None if mib is None else max(0, mib) // one.amount
        case Kind.PORT:
            found = readings.ports_free.get(one.amount)
            return None if found is None else int(found)
        case Kind.SERVICE:
            found = readings.services_ready.get(one.where)
            return None if found is None else MANY * found


def spend(conditions: tuple[Condition, ...], readings: Readings) -> Readings:
    """What is left when one task with these conditions has taken its share."""
    left = {name: getattr(readings, name) for name in readings.__struct_fields__}
    for one in conditions:
        match one.kind:
            case Kind.VRAM if one.where in left["vram_by_uuid"]:
                on_each = left["vram_by_uuid"]
                left["vram_by_uuid"] = on_each | {one.where: on_each[one.where] - one.amount}
            case Kind.VRAM if not one.where:
                left["vram_free_mib"] = _without(left["vram_free_mib"], one.amount)
            case Kind.GPU if left["gpus_free"] is not None:
                left["gpus_free"] = max(0, left["gpus_free"] - one.amount)
            case Kind.MEMORY if left["memory_free_mib"] is not None:
                left["memory_free_mib"] -= one.amount
            case Kind.DISK if one.where in left["disk_free_mib"]:
                free = left["disk_free_mib"]
                left["disk_free_mib"] = free | {one.where: free[one.where] - one.amount}
            case Kind.PORT:
                left["ports_free"] = left["ports_free"] | {one.amount: False}
    return Readings(**left)


def _without(free: tuple[int, ...] | None, mib: int) -> tuple[int, ...] | None:
    """From the smallest GPU that is large enough, so that large ones stay whole."""
    if free is None:
        return None
    enough = [index for index, found in enumerate(free) if found >= mib]
    index = min(enough, key=lambda i: free[i]) if enough else -1
    return tuple(found - mib if i == index else found for i, found in enumerate(free))


def never(conditions: tuple[Condition, ...], readings: Readings) -> str:
    """Why this can never hold on this host; "" when it can, or when that is not known."""
    for one in conditions:
        most = _most(one, readings)
        if most is not None and one.amount > most:
            return f"{_written(one)} can never be free: {_whole(one, most)}"
    return ""


def _most(one: Condition, readings: Readings) -> int | None:
    match one.kind:
        case Kind.VRAM:
            total = readings.vram_total_mib
            return None if total is None else max(total, default=0)
        case Kind.GPU:
            return readings.gpus
        case Kind.MEMORY:
            return readings.memory_total_mib
        case Kind.DISK:
            return readings.disk_total_mib.get(one.where)
        case _:
            return None


def _whole(one: Condition, most: int) -> str:
    if one.kind is Kind.GPU:
        return f"this host has {most} GPU{'s' * (most != 1)} that can be used"
    if one.kind is Kind.VRAM:
        return f"the largest GPU has {size_text(most)}" if most else "this host has no GPU"
    return f"there are {size_text(most)} in all"


def free_text(one: Condition, readings: Readings) -> str:
    """How much of it is free now, for people."""
    why = readings.missing.get(one.kind, "")
    unknown = f"not known: {why}" if why else "not known"
    match one.kind:
        case Kind.VRAM if one.where:
            mib = readings.vram_by_uuid.get(one.where)
            return unknown if mib is None else size_text(max(0, mib))
        case Kind.VRAM:
            free = readings.vram_free_mib
            return unknown if free is None else size_text(max((0, *free)))
        case Kind.GPU:
            return unknown if readings.gpus_free is None else str(readings.gpus_free)
        case Kind.MEMORY:
            mib = readings.memory_free_mib
            return unknown if mib is None else size_text(max(0, mib))
        case Kind.DISK:
            mib = readings.disk_free_mib.get(one.where)
            return unknown if mib is None else size_text(max(0, mib))
        case Kind.PORT:
            found = readings.ports_free.get(one.amount)
            return unknown if found is None else ("free" if found else "in use")
        case Kind.SERVICE:
            found = readings.services_ready.get(one.where)
            return unknown if found is None else ("ready" if found else "not ready")
