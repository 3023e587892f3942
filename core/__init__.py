"""The engine: `from core import load; engine = load("path/to/model")`. torch comes where it is needed."""

import os
from typing import Any

# Said before torch is loaded, or it is not heard: threads that wait by spinning starve everybody else; with
# one other program at work a model writes several times slower than with threads that sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def __getattr__(name: str) -> Any:
    if name == "load":
        from core.engine import load

        return load
    raise AttributeError(f"module 'core' has no attribute {name!r}")
