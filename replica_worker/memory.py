"""Memory that was freed goes back to the system: a worker stays as small as its work.

Arrow's own pools, and the C library's arenas (one for each thread that asks, up to eight for each
processor), keep what was freed for the next time. In a process that works on chunk after chunk,
with a thread or two for each, they grow. Where the C library is not glibc, nothing is done.
"""

from __future__ import annotations

import ctypes
from functools import cache

import pyarrow as pa

_M_ARENA_MAX = -8  # of glibc's mallopt
_ARENAS = 2


def bound_memory() -> None:
    """Have all that this process allocates come from few places that can be given back."""
    pa.set_memory_pool(pa.system_memory_pool())
    library = _glibc()
    if library:
        library.mallopt(_M_ARENA_MAX, _ARENAS)


def give_memory_back() -> None:
    """Return to the system what is free, to be called when much was; takes under a millisecond."""
    library = _glibc()
    if library:
        library.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
