"""The engine: `from core import load; engine = load("path/to/model")`. torch comes with its first use."""

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "load":
        from core.engine import load

        return load
    raise AttributeError(f"module 'core' has no attribute {name!r}")
