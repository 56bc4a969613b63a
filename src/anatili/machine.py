"""What the machine has, from the standard library alone: processors and memory."""

import os
import platform
from pathlib import Path


def memory() -> int:
    """Bytes of memory available to processes here in total; 0 if the system does not say."""
    try:
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text("ascii"))  # of a container
    except (OSError, ValueError):
        return physical
    return min(physical, limit)


def cores() -> int:
    """Processor cores (hardware threads) that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """The name of the processor, or of its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, (*names, platform.processor(), platform.machine())), "unknown")
