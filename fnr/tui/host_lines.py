"""What the dashboard says of what attempts need: the GPUs as read, the breakers with countdowns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from fnr.api.plain_text import one_line
from fnr.api.resource_requests import GpuLine, GpuList
from fnr.policy.breaker import BreakerState
from fnr.policy.breaker_record import BreakerStatus
from fnr.policy.condition import size_text
from fnr.tui.cells import ago, left
from fnr.tui.looks import look_of

GPUS_SHOWN = 8
BREAKERS_SHOWN = 6
BAR_CELLS = 10
_MIB_PER_GIB = 1_024


def gpu_lines(found: GpuList, width: int) -> list[Text]:
    """Each GPU: is it fit for work, its memory, how busy and warm it is, and who has it."""
    if not found.gpus:
        return [Text(f"? cannot be seen: {one_line(found.missing)}", "yellow")]
    lines = [_gpu_line(one, width) for one in found.gpus[:GPUS_SHOWN]]
    if len(found.gpus) > GPUS_SHOWN:
        lines.append(Text(f"… and {len(found.gpus) - GPUS_SHOWN} more: fnr gpu list", "dim"))
    return lines


def _gpu_line(one: GpuLine, width: int) -> Text:
    gpu = one.gpu
    line = Text(f"{gpu.place} ")
    if one.unfit:
        line.append(f"✗ {one_line(one.unfit)}  ", "bold red")
    else:
        line.append("● ", "green").append(f"{_bar(gpu.memory_free_mib, gpu.memory_total_mib)} ")
    line.append(f"{_size(gpu.memory_free_mib)} of {_size(gpu.memory_total_mib)} free  ")
    line.append(f"{_reading(gpu.busy_percent, ' %')} {_reading(gpu.temperature_c, ' °C')}  ", "dim")
    holders = ", ".join(dict.fromkeys(one_line(given.function) for given in one.allocations))
    line.append(holders or "nobody has it", "" if holders else "dim")
    if width > 70:
        line.append(f"  {one_line(gpu.name)}", "dim")
    return line


def _bar(free_mib: int | None, total_mib: int | None) -> str:
    """How much of it is used; nothing that was not read is drawn."""
    if free_mib is None or not total_mib:
        return "?" * BAR_CELLS
    used = round((total_mib - free_mib) * BAR_CELLS / total_mib)
    return "█" * used + "·" * (BAR_CELLS - used)


def _size(mib: int | None) -> str:
    if mib is None:
        return "unknown"
    return f"{mib / _MIB_PER_GIB:.1f}GiB" if mib >= _MIB_PER_GIB else size_text(mib)


def _reading(value: int | None, unit: str) -> str:
    return f"?{unit}" if value is None else f"{value}{unit}"


def breaker_lines(breakers: Sequence[BreakerStatus]) -> list[Text]:
    """Those that do not simply let calls through, with what is left of it; the rest counted."""
    odd = [one for one in breakers if one.state is not BreakerState.CLOSED]
    odd.sort(key=lambda one: (one.until_at_ms is None, one.until_at_ms, one.name))
    lines = [_breaker_line(one) for one in odd[:BREAKERS_SHOWN]]
    if len(odd) > BREAKERS_SHOWN:
        lines.append(Text(f"… and {len(odd) - BREAKERS_SHOWN} more", "dim"))
    if closed := len(breakers) - len(odd):
        look = look_of("closed")
        lines.append(Text().append(f"{look.sign} ", look.style).append(f"{closed} closed", "dim"))
    return lines


def _breaker_line(one: BreakerStatus) -> Text:
    look = look_of(one.state.value)
    line = Text().append(f"{look.sign} {one_line(one.name)} {one.state.value}", look.style)
    if countdown := left(one.until_at_ms):
        line.append(f"  {countdown} left", "yellow")
    line.append(f"  for {ago(one.since_at_ms)}")
    return line.append(f"  {one_line(one.why)}", "dim")
