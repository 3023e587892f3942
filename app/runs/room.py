"""The system's memory as a run would find it now, for who has no time to ask a process that computes."""

import psutil

from core.spec.calibration import runtime_bytes
from core.spec.machine import Machine
from core.spec.sizes import MB


def room_now(ram_mb: int) -> Machine:
    """`ram_mb`: the limit for all programs together; 0 is all there is."""
    memory = psutil.virtual_memory()
    return Machine(
        limit_bytes=min(ram_mb * MB, memory.total) if ram_mb else memory.total,
        others_bytes=memory.total - memory.available,
        runtime_bytes=runtime_bytes(),
    )
