"""Sampling: how the next token is chosen and where a text ends, as a person sets it."""

from dataclasses import dataclass

from core.spec.errors import UsageError
from core.spec.fields import setting


@dataclass(frozen=True)
class Sampling:
    temperature: float = setting(0.0, "0 takes the likeliest token, higher is bolder", low=0, high=2)
    top_k: int = setting(0, "Choose among so many likeliest tokens; 0 is off", low=0, high=100)
    top_p: float = setting(1.0, "Choose among the likeliest that hold this share together", low=0, high=1)
    min_p: float = setting(0.0, "Leave out what is less likely than this times the likeliest", low=0, high=1)
    repetition_penalty: float = setting(1.0, "Above 1 makes tokens already seen less likely", low=0.5, high=4)
    max_tokens: int = setting(128, "Length of the answer at most", low=1, high=4096)
    stop: tuple[str, ...] = setting((), "End before this text; may be given several times")
    seed: int = setting(42, "The same seed gives the same text", low=0, high=2**63 - 1)

    def __post_init__(self) -> None:
        if "" in self.stop:
            raise UsageError("A stop text must not be empty; leave --stop out instead.")
