"""A process of its own that asks NVML, because a driver can hang for ever and so do its callers.

`python -m fnr.host.gpu_probe`: standard output is a Unix socket; every line that comes in is
answered by one line, a GpuReport as JSON. It ends when the other side is gone.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from fnr.host.process import die_with_parent
from fnr.policy.gpu import Gpu, GpuReport

_MIB = 1 << 20
_RECOVERY_FIELD = 230
_TEMPERATURE_GPU = 0
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
            gpus = tuple(self._gpu(nvml, index) for index in range(nvml.nvmlDeviceGetCount()))
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

    def _gpu(self, nvml: Any, index: int) -> Gpu:
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            self._uuids[index] = nvml.nvmlDeviceGetUUID(handle)
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        except nvml.NVMLError as error:
            if index not in self._uuids:
                return Gpu(uuid=f"unknown-{index}", index=index, error=_ill(error))
            return Gpu(uuid=self._uuids[index], index=index, error=_ill(error))
        power_mw = _of(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        busy = _of(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
        return Gpu(
            uuid=self._uuids[index],
            index=index,
            name=_of(lambda: nvml.nvmlDeviceGetName(handle)) or "",
            memory_total_mib=memory.total // _MIB,
            memory_free_mib=memory.free // _MIB,
            temperature_c=_of(lambda: nvml.nvmlDeviceGetTemperature(handle, _TEMPERATURE_GPU)),
            busy_percent=busy.gpu if busy is not None else None,
            power_w=power_mw // 1000 if power_mw is not None else None,
            recovery=_recovery(nvml, handle),
            memory_by_pid=_memory_by_pid(nvml, handle),
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
