"""A reading of a GPU, and whether work may be given to it.

What could not be read is None. A GPU of which the driver says that it is lost or wants a reset is
unfit, and so is one whose memory cannot be read: unknown is never healthy. Where the driver has no
recovery action to tell, what it said in the kernel log counts instead.
"""

from __future__ import annotations

from msgspec import Struct, field

# NVML's own advice, which is worth more than any guess made of Xids (field 230).
RECOVERY_ACTIONS = {
    0: "",
    1: "the driver asks for a reset of it",
    2: "the driver asks for a reboot of the host",
    3: "the driver asks to drain it of multi-GPU work",
    4: "the driver asks to drain and reset it",
    5: "its IMEX domain has to be recovered",
    6: "the driver asks for a bus reset",
    7: "the driver asks for a reboot of the system",
}
# Work on one GPU goes on; only peer-to-peer traffic is to end.
_DRAIN_P2P = 3


class Gpu(Struct, frozen=True, kw_only=True):
    """One reading of one GPU, or of one MIG instance: a part of a GPU that is given by itself.

    index:    of the whole GPU. instance: which part of it; None for a whole one.
    pci:      its place on the bus, as policy/gpu_words.py writes it; "" where it is not known.
    error: what the driver answered instead, "GPU is lost". recovery: NVML's recovery action, None
    where the driver has none. against: what the kernel log says against it, "" when nothing.
    memory_by_pid: only what is known; inside a container it is nothing.
    """

    uuid: str
    index: int
    instance: int | None = None
    pci: str = ""
    name: str = ""
    memory_total_mib: int | None = None
    memory_free_mib: int | None = None
    temperature_c: int | None = None
    busy_percent: int | None = None
    power_w: int | None = None
    recovery: int | None = None
    error: str = ""
    against: str = ""
    memory_by_pid: dict[int, int] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Its number, as nvidia-smi has it: "0", or "0:1" for a part of it."""
        return f"{self.index}" if self.instance is None else f"{self.index}:{self.instance}"


class GpuReport(Struct, frozen=True, kw_only=True):
    """All GPUs, or why there are none to see."""

    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    missing: str = ""


def unfit(gpu: Gpu) -> str:
    """Why no work may be given to it; "" when it is healthy."""
    if gpu.error:
        return gpu.error
    if gpu.recovery is not None and (why := recovery_words(gpu.recovery)):
        return why
    if gpu.recovery is None and gpu.against:
        return gpu.against
    if gpu.memory_total_mib is None or gpu.memory_free_mib is None:
        return "its memory cannot be read"
    return ""


def recovery_words(action: int) -> str:
    """What a recovery action asks for; "" when work on one GPU goes on."""
    if action == _DRAIN_P2P:
        return ""
    return RECOVERY_ACTIONS.get(action, f"the driver asks for recovery action {action}")
