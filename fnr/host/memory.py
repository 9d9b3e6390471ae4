"""Give memory that is no longer used back to the system."""

from __future__ import annotations

import gc


def release_memory() -> None:
    """Return what the allocator only keeps for later; does nothing where it cannot.

    After a large piece of work, such as reading all rules, glibc holds on to tens of MiB.
    """
    import ctypes  # noqa: PLC0415 - 1 MiB that most processes can do without

    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in musl
    if trim is not None:
        trim(0)
