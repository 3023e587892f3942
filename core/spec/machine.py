"""Machine: the memory of one place to compute, as numbers. Measuring them takes libraries, and is above."""

from dataclasses import dataclass

from core.spec.budget import RESERVE_BYTES
from core.spec.sizes import MB


@dataclass(frozen=True)
class Machine:
    """The memory of one place to compute: the system's, or a card's. `ours_bytes`: models held already, in
    this process or beside it."""

    limit_bytes: int
    others_bytes: int
    runtime_bytes: int
    reserve_bytes: int = RESERVE_BYTES
    ours_bytes: int = 0

    @property
    def free_bytes(self) -> int:
        """What is left of the smaller of the person's budget and the machine, less a reserve."""
        return max(0, self.limit_bytes - self.others_bytes - self.ours_bytes - self.reserve_bytes)


def limit_of(limit_mb: int, total_bytes: int) -> int:
    """What a person allows of all there is; 0 MB stands for no limit of theirs."""
    return min(limit_mb * MB, total_bytes) if limit_mb else total_bytes
