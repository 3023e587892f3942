"""What a sample may use, and what of the fence around it this system offers: plain data."""

from dataclasses import dataclass

from core.spec.fields import setting


@dataclass(frozen=True)
class Limits:
    """For one sample; its tests run under the same ones, in a process of their own."""

    seconds: float = setting(10.0, "time for a sample and its tests, by the clock", low=0.1, high=3600)
    memory_mb: int = setting(512, "memory that a sample may take", low=16, high=65536)
    output_bytes: int = setting(65536, "how much of what a sample prints is kept", low=0, high=1 << 28)
    file_mb: int = setting(16, "room in a sample's folder, and for what it prints", low=1, high=4096)
    processes: int = setting(32, "threads that a sample may start (processes none)", low=1, high=1024)


@dataclass(frozen=True)
class Confinement:
    """`holds` is what fences a sample in here; while `missing` names anything, the person is asked first."""

    holds: tuple[str, ...]
    missing: tuple[str, ...]
