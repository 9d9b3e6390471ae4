"""Nothing is given twice, and nothing that others use."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fnr.policy.admission import (
    SETTLED_AFTER_MS,
    Allocation,
    Disk,
    Grant,
    Refusal,
    Supply,
    Until,
    admit,
    given,
)
from fnr.policy.gpu import Gpu, unfit
from fnr.policy.needs import Needs

NOW_MS = 1_000_000


def gpu(number: int, *, free: int = 8000, total: int = 8192, **more: object) -> Gpu:
    """A healthy GPU unless told otherwise."""
    known = {"uuid": f"GPU-{number}", "memory_free_mib": free, "memory_total_mib": total}
    return Gpu(index=number, **{**known, "recovery": 0, **more})  # type: ignore[arg-type]  # any field may be left out


def held(
    kind: str, device: str, amount: int, *, capacity: int = 8192, age_ms: int = 0
) -> Allocation:
    """Something given to somebody else."""
    return Allocation(
        owner=f"o-{kind}-{device}-{amount}", kind=kind, device=device, amount=amount,
        capacity=capacity, worker_id="w", function="other", since_at_ms=NOW_MS - age_ms,
    )  # fmt: skip


def refusal(needs: Needs, supply: Supply, *others: Allocation) -> Refusal:
    """The refusal that must come."""
    found = admit(needs, supply, others, now_ms=NOW_MS)
    assert isinstance(found, Refusal), found
    return found


def grant(needs: Needs, supply: Supply, *others: Allocation) -> Grant:
    """The grant that must come."""
    found = admit(needs, supply, others, now_ms=NOW_MS)
    assert isinstance(found, Grant), found
    return found


def test_parts_of_a_gpu_are_given_one_at_a_time() -> None:
    parts = tuple(
        gpu(0, uuid=f"MIG-{n}", instance=n, total=2048 * n, free=2000 * n) for n in (1, 2)
    )
    assert grant(Needs(gpus=1), Supply(gpus=parts)).gpus == ("MIG-2",)
    assert grant(Needs(vram_mib=3000), Supply(gpus=parts)).gpus == ("MIG-2",)
    other = held("gpu", "MIG-2", 1, capacity=1)
    assert grant(Needs(gpus=1), Supply(gpus=parts), other).gpus == ("MIG-1",)
    never = refusal(Needs(gpus=2), Supply(gpus=(*parts, gpu(1))))
    assert never.until is Until.NEVER
    assert never.why.endswith("it has 1 whole GPU")
    two = grant(Needs(gpus=2), Supply(gpus=(*parts, gpu(1), gpu(2, free=7000))))
    assert two.gpus == ("GPU-1", "GPU-2")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (gpu(0), ""),
        (gpu(0, recovery=None), ""),
        (gpu(0, recovery=3), ""),
        (gpu(0, recovery=1), "reset"),
        (gpu(0, recovery=99), "recovery action 99"),
        (gpu(0, error="GPU is lost"), "lost"),
        (Gpu(uuid="u", index=0), "memory cannot be read"),
        (gpu(0, free=None), "memory cannot be read"),  # type: ignore[arg-type]  # any field may be left out
    ],
)
def test_a_gpu_is_healthy_only_when_everything_says_so(found: Gpu, words: str) -> None:
    assert words in unfit(found)
    assert bool(unfit(found)) is bool(words)


def test_a_lost_gpu_does_not_say_how_large_it_is() -> None:
    """It was called one of 0 MiB, on which nothing can ever run."""
    lost = gpu(0, memory_free_mib=None, memory_total_mib=None, error="lost")
    found = refusal(Needs(vram_mib=3000), Supply(gpus=(lost, gpu(1, total=2048))))
    assert (found.until, found.why.endswith("GPU 0: lost")) == (Until.READING, True)


def test_the_emptiest_healthy_gpu_is_taken() -> None:
    gpus = (gpu(0, free=4000), gpu(1, error="lost"), gpu(2, free=7000), gpu(3, free=6000))
    assert grant(Needs(gpus=2), Supply(gpus=gpus)).gpus == ("GPU-2", "GPU-3")
    assert grant(Needs(vram_mib=6500), Supply(gpus=gpus)).gpus == ("GPU-2",)


def test_a_whole_gpu_is_nobody_elses() -> None:
    supply = Supply(gpus=(gpu(0),))
    shared = held("vram", "GPU-0", 1000, age_ms=SETTLED_AFTER_MS)
    whole = held("gpu", "GPU-0", 1, capacity=1)
    assert refusal(Needs(gpus=1), supply, shared).until is Until.RELEASE
    assert refusal(Needs(gpus=1), supply, whole).until is Until.RELEASE
    assert refusal(Needs(vram_mib=1), supply, whole).until is Until.RELEASE
    assert grant(Needs(vram_mib=1000), supply, shared).gpus == ("GPU-0",)


def test_only_what_others_were_given_is_theirs_to_give_back() -> None:
    """Whoever waits for something else, the use of a stranger say, holds up nobody."""
    young, old = (held("vram", "GPU-0", 3000, age_ms=age) for age in (0, SETTLED_AFTER_MS))
    used, idle = Supply(gpus=(gpu(0, free=2000),)), Supply(gpus=(gpu(0, free=6000),))
    assert [refusal(Needs(vram_mib=5000), used, one).contested for one in (young, old)] == [0, 1]
    assert refusal(Needs(vram_mib=5000), idle, young).contested
    assert not refusal(Needs(vram_mib=5100), used, old).contested
    assert not refusal(Needs(vram_mib=5000), used).contested
    whole = held("gpu", "GPU-0", 1, capacity=1)
    pair = Supply(gpus=(gpu(0, free=2000), gpu(1, free=2000)))
    assert refusal(Needs(vram_mib=5000), pair, whole).contested
    memory = Supply(memory_free_mib=2000, memory_total_mib=8192)
    given = held("memory", "", 1000, age_ms=SETTLED_AFTER_MS)
    assert [refusal(Needs(memory_mib=mib), memory, given).contested for mib in (3000, 3001)] == [
        1,
        0,
    ]


def test_what_was_just_given_does_not_show_yet_and_counts_all_the_same() -> None:
    supply = Supply(gpus=(gpu(0, free=8000),))
    young, old = (held("vram", "GPU-0", 3000, age_ms=age) for age in (0, SETTLED_AFTER_MS))
    assert refusal(Needs(vram_mib=5100), supply, young).until is Until.READING
    assert grant(Needs(vram_mib=5100), supply, old)
    assert refusal(Needs(vram_mib=6000), supply, old).until is Until.RELEASE


def test_what_was_given_before_the_clock_was_set_back_shows() -> None:
    """It counted twice, as used and as not used yet, until the clock was as far again."""
    before = held("vram", "GPU-0", 3000, age_ms=-3_600_000)
    assert grant(Needs(vram_mib=5000), Supply(gpus=(gpu(0, free=5192),)), before)


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        (Needs(gpus=3), "it has 2 GPUs"),
        (Needs(vram_mib=9000), "largest GPU has 8GiB"),
        (Needs(vram_mib=8000, gpus=3), "it has 2 GPUs"),
        (Needs(memory_mib=5000), "4000MiB of memory in all"),
        (Needs(cpus=5), "4 CPUs in all"),
        (Needs(disk_path="/d", disk_mib=999), "500MiB of disk at /mnt in all"),
    ],
)
def test_what_this_host_has_not_got_is_said_with_its_numbers(needs: Needs, words: str) -> None:
    host = Supply(
        gpus=(gpu(0), gpu(1)),
        memory_free_mib=3000,
        memory_total_mib=4000,
        cpus=4,
        disks={"/d": Disk(mount="/mnt", free_mib=400, total_mib=500)},
    )
    found = refusal(needs, host)
    assert found.until is Until.NEVER
    assert words in found.why


@pytest.mark.parametrize(
    "needs",
    [
        Needs(gpus=1),
        Needs(vram_mib=1),
        Needs(memory_mib=1),
        Needs(disk_path="/d", disk_mib=1),
    ],
)
def test_what_is_not_known_is_not_given(needs: Needs) -> None:
    why = {"gpu": "no driver", "memory": "no /proc", "disk": "no such path"}
    found = refusal(needs, Supply(missing=why))
    assert found.until is Until.READING
    assert "no " in found.why


def test_a_disk_is_shared_by_all_paths_on_it_and_counts_as_unwritten() -> None:
    disk = Disk(mount="/mnt", free_mib=100, total_mib=500)
    supply = Supply(disks={"/mnt/a": disk, "/mnt/b": disk})
    other = held("disk", "/mnt", 60, capacity=500, age_ms=10 * SETTLED_AFTER_MS)
    assert grant(Needs(disk_path="/mnt/a", disk_mib=40), supply, other)
    assert refusal(Needs(disk_path="/mnt/b", disk_mib=41), supply, other).until is Until.READING


class Allocating(RuleBasedStateMachine):
    """A host on which attempts begin, use what they were given, and end, beside strangers.

    used: what the processes really use; a grant is only right if all of it can be used at once.
    """

    @initialize(
        total=st.lists(st.integers(100, 1000), min_size=0, max_size=3),
        memory=st.integers(100, 1000),
        cpus=st.integers(1, 8),
    )
    def begin(self, total: list[int], memory: int, cpus: int) -> None:
        self.total, self.memory, self.cpus = total, memory, cpus
        self.ill: set[int] = set()
        self.given: list[Allocation] = []
        self.strangers = [0] * len(total)
        self.now_ms, self.count = NOW_MS, 0

    def supply(self) -> Supply:
        """What readings show: everything that was given a while ago is in use."""
        gpus = []
        for number, total in enumerate(self.total):
            mine = [
                one.amount
                for one in self.given
                if one.device == f"GPU-{number}" and one.kind == "vram" and self.is_old(one)
            ]
            free = max(0, total - self.strangers[number] - sum(mine))
            error = "lost" if number in self.ill else ""
            gpus.append(gpu(number, free=free, total=total, error=error))
        used = sum(one.amount for one in self.given if one.kind == "memory" and self.is_old(one))
        return Supply(
            gpus=tuple(gpus),
            memory_free_mib=self.memory - used,
            memory_total_mib=self.memory,
            cpus=self.cpus,
        )

    def is_old(self, one: Allocation) -> bool:
        return self.now_ms - one.since_at_ms >= SETTLED_AFTER_MS

    @rule(
        gpus=st.integers(0, 2), vram=st.integers(0, 600), memory=st.integers(0, 600),
        cpus=st.integers(0, 4),
    )  # fmt: skip
    def attempt(self, gpus: int, vram: int, memory: int, cpus: int) -> None:
        needs = Needs(gpus=gpus, vram_mib=vram, memory_mib=memory, cpus=cpus)
        found = admit(needs, self.supply(), self.given, now_ms=self.now_ms)
        if isinstance(found, Refusal):
            assert found.why
            return
        assert len(found.gpus) == (max(1, gpus) if gpus or vram else 0)
        assert len(set(found.gpus)) == len(found.gpus)
        assert not {f"GPU-{number}" for number in self.ill} & set(found.gpus)
        self.count += 1
        self.given += [
            Allocation(
                owner=str(self.count), kind=share.kind, device=share.device, amount=share.amount,
                capacity=share.capacity, worker_id="w", function="f", since_at_ms=self.now_ms,
            )
            for share in found.shares
        ]  # fmt: skip
        # What was given now fits beside the strangers that a reading shows now.
        for number, total in enumerate(self.total):
            if f"GPU-{number}" in found.gpus and vram:
                assert given(self.given, "vram", f"GPU-{number}") + self.strangers[number] <= total

    @rule(which=st.integers(0, 50))
    def end(self, which: int) -> None:
        owners = sorted({one.owner for one in self.given})
        if owners:
            gone = owners[which % len(owners)]
            self.given = [one for one in self.given if one.owner != gone]

    @rule(number=st.integers(0, 2), mib=st.integers(0, 300))
    def stranger(self, number: int, mib: int) -> None:
        if number < len(self.total):
            mine = given(self.given, "vram", f"GPU-{number}")
            self.strangers[number] = min(mib, max(0, self.total[number] - mine))

    @rule(number=st.integers(0, 2))
    def fall_ill_or_recover(self, number: int) -> None:
        if number < len(self.total):
            self.ill ^= {number}

    @rule(ms=st.integers(0, 2 * SETTLED_AFTER_MS))
    def time_passes(self, ms: int) -> None:
        self.now_ms += ms

    @invariant()
    def nothing_is_given_twice(self) -> None:
        if not hasattr(self, "given"):
            return
        for number, total in enumerate(self.total):
            whole = given(self.given, "gpu", f"GPU-{number}")
            shared = given(self.given, "vram", f"GPU-{number}")
            assert whole <= 1
            assert shared <= total
            assert not (whole and shared)
        assert given(self.given, "memory", "") <= self.memory
        assert given(self.given, "cpus", "") <= self.cpus

    @invariant()
    def what_has_ended_leaves_room(self) -> None:
        """With nothing given and no strangers everything that the host has can be given."""
        if not hasattr(self, "given") or self.given or any(self.strangers) or self.ill:
            return
        needs = Needs(memory_mib=self.memory, cpus=self.cpus, gpus=len(self.total))
        assert isinstance(admit(needs, self.supply(), (), now_ms=self.now_ms), Grant)


TestAllocating = Allocating.TestCase
