"""An NVIDIA card's memory, asked of its driver and without torch: how much there is, used, and by whom.

A driver may take its time or never answer, so it is asked in a thread, and whoever wants to know looks at the
last answer. Cards of other makers are not known here.
"""

import ctypes
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ASK_A_BROKEN_DRIVER_EVERY_S = 60.0
_UNANSWERED_AFTER_S = 10.0


@dataclass(frozen=True)
class CardSight:
    """`held_by`: bytes by process id; None where the driver names a process and keeps its share to itself."""

    name: str
    total_bytes: int
    used_bytes: int
    held_by: Mapping[int, int | None] = field(default_factory=dict)


class CardReader:
    """`sight` is the last answer; None where there is no card, and `problem` says what is wrong with it."""

    def __init__(self) -> None:
        self.sight: CardSight | None = None
        self.problem = ""
        self._thread: threading.Thread | None = None
        self._asked_at = 0.0
        self._ask_again_at = 0.0

    @property
    def is_asking(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def ask(self) -> None:
        """Returns at once; nothing is asked while an answer is waited for."""
        now = time.monotonic()
        if self.is_asking:
            if now - self._asked_at > _UNANSWERED_AFTER_S:
                self.sight, self.problem = None, "The NVIDIA driver does not answer."
            return
        if now < self._ask_again_at:
            return
        self._asked_at = now
        self._thread = threading.Thread(target=self._read, name="card", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """For the answer."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _read(self) -> None:
        if not has_driver():
            self._ask_again_at = float("inf")
            return
        import pynvml

        try:
            self.sight, self.problem = _read_card(pynvml), ""
        except (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError) as error:
            self.sight = None
            reason = str(error).rstrip(".")
            self.problem = (
                f"The NVIDIA driver does not work ({reason}); restart the machine, or mend the driver."
            )
            self._ask_again_at = time.monotonic() + _ASK_A_BROKEN_DRIVER_EVERY_S


def has_driver() -> bool:
    """Whether the driver's library is here; asked first, as most machines need not load what speaks to it."""
    if sys.platform != "linux":
        return sys.platform == "win32"
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return False
    return True


def _read_card(nvml: Any) -> CardSight | None:
    """The first card, which is the one that models are put on."""
    try:
        nvml.nvmlInit()
    except nvml.NVMLError_LibraryNotFound:  # Windows has no driver of NVIDIA's
        return None
    if nvml.nvmlDeviceGetCount() == 0:
        return None
    card = nvml.nvmlDeviceGetHandleByIndex(0)
    memory = nvml.nvmlDeviceGetMemoryInfo(card)
    return CardSight(str(nvml.nvmlDeviceGetName(card)), memory.total, memory.used, _held_by(nvml, card))


def _held_by(nvml: Any, card: Any) -> dict[int, int | None]:
    """Old drivers and some virtual cards do not tell at all."""
    try:
        processes = nvml.nvmlDeviceGetComputeRunningProcesses(card)
    except (nvml.NVMLError, nvml.NVMLLibraryMismatchError):  # the latter where it is too old for the question
        return {}
    return {process.pid: process.usedGpuMemory for process in processes}
