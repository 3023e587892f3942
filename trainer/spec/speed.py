"""SpeedSettings: how the speed of a model is measured; every field is a flag, a JSON key, a row of a form."""

from dataclasses import dataclass

from core.spec.errors import UsageError
from core.spec.fields import setting

# from here on it is pleasant to have code written along with one's own
PLEASANT_TOKENS_PER_S = 20.0
PLEASANT_KEYSTROKE_MS = 250.0
DISTURBING_SHARE = 0.1  # of the processors, taken by other programs: from here on that is said


@dataclass(frozen=True)
class SpeedSettings:
    prompt_tokens: tuple[int, ...] = setting(
        (512,), "How long the prompt is; several lengths with commas", low=1, high=2**20
    )
    new_tokens: int = setting(64, "How many tokens are written behind it", low=2, high=4096)
    rounds: int = setting(5, "How often all is repeated; medians are told", low=1, high=1000)

    def __post_init__(self) -> None:
        if not self.prompt_tokens:
            raise UsageError("prompt_tokens needs at least one length.")
