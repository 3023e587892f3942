"""This machine and this program, as results name them, so that figures of several can be told apart."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import psutil

from core.spec.version import version

_PACKAGES = ("torch", "tokenizers", "sentencepiece", "numpy")
_CORE_SIGNS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "amx_bf16", "asimddp", "i8mm")


def describe_machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(logical=False) or os.cpu_count(),
        "threads": os.cpu_count(),
        "features": _features(),
        "memory_bytes": psutil.virtual_memory().total,
        "card": _card(),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "architecture": platform.machine(),
    }


def describe_versions() -> dict[str, str]:
    found = {"smallcoder": version(), "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = distribution(name).version
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    if sys.platform == "linux":
        names = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
        return names[0] if names else platform.machine()
    return platform.processor() or platform.machine()


def _features() -> list[str]:
    lines = [line.partition(":")[2].split() for line in _cpuinfo() if line.startswith(("flags", "Features"))]
    return [sign for sign in _CORE_SIGNS if lines and sign in lines[0]]


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _card() -> dict[str, Any] | None:
    """Where torch is not loaded, no card was used."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    facts = torch.cuda.get_device_properties(0)
    return {"name": facts.name, "memory_bytes": facts.total_memory}
