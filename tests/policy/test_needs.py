"""What a failed task has to wait for, and where the amount is found."""

from __future__ import annotations

import pytest

from fnr.policy.condition import (
    Condition,
    Kind,
    Readings,
    admits,
    free_text,
    holds,
    parse,
    spend,
)
from fnr.policy.evidence import Evidence, ExceptionFact
from fnr.policy.needs import Needs, needed
from fnr.policy.rules import Category, Classification, Level, Strategy, WaitFor


def named(wait_for: WaitFor | None = None, **captures: str) -> Classification:
    """A classification of something used up."""
    return Classification(
        category=Category.RESOURCE,
        strategy=Strategy.QUEUE_AND_WAIT,
        rule="r",
        level=Level.TEXT,
        matched="m",
        confidence=1.0,
        wait_for=wait_for,
        captures=captures,
    )


def text_of(evidence: Evidence, found: Classification, needs: Needs | None = None) -> str:
    """What is waited for, on a host whose own disk is /state."""
    return needed(evidence, found, needs or Needs(), folder="/state", room_mib=64)


TORCH = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23 GiB"
DISK = "[Errno 28] No space left on device: '/out/a b/x.png'"


@pytest.mark.parametrize(
    ("message", "found", "needs", "text"),
    [
        (TORCH, named(WaitFor.VRAM), None, "vram:2GiB"),
        (TORCH, named(WaitFor.VRAM, amount="3.00 GiB"), None, "vram:3GiB"),
        (TORCH, named(WaitFor.VRAM), Needs(vram_mib=8192), "vram:8GiB"),
        (TORCH, named(WaitFor.VRAM), Needs(vram_mib=512), "vram:2GiB"),
        ("CUDA out of memory", named(WaitFor.VRAM), None, "vram"),
        ("OOM", named(WaitFor.VRAM, amount="16,1024"), None, "vram"),
        ("MemoryError", named(WaitFor.MEMORY), Needs(memory_mib=4096), "memory:4GiB"),
        ("MemoryError", named(WaitFor.MEMORY), None, "memory"),
        (DISK, named(WaitFor.DISK), None, "disk:/out/a b:64MiB"),
        (DISK, named(WaitFor.DISK), Needs(disk_path="/d", disk_mib=2048), "disk:/out/a b:2GiB"),
        ("disk full", named(WaitFor.DISK), Needs(disk_path="/d", disk_mib=2048), "disk:/d:2GiB"),
        ("disk full", named(WaitFor.DISK), None, "disk:/state:64MiB"),
        ("Address already in use: ('127.0.0.1', 8188)", named(WaitFor.PORT), None, "port:8188"),
        ("error while attempting to bind on address ('::1', 8000, 0, 0)", named(WaitFor.PORT), None,
         "port:8000"),
        ("bind 0.0.0.0:9000 failed: in use", named(WaitFor.PORT), None, "port:9000"),
        ("Port 7860 is in use", named(WaitFor.PORT), None, "port:7860"),
        ("address already in use", named(WaitFor.PORT), None, "port"),
        ("port 99999 is in use", named(WaitFor.PORT), None, "port"),
        ("refused", named(WaitFor.SERVICE), Needs(services=("storage",)), "service:storage"),
        ("refused", named(WaitFor.SERVICE), None, "service"),
        ("refused", named(WaitFor.SERVICE), Needs(services=("a", "b")),
         "service:a and service:b"),
        ("used up", named(), None, ""),
    ],
)  # fmt: skip
def test_the_amount_is_found_where_it_stands(
    message: str, found: Classification, needs: Needs | None, text: str
) -> None:
    assert text_of(Evidence(message=message), found, needs) == text
    in_chain = Evidence(message="failed", exceptions=(ExceptionFact(type="E", message=message),))
    assert text_of(in_chain, found, needs) == text
    assert text_of(Evidence(message="exit 1", stderr_tail=message), found, needs) == text


def test_who_keeps_its_gpu_waits_there_for_what_it_tried_to_get() -> None:
    """What it declares it has already: it waited for its own memory, and only time ended that."""
    needs, found = Needs(vram_mib=8192), named(WaitFor.VRAM)

    def text(message: str) -> str:
        evidence = Evidence(message=message)
        return needed(evidence, found, needs, folder="", room_mib=64, kept="GPU-1")

    assert text(TORCH) == "vram:GPU-1:2GiB"
    assert text("CUDA out of memory") == "vram:8GiB"
    assert parse(text(TORCH)) == (Condition(kind=Kind.VRAM, amount=2048, where="GPU-1"),)
    there = Readings(vram_free_mib=(9000, 2800), vram_by_uuid={"GPU-0": 9000, "GPU-1": 2800})
    assert admits(parse(text(TORCH)), there) == 1
    assert not holds(parse(text(TORCH)), spend(parse(text(TORCH)), there))
    assert free_text(parse(text(TORCH))[0], there) == "2800MiB"
    assert admits(parse(text(TORCH)), Readings(vram_free_mib=(9000,))) is None


def test_the_functions_own_word_comes_first() -> None:
    evidence = Evidence(message=TORCH, wait_for="vram:16GiB and port:80")
    assert text_of(evidence, named(WaitFor.VRAM)) == "vram:16GiB and port:80"
    bare = Evidence(message=TORCH, wait_for="vram")
    assert text_of(bare, named(), Needs(vram_mib=4096)) == "vram:4GiB"
    assert text_of(Evidence(wait_for="a miracle"), named(WaitFor.VRAM)) == "a miracle"


@pytest.mark.parametrize("declared", [(), ("storage",), ("comfyui", "storage"), ("comfyui",)])
def test_the_service_that_was_met_is_waited_for_and_no_other(declared: tuple[str, ...]) -> None:
    guarded = Evidence(message="refused", service="storage", guarded=("storage",))
    assert text_of(guarded, named(WaitFor.SERVICE), Needs(services=declared)) == "service:storage"


def test_a_disk_that_nobody_names_is_not_guessed() -> None:
    found = needed(Evidence(message="full"), named(WaitFor.DISK), Needs(), folder="", room_mib=64)
    assert found == "disk"


def test_who_ran_into_its_own_limit_waits_for_no_more_than_that() -> None:
    """It waited for the whole of `wait`, time after time, on a host with memory to spare."""

    def text(message: str, needs: Needs | None = None) -> str:
        evidence, found = Evidence(message=message), named(WaitFor.MEMORY)
        needs = needs or Needs()
        return needed(evidence, found, needs, folder="", room_mib=64, limit_mib=300)

    assert text("MemoryError") == "memory:300MiB"
    assert text("Unable to allocate 2.00 GiB") == "memory:2GiB"
    assert text("MemoryError", Needs(memory_mib=4096)) == "memory:4GiB"
