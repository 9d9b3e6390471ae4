"""What the kernel log says of GPUs, and when it still speaks against one."""

from __future__ import annotations

import pytest

from fnr.policy.gpu import Gpu, unfit
from fnr.policy.gpu_words import GpuWord, bus_place, standing, why_against, word_of

PLACE = "0000:cb:00"


def xid(code: int, text: str = "pid='<unknown>', name=<unknown>", at_us: int = 0) -> GpuWord:
    """What the log says of the GPU at PLACE."""
    word = word_of(f"NVRM: Xid (PCI:0000:cb:00): {code}, {text}", at_us)
    assert word is not None
    return word


def against(*words: GpuWord, trusted: dict[str, int] | None = None) -> str:
    """Why nothing may be given to it after this."""
    found = standing(words, trusted or {})
    return why_against(found[PLACE]) if PLACE in found else ""


@pytest.mark.parametrize(
    ("bus_id", "place"),
    [
        ("00000000:18:00.0", "0000:18:00"),
        ("0000:CB:00", "0000:cb:00"),
        ("00010000:0A:1F.0", "10000:0a:1f"),
        ("", ""),
        ("18:00", ""),
        ("pci", ""),
        ("0000:zz:00.0", ""),
    ],
)
def test_a_place_on_the_bus_is_written_in_one_way(bus_id: str, place: str) -> None:
    assert bus_place(bus_id) == place


@pytest.mark.parametrize(
    ("record", "code", "place"),
    [
        ("NVRM: Xid (PCI:0000:05:00): 79, pid='<unknown>', GPU has fallen off the bus.", 79,
         "0000:05:00"),
        ("NVRM: Xid (0000:05:00): 13, Graphics Exception", 13, "0000:05:00"),
        ("NVRM: GPU 0000:18:00.0: GPU has fallen off the bus.", 79, "0000:18:00"),
        ("NVRM: The NVIDIA GPU 0000:b3:00.0 (PCI ID: 10de:1db6)\\x0aNVRM: has fallen off the bus.",
         79, "0000:b3:00"),
        ("NVRM: loading NVIDIA UNIX x86_64 Kernel Module  580.65.06", 0, ""),
    ],
)  # fmt: skip
def test_records_of_the_driver_are_understood(record: str, code: int, place: str) -> None:
    word = word_of(record, 7)
    assert word is not None
    assert (word.pci, word.code, word.at_us) == (place, code, 7)


@pytest.mark.parametrize(
    "record",
    [
        "",
        "NVRM: GPU0 _issueRpcAndWait: rpcSendMessage failed with status 0x0000000f",
        "NVRM: Xid (PCI:nonsense): 79, fallen",
        "nvidia 0000:18:00.0: fallen off the bus",
        "NVRM: Xid (PCI:0000:05:00): ",
    ],
)
def test_other_records_say_nothing_of_a_gpu(record: str) -> None:
    assert word_of(record, None) is None


@pytest.mark.parametrize("code", [46, 48, 62, 64, 79, 95, 109, 119, 120, 140, 143])
def test_an_xid_that_asks_for_more_than_a_new_process_speaks_against_a_gpu(code: int) -> None:
    assert against(xid(code)).startswith(f"Xid {code}: ")


@pytest.mark.parametrize("code", [8, 13, 31, 43, 45, 63, 92, 94, 121, 137, 999])
def test_an_xid_of_one_process_does_not(code: int) -> None:
    assert against(xid(code)) == ""


def test_the_first_is_the_cause_of_the_others() -> None:
    assert against(xid(79), xid(119), xid(154, "unreadable")).startswith("Xid 79: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)", "reset"),
        ("GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)", ""),
        ("GPU recovery action changed from 0x0 (None) to 0x3 (Drain P2P)", ""),
        ("GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)", "reboot"),
    ],
)
def test_the_drivers_own_verdict_counts_more_than_what_came_before(text: str, words: str) -> None:
    found = against(xid(62), xid(154, text))
    assert words in found
    assert bool(found) == bool(words)


def test_a_memory_error_that_was_contained_speaks_against_nothing() -> None:
    assert against(xid(48, at_us=1), xid(94, at_us=4_000_000)) == ""
    assert against(xid(48, at_us=1), xid(94, at_us=60_000_000)) != ""
    assert against(xid(48, at_us=1), xid(95, at_us=2), xid(94, at_us=3)).startswith("Xid 95")


def test_only_a_fatal_error_of_nvlink_5_does() -> None:
    assert "NVLink" in against(xid(149, "NETIR_LINK_EVT Fatal XC0 i0 Link 08"))
    assert against(xid(149, "NETIR_LINK_EVT Nonfatal XC0 i0 Link 08")) == ""


def test_a_driver_that_was_loaded_anew_begins_afresh() -> None:
    loaded = word_of("NVRM: loading NVIDIA UNIX x86_64 Kernel Module  580.65.06", 5)
    assert loaded is not None
    assert against(xid(62, at_us=1), loaded) == ""
    assert against(loaded, xid(62, at_us=9)) != ""


def test_what_was_said_before_a_gpu_was_trusted_again_counts_no_more() -> None:
    assert against(xid(62, at_us=5), trusted={PLACE: 5}) == ""
    assert against(xid(62, at_us=5), xid(79, at_us=6), trusted={PLACE: 5}).startswith("Xid 79")
    assert against(xid(62, at_us=5), trusted={"0000:01:00": 5}) != ""


def test_nvml_is_the_better_witness() -> None:
    said = "Xid 62: the GPU needs a reset"
    gpu = Gpu(uuid="GPU-1", index=0, memory_total_mib=8, memory_free_mib=8, against=said)
    assert unfit(gpu) == said
    assert unfit(Gpu(
        uuid="GPU-1", index=0, memory_total_mib=8, memory_free_mib=8, against=said, recovery=0
    )) == ""  # fmt: skip
