"""A process of its own that asks NVML, because a driver can hang for ever and so do its callers.

`python -m fnr.host.gpu_probe`: standard output is a Unix socket; every line that comes in is
answered by one line, a GpuReport as JSON. It ends when the other side is gone.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from fnr.host.process import die_with_parent
from fnr.policy.gpu import Gpu, GpuReport
from fnr.policy.gpu_words import bus_place

_MIB = 1 << 20
_RECOVERY_FIELD = 230
_TEMPERATURE_GPU = 0
_MIG_ON = 1
# Answers that say something is wrong with the GPU itself; any other means "not readable here".
_ILL = ("NVMLError_GpuIsLost", "NVMLError_ResetRequired", "NVMLError_GpuNotFound")


def main() -> int:
    """Answer until the other side is gone."""
    die_with_parent()
    door = socket.socket(fileno=1)
    probe = Probe()
    while question := door.recv(4096):
        door.sendall((msgspec.json.encode(probe.report()) + b"\n") * question.count(b"\n"))
    return 0


class Probe:
    """NVML, begun when it is first asked and again after it failed as a whole."""

    def __init__(self) -> None:
        self._nvml: Any = None
        # A GPU that is lost does not even say who it was.
        self._uuids: dict[int, str] = {}

    def report(self) -> GpuReport:
        """All GPUs, or why there are none to see."""
        if self._nvml is None and (why := self._begin()):
            return GpuReport(missing=why)
        nvml = self._nvml
        try:
            gpus = tuple(
                gpu for index in range(nvml.nvmlDeviceGetCount()) for gpu in self._gpus(nvml, index)
            )
            return GpuReport(gpus=gpus, driver=_of(nvml.nvmlSystemGetDriverVersion) or "")
        except nvml.NVMLError as error:
            _of(nvml.nvmlShutdown)
            self._nvml = None
            return GpuReport(missing=f"NVML: {error}")

    def _begin(self) -> str:
        try:
            import pynvml  # noqa: PLC0415 - its absence is an answer
        except ImportError:
            return "nvidia-ml-py is not installed"
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            return f"NVML: {error}"
        self._nvml = pynvml
        return ""

    def _gpus(self, nvml: Any, index: int) -> tuple[Gpu, ...]:
        """A whole GPU, or what it is divided into: then it cannot be used itself."""
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            self._uuids[index] = nvml.nvmlDeviceGetUUID(handle)
            whole = self._gpu(nvml, handle, index)
        except nvml.NVMLError as error:
            uuid = self._uuids.get(index, f"unknown-{index}")
            return (Gpu(uuid=uuid, index=index, error=_ill(error)),)
        mode = _of(lambda: nvml.nvmlDeviceGetMigMode(handle))
        if mode is None or mode[0] != _MIG_ON:
            return (whole,)
        parts = tuple(
            _instance(nvml, whole, part, number)
            for number in range(_of(lambda: nvml.nvmlDeviceGetMaxMigDeviceCount(handle)) or 0)
            if (part := _of(partial(nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, number)))
        )
        return parts or (replace(whole, error="MIG is on, and it is divided into nothing"),)

    def _gpu(self, nvml: Any, handle: Any, index: int) -> Gpu:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        power_mw = _of(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        busy = _of(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
        return Gpu(
            uuid=self._uuids[index],
            index=index,
            pci=_place(nvml, handle),
            name=_of(lambda: nvml.nvmlDeviceGetName(handle)) or "",
            memory_total_mib=memory.total // _MIB,
            memory_free_mib=memory.free // _MIB,
            temperature_c=_of(lambda: nvml.nvmlDeviceGetTemperature(handle, _TEMPERATURE_GPU)),
            busy_percent=busy.gpu if busy is not None else None,
            power_w=power_mw // 1000 if power_mw is not None else None,
            recovery=_recovery(nvml, handle),
            memory_by_pid=_memory_by_pid(nvml, handle),
        )


def _instance(nvml: Any, whole: Gpu, part: Any, number: int) -> Gpu:
    """A part: its own memory, and the rest as it is with the whole; how busy it is nobody knows."""
    about = replace(whole, instance=number, busy_percent=None, memory_by_pid={})
    uuid = f"{whole.uuid}:{number}"
    try:
        uuid = nvml.nvmlDeviceGetUUID(part)
        memory = nvml.nvmlDeviceGetMemoryInfo(part)
    except nvml.NVMLError as error:
        return replace(
            about, uuid=uuid, memory_total_mib=None, memory_free_mib=None, error=_ill(error)
        )
    return replace(
        about,
        uuid=uuid,
        name=_of(lambda: nvml.nvmlDeviceGetName(part)) or whole.name,
        memory_total_mib=memory.total // _MIB,
        memory_free_mib=memory.free // _MIB,
        memory_by_pid=_memory_by_pid(nvml, part),
    )


def _ill(error: Exception) -> str:
    named = type(error).__name__
    return f"the driver says: {error}" if named in _ILL else f"it cannot be read: {error}"


def _recovery(nvml: Any, handle: Any) -> int | None:
    values = _of(lambda: nvml.nvmlDeviceGetFieldValues(handle, [_RECOVERY_FIELD]))
    if values is None or values[0].nvmlReturn != 0:
        return None
    action: int = values[0].value.uiVal
    return action


def _place(nvml: Any, handle: Any) -> str:
    info = _of(lambda: nvml.nvmlDeviceGetPciInfo_v3(handle))
    # Bytes or text: versions of the binding differ.
    bus_id = b"" if info is None else info.busId
    return bus_place(bus_id.decode("ascii", "replace") if isinstance(bus_id, bytes) else bus_id)


def _memory_by_pid(nvml: Any, handle: Any) -> dict[int, int]:
    found = _of(lambda: nvml.nvmlDeviceGetComputeRunningProcesses_v3(handle)) or []
    return {one.pid: one.usedGpuMemory // _MIB for one in found if one.usedGpuMemory is not None}


def _of(read: Callable[[], Any]) -> Any:
    """A value, or None where this driver or this GPU has none."""
    try:
        return read()
    except Exception as error:
        if not type(error).__name__.startswith("NVMLError"):
            raise
        return None


if __name__ == "__main__":
    sys.exit(main())
