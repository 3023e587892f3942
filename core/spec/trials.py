"""Trial: one answer to one task of a benchmark. A row of its results, and what its events tell."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Trial:
    """One answer to one task, and what became of it.

    `output` is all that the model wrote, `used` the part that counts. `outcome` is the sandbox's word where
    tests were run; of code without tests it is exact or different; empty where nothing was written, unasked
    where the task has no room in the model. `broken` names each expectation or rule that the answer fails.
    Scores are from 0 to 1, None where they do not apply.
    """

    task: str
    category: str
    attempt: int
    outcome: str
    reason: str
    output: str
    used: str
    expected: str = ""
    program: str = ""
    printed: str = ""
    passed: bool | None = None
    syntax: float | None = None
    constructs: float | None = None
    flow: float | None = None
    practices: float | None = None
    exact: float | None = None
    similarity: float | None = None
    quality: float = 0.0
    broken: tuple[str, ...] = ()
    prompt_tokens: int = 0
    new_tokens: int = 0
    first_token_ms: float = 0.0
    total_ms: float = 0.0
    test_ms: float = 0.0
    ending: str = ""

    @property
    def is_good(self) -> bool:
        """Passed its tests, or where there are none is what stood there."""
        return self.outcome in ("passed", "exact")
