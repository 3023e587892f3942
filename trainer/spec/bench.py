"""How the quality of models is measured. Each field is a flag, a JSON key and a row of the form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.spec.errors import UsageError
from core.spec.fields import setting

Ask = Literal["complete", "chat"]
Cut = Literal["single-line", "multi-line", "block"]
CUTS: tuple[Cut, ...] = ("single-line", "multi-line", "block")
# names that stand for several models on a command line
MODEL_SETS: Mapping[str, tuple[str, ...]] = {
    "variants": tuple(
        f"smallcoder-{size}{ending}" for ending in ("", "-lc") for size in ("tiny", "small", "medium")
    )
}


@dataclass(frozen=True)
class AnswerSettings:
    """How a model is asked, whatever the tasks."""

    limit: int = setting(0, "Only so many tasks, drawn by the seed, for a quick look; 0 is all", low=0)
    seed: int = setting(42, "Of all that is left to chance", low=0, high=2**31 - 1)
    max_tokens: int = setting(512, "Length of an answer at most", low=1, high=4096)
    answer_seconds: float = setting(120.0, "Time for one answer at most", low=0.1, high=3600)


@dataclass(frozen=True)
class QualitySettings(AnswerSettings):
    attempts: int = setting(1, "Answers asked of each task", low=1, high=1000)
    k: tuple[int, ...] = setting((1,), "pass@k is told for these, up to the number of attempts", low=1)
    temperature: float = setting(0.0, "0 takes the likeliest token; above 0 attempts differ", low=0, high=2)
    top_p: float = setting(0.95, "Choose among the likeliest that hold this share together", low=0, high=1)
    ask: Ask = setting(
        "complete", "Let it go on with the code, or ask it in words and take the code it shows"
    )
    strip_prompt: bool = setting(
        False, "Ask without the blanks at a prompt's end, as some harnesses do; scores of both may differ"
    )
    test_seconds: float = setting(10.0, "Time for one answer and its tests", low=0.1, high=3600)
    test_memory_mb: int = setting(512, "Memory for one answer and its tests", low=16, high=65536)
    check_references: bool = setting(True, "First see that each task's own solution passes its tests")
    unconfined: bool = setting(False, "Run answers although this system cannot fence them in")

    def __post_init__(self) -> None:
        if not self.k or max(self.k) > self.attempts:
            raise UsageError(
                f"pass@{max(self.k, default=1)} needs as many attempts; raise attempts ({self.attempts}) or "
                "lower k."
            )
        if self.attempts > 1 and self.temperature == 0:
            raise UsageError("Attempts at temperature 0 are all the same; raise temperature, to 0.2 perhaps.")


@dataclass(frozen=True)
class RepoSettings(AnswerSettings):
    cuts: tuple[str, ...] = setting((), f"What is cut out: {', '.join(CUTS)}; nothing said is all")
    per_cut: int = setting(40, "Tasks of each kind", low=1, high=100_000)
    max_tokens: int = setting(128, "Length of an answer at most", low=1, high=4096)
    held_out_share: float = setting(
        0.0,
        "Only files that 'data prepare' with this validation_share keeps from training; 0 is all",
        low=0,
        high=0.5,
    )

    def __post_init__(self) -> None:
        for name in self.cuts:
            if name not in CUTS:
                raise UsageError(f"There is no cut {name!r}; cuts are {', '.join(CUTS)}.")

    @property
    def kinds(self) -> tuple[Cut, ...]:
        return tuple(kind for kind in CUTS if not self.cuts or kind in self.cuts)
