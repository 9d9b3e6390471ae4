"""Hold no more memory than is used."""

from __future__ import annotations

import gc

# M_ARENA_MAX of malloc.h.
_ARENA_MAX = -8


def share_one_arena() -> None:
    """Let all threads that begin from now on take memory from one place; a no-op elsewhere.

    glibc gives each its own, and what a thread leaves there in pieces is not given back: reading
    the rules beside the loop kept up to 5 MiB more.
    """
    import ctypes  # noqa: PLC0415 - 1 MiB that most processes can do without

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not in musl
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)


def release_memory() -> None:
    """Return what the allocator only keeps for later; does nothing where it cannot.

    After a large piece of work, such as reading all rules, glibc holds on to tens of MiB.
    """
    import ctypes  # noqa: PLC0415 - 1 MiB that most processes can do without

    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in musl
    if trim is not None:
        trim(0)
