"""Every message between our processes, as plain data. How they go over a pipe is in lines.

The window asks a worker with requests and hears replies; a job only tells events. Each request that has an id
is answered with exactly one last word that carries it: Loaded, Unloaded, Counted, Done or Failed; only who
has stopped reading may miss some.
"""

from dataclasses import dataclass
from typing import Any, Literal

from core.spec.budget import Budget
from core.spec.editing import Editing
from core.spec.errors import (
    DataError,
    DoesNotFit,
    JobError,
    ModelFormatError,
    NotNumbers,
    SmallCoderError,
    TokenizerError,
    UsageError,
)
from core.spec.fields import setting
from core.spec.placement import Placement
from core.spec.sampling import Sampling
from core.spec.trials import Trial

PROTOCOL = 2
_MAX_SENTENCE_LETTERS = 2000

Role = Literal["system", "user", "assistant"]
Ending = Literal["end", "stop", "length", "context", "trimmed", "unsure", "cancelled"]
Activity = Literal["nothing", "loading", "completing", "chatting", "counting", "unloading"]
FailureKind = Literal["request", "busy", "cancelled", "model", "memory", "data", "job", "crashed", "bug"]
# a text; marks: of what comes before a gap, after it and into it; of a text's end; any other
PartKind = Literal["text", "before", "after", "middle", "end", "mark"]


def _id() -> Any:
    return setting(..., "Chosen by who asks; free again after the last word", low=0, high=2**53)


@dataclass(frozen=True)
class Turn:
    """One message of a conversation, as chat templates know it."""

    role: Role
    content: str


@dataclass(frozen=True)
class Load:
    """Takes the place of the model that is loaded; what is being answered or loaded is called off."""

    id: int = _id()
    path: str = setting(..., "A model's folder or a .gguf file")
    placement: Placement = setting(Placement(), "Where and how to run it")


@dataclass(frozen=True)
class Unload:
    id: int = _id()


@dataclass(frozen=True)
class Complete:
    """A newer one calls an older one off, whether that waits or is being answered."""

    id: int = _id()
    prefix: str = setting(..., "The text before the cursor")
    suffix: str = setting("", "The text after the cursor")
    editing: Editing = setting(Editing(), "What an editor knows and wants beside the text")
    sampling: Sampling = setting(Sampling(), "How tokens are chosen")


@dataclass(frozen=True)
class Chat:
    id: int = _id()
    messages: tuple[Turn, ...] = setting(..., "The conversation so far")
    sampling: Sampling = setting(Sampling(), "How tokens are chosen")

    def __post_init__(self) -> None:
        if not self.messages:
            raise UsageError("there is no message to answer; send at least one.")


@dataclass(frozen=True)
class Count:
    id: int = _id()
    text: str = setting(..., "The text whose tokens are counted")


@dataclass(frozen=True)
class Cancel:
    """Has no answer of its own: what is cancelled gets its last word."""

    id: int = _id()


@dataclass(frozen=True)
class Ping:
    """Answered with Status at once, whatever the engine is doing."""


Request = Load | Unload | Complete | Chat | Count | Cancel | Ping


@dataclass(frozen=True)
class ModelFacts:
    """What runs, and how it was placed; `concessions` say what better ways were tried and why they failed.

    `languages`: all that the model was taught, as Pygments names them; none where nobody has said.
    `planned`: the memory that it was let in with; `kept_bytes`: what earlier texts may take beside that.
    """

    name: str
    precision: str
    device: str
    kernel: str
    threads: int
    context_tokens: int
    concessions: tuple[str, ...]
    has_fim: bool
    has_chat: bool
    parameters: int
    weights_bytes: int
    cache_bytes: int
    languages: tuple[str, ...] = ()
    planned: Budget | None = None
    kept_bytes: int = 0


@dataclass(frozen=True)
class Statistics:
    """How an answer went; all 0 where it was called off before it began.

    `dropped_messages`: the oldest of a chat, which had no room; `dropped_tokens` counts them and what was cut
    off the next. `chance`: that all of the text is what would be written; None where nobody asked how sure
    the model is.
    """

    prompt_tokens: int = 0
    reused_tokens: int = 0
    dropped_tokens: int = 0
    new_tokens: int = 0
    first_token_ms: float = 0.0
    total_ms: float = 0.0
    chance: float | None = None
    dropped_messages: int = 0

    @property
    def tokens_per_s(self) -> float:
        """Once the first token was there; 0 where no other came."""
        writing_s = max(1.0, self.total_ms - self.first_token_ms) / 1000
        return max(0, self.new_tokens - 1) / writing_s


@dataclass(frozen=True)
class Hello:
    version: str
    protocol: int
    pid: int


@dataclass(frozen=True)
class Loading:
    id: int
    step: str


@dataclass(frozen=True)
class Loaded:
    id: int
    facts: ModelFacts


@dataclass(frozen=True)
class Unloaded:
    id: int


@dataclass(frozen=True)
class Reading:
    """How much of the prompt has been read, in tokens."""

    id: int
    done: int
    total: int


@dataclass(frozen=True)
class Text:
    """`tokens`: how many the answer has taken so far."""

    id: int
    text: str
    tokens: int = 0


@dataclass(frozen=True)
class Done:
    id: int
    ending: Ending
    statistics: Statistics


@dataclass(frozen=True)
class Counted:
    id: int
    tokens: int


@dataclass(frozen=True)
class Status:
    """`facts` is None where no model is loaded; `resident_bytes` is this process's memory, `card_bytes` what
    it holds of a card, its driver's share included: no system but Linux would tell anybody else."""

    facts: ModelFacts | None
    resident_bytes: int
    busy_with: Activity
    card_bytes: int = 0


@dataclass(frozen=True)
class Failed:
    """`message` is a sentence for a person. `id` is None where it cannot be told what had failed."""

    kind: FailureKind
    message: str
    id: int | None = None


Reply = Hello | Loading | Loaded | Unloaded | Reading | Text | Done | Counted | Status | Failed


@dataclass(frozen=True)
class Metric:
    """None stands for a number that is not finite."""

    name: str
    value: float | None


@dataclass(frozen=True)
class Started:
    version: str
    device: str
    total_steps: int | None


@dataclass(frozen=True)
class Progress:
    step: int
    total: int | None
    metrics: tuple[Metric, ...] = ()


@dataclass(frozen=True)
class Note:
    text: str


@dataclass(frozen=True)
class Saved:
    path: str
    step: int


@dataclass(frozen=True)
class Finished:
    """`path` is what the job has made."""

    stopped: bool = False
    path: str | None = None
    metrics: tuple[Metric, ...] = ()


@dataclass(frozen=True)
class Tried:
    """One answer of a benchmark, as soon as it is known what became of it."""

    model: str
    precision: str
    trial: Trial


@dataclass(frozen=True)
class Judged:
    """A file, or a whole folder, that a scan has looked at. No `reason`: it can be learnt from.

    `secrets`: where something looks like one, and like what; never what it is. `like`: the file that says the
    same. `can_be_included`: it is left out by a rule that a person may overrule.
    """

    folder: str
    name: str
    reason: str = ""
    why: str = ""
    is_folder: bool = False
    size_bytes: int = 0
    like: str = ""
    secrets: tuple[str, ...] = ()
    can_be_included: bool = False


@dataclass(frozen=True)
class Part:
    """Of what a model is shown: some text, or a mark and how its vocabulary spells it."""

    kind: PartKind
    text: str


@dataclass(frozen=True)
class Glimpse:
    """What a model will be shown of a file."""

    path: str
    tokens: int
    parts: tuple[Part, ...]


Event = Started | Progress | Note | Saved | Tried | Judged | Glimpse | Finished | Failed

_KINDS: dict[type[SmallCoderError], FailureKind] = {
    SmallCoderError: "request",
    ModelFormatError: "model",
    TokenizerError: "model",
    DoesNotFit: "memory",
    NotNumbers: "model",
    DataError: "data",
    JobError: "job",
}


def failed(error: SmallCoderError, id: int | None = None) -> Failed:
    kind: FailureKind = next(_KINDS[family] for family in type(error).__mro__ if family in _KINDS)
    return Failed(kind, str(error)[:_MAX_SENTENCE_LETTERS], id)
