"""What the NVIDIA driver says of GPUs in the kernel log, and whether it still speaks against one.

NVML's recovery action is the better witness and is asked first (policy/gpu.py); many drivers and
consumer cards have none, and then an Xid is all there is. Which Xids ask for more than a new
process stands in NVIDIA's catalogue: https://docs.nvidia.com/deploy/xid-errors/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from fnr.policy.gpu import recovery_words

_RESET = "the GPU needs a reset"
_REBOOT = "the host needs a reboot"
# Resolution of the catalogue, where it is more than "start the application again" or "ignore".
XIDS_AGAINST = {
    **dict.fromkeys((46, 62, 64, 109, 110, 136, 140, 143, 155, 156, 158), _RESET),
    48: f"memory error that cannot be corrected: {_RESET}",
    54: "its auxiliary power is not connected",
    78: "it needs another driver or firmware",
    79: f"it has fallen off the bus: {_REBOOT}",
    95: f"uncontained memory error: {_RESET}",
    119: f"its GSP does not answer: {_RESET}",
    120: f"its GSP has failed: {_RESET}",
    142: "its video encoder has failed: ask NVIDIA's support",
    151: "the virtual machine needs a restart",
}
_NVLINK5 = range(144, 151)
_DOUBLE_BIT, _CONTAINED, _RECOVERY_CHANGED, _OFF_THE_BUS = 48, 94, 154, 79
# An uncorrectable error that turns out to be contained ends the process that met it, and no more.
_CONTAINED_WITHIN_US = 5_000_000

# NVRM: Xid (PCI:0000:cb:00): 109, pid=1797828, name=pt_main_thread, Ch 00000008, …
_XID = re.compile(r"^NVRM: Xid \((?:PCI:)?([0-9a-fA-F:.]+)\): (\d{1,3}), (.*)", re.DOTALL)
# NVRM: GPU 0000:18:00.0: GPU has fallen off the bus.
_FALLEN = re.compile(
    r"^NVRM: (?:The NVIDIA )?GPU ([0-9a-fA-F:.]+)\b.* fallen off the bus", re.DOTALL
)
# … recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)
_CHANGED_TO = re.compile(r"\bto 0x([0-9a-fA-F]+)")
# NVRM: loading NVIDIA UNIX x86_64 Kernel Module  580.65.06 …
_LOADED = "NVRM: loading NVIDIA"


class GpuWord(Struct, frozen=True, kw_only=True):
    """One record on a GPU, or on all of them ("" as pci): the driver was loaded anew.

    pci: its place on the bus as `bus_place` writes it. code: the Xid. at_us: the log's own clock.
    """

    pci: str
    code: int = 0
    text: str = ""
    at_us: int = 0


def bus_place(bus_id: str) -> str:
    """One way to write a place on the bus; "" when this is none.

    NVML writes "00000000:18:00.0" and the log "0000:18:00".
    """
    parts = bus_id.partition(".")[0].lower().split(":")
    try:
        domain, bus, device = (int(part, 16) for part in parts)
    except ValueError:
        return ""
    return f"{domain:04x}:{bus:02x}:{device:02x}"


def word_of(record: str, at_us: int | None) -> GpuWord | None:
    """What a record of the kernel says of GPUs; None when it is about something else."""
    if not record.startswith("NVRM: "):
        return None
    if record.startswith(_LOADED):
        return GpuWord(pci="", at_us=at_us or 0)
    if found := _XID.match(record):
        place, code, text = bus_place(found[1]), int(found[2]), found[3]
    elif found := _FALLEN.match(record):
        place, code, text = bus_place(found[1]), _OFF_THE_BUS, ""
    else:
        return None
    return GpuWord(pci=place, code=code, text=text, at_us=at_us or 0) if place else None


def standing(words: Iterable[GpuWord], trusted: Mapping[str, int]) -> dict[str, GpuWord]:
    """The word that speaks against each GPU now, by place; words in the order of the log.

    trusted: place -> up to which moment nothing counts.
    """
    against: dict[str, GpuWord] = {}
    for word in words:
        if word.pci and word.at_us <= trusted.get(word.pci, -1):
            continue
        if not word.pci:
            against.clear()
        elif is_last_word(word):
            against.pop(word.pci, None)
            if why_against(word):
                against[word.pci] = word
        elif word.code == _CONTAINED:
            before = against.get(word.pci)
            if before is not None and takes_back(word, before):
                del against[word.pci]
        elif why_against(word):
            # The first is the cause, later ones are its consequences.
            before = against.get(word.pci)
            if before is None or before.code == _DOUBLE_BIT:
                against[word.pci] = word
    return against


def is_last_word(word: GpuWord) -> bool:
    """Is it the driver's own verdict on all that it said before?"""
    return word.code == _RECOVERY_CHANGED and _CHANGED_TO.search(word.text) is not None


def takes_back(word: GpuWord, before: GpuWord) -> bool:
    """Does it say that the error before has ended a process, and no more?"""
    contained = (word.code, before.code) == (_CONTAINED, _DOUBLE_BIT)
    return contained and word.at_us - before.at_us <= _CONTAINED_WITHIN_US


def why_against(word: GpuWord) -> str:
    """Why no work may be given to a GPU of which this was said; "" when it may."""
    if word.code == _RECOVERY_CHANGED:
        found = _CHANGED_TO.search(word.text)
        words = recovery_words(int(found[1], 16)) if found else ""
    elif word.code in _NVLINK5:
        fatal = re.search(r"\bFatal\b", word.text)
        words = f"fatal error of its NVLink: {_RESET}" if fatal else ""
    else:
        words = XIDS_AGAINST.get(word.code, "")
    return f"Xid {word.code}: {words}" if words else ""
