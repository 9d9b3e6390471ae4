"""When each call of the no-op function was made, collected in memory from all worker processes."""

from __future__ import annotations

import os
import time

BYTES = 8
LOOK_AGAIN_S = 0.01
PATIENCE_S = 240.0


class Stamps:
    """A file in memory: workers append to it by its path, no disk is involved."""

    def __init__(self) -> None:
        self._fd = os.memfd_create("stamps")
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"

    def wait_for(self, count: int) -> list[int]:
        """The moments of all calls in ns, sorted, once there are `count`.

        Looked for every 10 ms: that decides when this returns, not what it returns.
        """
        deadline_s = time.monotonic() + PATIENCE_S
        while os.fstat(self._fd).st_size < count * BYTES:
            if time.monotonic() > deadline_s:
                calls = os.fstat(self._fd).st_size // BYTES
                raise TimeoutError(f"{calls} of {count} calls within {PATIENCE_S:.0f} s")
            time.sleep(LOOK_AGAIN_S)
        raw = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        return sorted(
            int.from_bytes(raw[at : at + BYTES], "little") for at in range(0, len(raw), BYTES)
        )

    def clear(self) -> None:
        """Forget all calls so far."""
        os.ftruncate(self._fd, 0)

    def close(self) -> None:
        """Give the memory back."""
        os.close(self._fd)


def rate_per_s(moments_ns: list[int], *, skip: int) -> float:
    """Calls per second between the first that is not skipped and the last."""
    counted = moments_ns[skip:]
    return (len(counted) - 1) * 1e9 / (counted[-1] - counted[0])
