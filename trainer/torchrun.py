"""What torchrun tells processes that it has started together: known before torch is loaded."""

import os


def started_together() -> int:
    """How many processes torchrun has started with this one; 1 where it has not."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "LOCAL_RANK" in os.environ else 1


def is_first_process() -> bool:
    """The one that keeps the folder and speaks; alone, this one."""
    return started_together() == 1 or os.environ.get("RANK", "0") == "0"
