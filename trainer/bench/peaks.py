"""The most memory that this process has held so far: resident in RAM, and of a card's."""

import sys
from pathlib import Path
from typing import Any

import psutil


def peak_ram_bytes() -> int:
    if sys.platform == "linux":  # what getrusage tells begins with the parent's size
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def card_memory() -> dict[str, Any]:
    """Of the allocator in this process; null where no card computes."""
    torch: Any = sys.modules.get("torch")  # which is not there where nothing needed it
    if torch is None or not torch.cuda.is_available():
        return dict.fromkeys(("allocated_vram_bytes", "reserved_vram_bytes", "peak_vram_bytes"))
    return {
        "allocated_vram_bytes": torch.cuda.memory_allocated(),
        "reserved_vram_bytes": torch.cuda.memory_reserved(),
        "peak_vram_bytes": torch.cuda.max_memory_allocated(),
    }
