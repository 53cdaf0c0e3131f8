"""The heap of this process: memory that arrays gave back stays with it.

A large array that is freed goes back to the system by default, and the next one is handed out page by page, each page
cleared: a fifth of a sweep's time, and three quarters where dask's nanny has set MALLOC_TRIM_THRESHOLD_ to 64 KiB.
"""

import contextlib
import ctypes

__all__ = ["keep_memory"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)
KEPT = 1 << 28  # bytes of free heap that stay with the process
LARGEST = 1 << 25  # bytes of the largest block that is taken from the heap: glibc takes no more


def keep_memory() -> None:
    """Ask the C library to keep up to 256 MiB that are free; nothing where it has no such setting."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # TypeError: no None on Windows
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_TRIM_THRESHOLD, KEPT)
        mallopt(M_MMAP_THRESHOLD, LARGEST)
