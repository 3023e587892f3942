"""The system's memory as a run would find it now, for who has no time to ask a process that computes."""

import psutil

from core.spec.calibration import runtime_bytes
from core.spec.machine import Machine, limit_of


def room_now(ram_mb: int) -> Machine:
    """`ram_mb`: the limit for all programs together; 0 is all there is."""
    memory = psutil.virtual_memory()
    return Machine(
        limit_bytes=limit_of(ram_mb, memory.total),
        others_bytes=memory.total - memory.available,
        runtime_bytes=runtime_bytes(),
    )
