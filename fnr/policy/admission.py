"""May this start now: what it needs, what there is, and what others were given.

Nothing is given twice: of everything the sum of what was given stays within what there is. And
nothing is given that somebody else uses: what a reading calls free counts, less what was given so
lately that no reading can show it yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct, field

from fnr.policy.condition import Kind, size_text
from fnr.policy.gpu import Gpu, unfit
from fnr.policy.needs import Needs

# By then a program has loaded what it was going to load; of a disk nobody knows when.
SETTLED_AFTER_MS = 30_000


class Share(Struct, frozen=True, kw_only=True):
    """So much of one device; kind: gpu, vram, memory, cpus or disk. capacity: all there is."""

    kind: str
    device: str
    amount: int
    capacity: int


class Allocation(Struct, frozen=True, kw_only=True):
    """A share that somebody has. owner: the token of an attempt, or a worker that keeps its GPU."""

    owner: str
    kind: str
    device: str
    amount: int
    capacity: int
    worker_id: str
    function: str
    since_at_ms: int


class Disk(Struct, frozen=True, kw_only=True):
    """The file system of a path: where it is mounted, and its room."""

    mount: str
    free_mib: int
    total_mib: int


class Supply(Struct, frozen=True, kw_only=True):
    """What there is, as last read; missing: kind -> why something is not known."""

    gpus: tuple[Gpu, ...] = ()
    memory_free_mib: int | None = None
    memory_total_mib: int | None = None
    cpus: int = 0
    disks: dict[str, Disk] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


class Until(StrEnum):
    """What has to happen before it is worth asking again."""

    RELEASE = "release"  # somebody gives something back
    READING = "reading"  # a reading says something else
    TURN = "turn"  # a function that is first has started
    NEVER = "never"  # this host has not got so much, as it is


class Grant(Struct, frozen=True, kw_only=True):
    """It may start, with these shares. gpus: the only ones it may see, by UUID."""

    shares: tuple[Share, ...] = ()
    gpus: tuple[str, ...] = ()


class Refusal(Struct, frozen=True, kw_only=True):
    """It may not start now, with the numbers that say why.

    contested: as far as can be known it could, if others gave back what they were given.
    """

    why: str
    until: Until
    contested: bool = False


def admit(
    needs: Needs,
    supply: Supply,
    allocations: Sequence[Allocation],
    *,
    now_ms: int,
    gpu: bool = True,
    host: bool = True,
) -> Grant | Refusal:
    """Shares for one attempt, or why it gets none; gpu, host: which part of its needs to see to."""
    shares: list[Share] = []
    chosen: tuple[Gpu, ...] = ()
    if gpu and needs.on_gpu:
        found = _gpus(needs, supply, allocations, now_ms=now_ms)
        if isinstance(found, Refusal):
            return found
        chosen = found
        shares += [_gpu_share(needs, one) for one in chosen]
    if host:
        for wanted in _of_host(needs, supply):
            if isinstance(wanted, Refusal):
                return wanted
            share, free = wanted
            if refusal := _room(share, free, allocations, now_ms=now_ms):
                return refusal
            shares.append(share)
    return Grant(shares=tuple(shares), gpus=tuple(one.uuid for one in chosen))


def given(allocations: Iterable[Allocation], kind: str, device: str) -> int:
    """How much of one device others have."""
    return sum(one.amount for one in allocations if (one.kind, one.device) == (kind, device))


# ── GPUs ─────────────────────────────────────────────────────────────────────


def _gpus(
    needs: Needs, supply: Supply, allocations: Sequence[Allocation], *, now_ms: int
) -> tuple[Gpu, ...] | Refusal:
    count = max(1, needs.gpus)
    words = _gpu_words(needs, count)
    if why := supply.missing.get(Kind.GPU):
        return Refusal(why=f"{words}; {why}", until=Until.READING)
    usable = _usable(count, supply.gpus)
    large = large_enough(needs, supply.gpus)
    if len(large) < count:
        return Refusal(
            why=f"{words}; {_never_words(needs, supply.gpus, usable)}", until=Until.NEVER
        )
    healthy = [gpu for gpu in large if not unfit(gpu)]
    if len(healthy) < count:
        sick = "; ".join(f"{_called(g)}: {why}" for g in large if (why := unfit(g)))
        return Refusal(why=f"{words}; {sick}", until=Until.READING)
    by_right = [g for g in healthy if _left_by_right(needs, g, allocations)]
    if len(by_right) < count:
        return _taken(f"{words}; {_taken_words(healthy, allocations)}")
    free = {g.uuid: vram_free_mib(g, allocations, now_ms=now_ms) for g in by_right}
    fitting = [g for g in by_right if free[g.uuid] >= needs.vram_mib]
    if len(fitting) < count:
        best = max(by_right, key=lambda g: free[g.uuid])
        most = f"the most free is {size_text(max(0, free[best.uuid]))} on {_called(best)}"
        left = [vram_left_mib(g, allocations, now_ms=now_ms) for g in healthy]
        contested = sum(mib >= needs.vram_mib for mib in left) >= count
        return Refusal(why=f"{words}; {most}", until=Until.READING, contested=contested)
    # The emptiest first, so that work spreads over the GPUs.
    fitting.sort(key=lambda g: (-free[g.uuid], g.index, g.instance or 0))
    return tuple(fitting[:count])


def large_enough(needs: Needs, gpus: Sequence[Gpu]) -> list[Gpu]:
    """Those that could be given for these needs if they were healthy and nobody had them."""
    usable = _usable(max(1, needs.gpus), gpus)
    # One that is lost does not say how large it is.
    return [g for g in usable if g.memory_total_mib is None or g.memory_total_mib >= needs.vram_mib]


def _usable(count: int, gpus: Sequence[Gpu]) -> Sequence[Gpu]:
    # CUDA lets a process use one MIG instance, however many it is given.
    return [gpu for gpu in gpus if gpu.instance is None] if count > 1 else gpus


def vram_free_mib(gpu: Gpu, allocations: Iterable[Allocation], *, now_ms: int) -> int:
    """VRAM that may still be given: within what there is, and within what nobody uses."""
    total, free = gpu.memory_total_mib or 0, gpu.memory_free_mib or 0
    mine = [one for one in allocations if one.device == gpu.uuid]
    if any(one.kind == Kind.GPU for one in mine):
        return 0
    return _left(total, free, mine, now_ms=now_ms, settles=True)


def vram_left_mib(gpu: Gpu, allocations: Iterable[Allocation], *, now_ms: int) -> int:
    """VRAM that there would be if everything that was given on it were given back."""
    mine = [one for one in allocations if one.device == gpu.uuid]
    if any(one.kind == Kind.GPU for one in mine):
        # How much of it is used by whom has it for itself nobody has said.
        return gpu.memory_total_mib or 0
    return (gpu.memory_free_mib or 0) + _in_use(mine, now_ms=now_ms, settles=True)


def _left_by_right(needs: Needs, gpu: Gpu, allocations: Iterable[Allocation]) -> bool:
    mine = [one for one in allocations if one.device == gpu.uuid]
    if any(one.kind == Kind.GPU for one in mine):
        return False
    if not needs.vram_mib:
        return not mine
    given_mib = sum(one.amount for one in mine)
    return given_mib + needs.vram_mib <= (gpu.memory_total_mib or 0)


def _gpu_share(needs: Needs, gpu: Gpu) -> Share:
    if needs.vram_mib:
        total_mib = gpu.memory_total_mib or 0
        return Share(kind=Kind.VRAM, device=gpu.uuid, amount=needs.vram_mib, capacity=total_mib)
    return Share(kind=Kind.GPU, device=gpu.uuid, amount=1, capacity=1)


def _gpu_words(needs: Needs, count: int) -> str:
    if needs.vram_mib:
        return f"needs {size_text(needs.vram_mib)} of VRAM on {count} GPU{'s' * (count > 1)}"
    return f"needs {count} GPU{'s' * (count > 1)} of its own"


def _never_words(needs: Needs, everything: Sequence[Gpu], gpus: Sequence[Gpu]) -> str:
    largest = max((g.memory_total_mib or 0 for g in gpus), default=0)
    if needs.vram_mib > largest and gpus:
        return f"this host can never give that: its largest GPU has {size_text(largest)}"
    whole = "whole " * (len(gpus) < len(everything))
    return f"this host can never give that: it has {len(gpus)} {whole}GPU{'s' * (len(gpus) != 1)}"


def _taken_words(gpus: Sequence[Gpu], allocations: Sequence[Allocation]) -> str:
    uuids = {gpu.uuid for gpu in gpus}
    holders = sorted({one.function for one in allocations if one.device in uuids})
    return f"{len(gpus)} healthy, given to {', '.join(holders)}"


def _called(gpu: Gpu) -> str:
    return f"GPU {gpu.place}" + (f" ({gpu.name})" if gpu.name else "")


# ── the rest of the host ─────────────────────────────────────────────────────


def _of_host(needs: Needs, supply: Supply) -> Iterable[tuple[Share, int | None] | Refusal]:
    """What is needed of memory, CPUs and disk, each with what a reading calls free."""
    if needs.memory_mib:
        total = supply.memory_total_mib
        if total is None or supply.memory_free_mib is None:
            yield _not_known(Kind.MEMORY, size_text(needs.memory_mib), supply)
        else:
            yield _share(Kind.MEMORY, "", needs.memory_mib, total), supply.memory_free_mib
    if needs.cpus:
        yield _share("cpus", "", needs.cpus, supply.cpus), None
    if needs.disk_mib:
        disk = supply.disks.get(needs.disk_path)
        if disk is None:
            words = f"{size_text(needs.disk_mib)} at {needs.disk_path}"
            yield _not_known(Kind.DISK, words, supply)
        else:
            yield _share(Kind.DISK, disk.mount, needs.disk_mib, disk.total_mib), disk.free_mib


def _share(kind: str, device: str, amount: int, total: int) -> Share:
    # A share that is larger than all there is never becomes a row; its refusal names the total.
    return Share(kind=kind, device=device, amount=amount, capacity=total)


def _not_known(kind: Kind, words: str, supply: Supply) -> Refusal:
    why = supply.missing.get(kind, "not known yet")
    return Refusal(why=f"needs {words} of {kind}; {why}", until=Until.READING)


def _room(
    share: Share, free: int | None, allocations: Sequence[Allocation], *, now_ms: int
) -> Refusal | None:
    mine = [one for one in allocations if (one.kind, one.device) == (share.kind, share.device)]
    taken = sum(one.amount for one in mine)
    words = f"needs {_amount(share, share.amount)}"
    if share.amount > share.capacity:
        never = f"this host can never give that: there are {_amount(share, share.capacity)} in all"
        return Refusal(why=f"{words}; {never}", until=Until.NEVER)
    if taken + share.amount > share.capacity:
        why = f"{_amount(share, taken)} of {_amount(share, share.capacity)} are given to others"
        return _taken(f"{words}; {why}")
    if free is None:
        return None
    # Nobody knows when a program has written all it was going to write.
    settles = share.kind != Kind.DISK
    left = _left(share.capacity, free, mine, now_ms=now_ms, settles=settles)
    if left < share.amount:
        why = f"{_amount(share, max(0, left))} are free"
        contested = free + _in_use(mine, now_ms=now_ms, settles=settles) >= share.amount
        return Refusal(why=f"{words}; {why}", until=Until.READING, contested=contested)
    return None


def _taken(why: str) -> Refusal:
    return Refusal(why=why, until=Until.RELEASE, contested=True)


def _left(total: int, free: int, mine: Sequence[Allocation], *, now_ms: int, settles: bool) -> int:
    """All less what was given, and what is free less what was given and is not used yet."""
    taken = sum(one.amount for one in mine)
    coming = taken - _in_use(mine, now_ms=now_ms, settles=settles)
    return min(total - taken, free - coming)


def _in_use(mine: Sequence[Allocation], *, now_ms: int, settles: bool) -> int:
    """How much of what was given a reading does not call free any more."""
    if not settles:
        return 0
    # What was given in the future was given before the clock was set back.
    return sum(one.amount for one in mine if not 0 <= now_ms - one.since_at_ms < SETTLED_AFTER_MS)


def _amount(share: Share, amount: int) -> str:
    if share.kind == "cpus":
        return f"{amount} CPU{'s' * (amount != 1)}"
    where = f" at {share.device}" if share.device else ""
    return f"{size_text(amount)} of {share.kind}{where}"
