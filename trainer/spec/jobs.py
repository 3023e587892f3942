"""TrainSpec: all that a person decides about a run; each field is a flag, a JSON key and a row of the form.

What a recipe would choose for itself is None until `settled` fills it in, so that a run's own file says all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from core.spec.errors import UsageError
from core.spec.fields import setting, suggestion

RecipeName = Literal["pretrain", "full", "lora", "qlora", "distil", "dpo"]
OptimizerName = Literal["adamw", "muon", "lion", "adamw8"]
ScheduleName = Literal["cosine", "wsd", "constant"]
TrainPrecision = Literal["auto", "fp32", "bf16", "fp16"]
CurvesName = Literal["off", "tensorboard", "wandb"]
TrainDevice = Literal["auto", "cpu", "cuda", "mps"]

LINEAR_LAYERS = ("q", "k", "v", "o", "gate", "up", "down")
ADAPTER_RECIPES = ("lora", "qlora", "dpo")
# what each recipe takes where nothing was said: peak step size, weight decay
_OWN_CHOICES: dict[RecipeName, tuple[float, float]] = {
    "pretrain": (6e-4, 0.1),
    "full": (5e-5, 0.0),
    "lora": (2e-4, 0.0),
    "qlora": (2e-4, 0.0),
    "distil": (1e-4, 0.01),
    "dpo": (2e-5, 0.0),
}
_LION_SHARE = 0.2  # Lion's steps are all of full length


@dataclass(frozen=True)
class TrainSpec:
    recipe: RecipeName = setting(..., "What is learnt, and how much of the model may change")
    model: str = setting(..., "A model's folder, a .gguf file, or a preset to begin from nothing")
    data: str = setting(..., "The folder that 'data prepare' made")
    tokenizer: str | None = setting(None, "A preset's vocabulary: what the data was prepared with")
    teacher: str | None = setting(None, "distil: the model to learn from; same vocabulary")
    teach_fim: bool = setting(
        False, "full: give the model marks for filling in the middle, and teach it what they mean"
    )
    optimizer: OptimizerName = setting("adamw", "How gradients become steps")
    learning_rate: float | None = setting(None, "Peak step size; none is the recipe's own", low=1e-7, high=10)
    muon_learning_rate: float = setting(
        0.02, "muon: peak step size of the hidden matrices; the rest takes learning_rate", low=1e-5, high=1
    )
    weight_decay: float | None = setting(
        None, "Pull of matrices towards zero; none is the recipe's own", low=0, high=1
    )
    beta1: float = setting(0.9, "How slowly the mean of gradients moves", low=0, high=0.9999)
    beta2: float = setting(0.95, "How slowly the mean of their squares moves", low=0, high=0.99999)
    max_grad_norm: float = setting(1.0, "Longer gradients are shortened to this; 0 leaves them", low=0)
    schedule: ScheduleName = setting("cosine", "How the step size falls: by cosine, late (wsd) or never")
    warmup_steps: int | None = setting(None, "Steps to the peak; none is 3 % of all, 100 at most", low=0)
    final_share: float = setting(0.1, "Where the step size ends, as a share of its peak", low=0, high=1)
    decay_share: float = setting(0.2, "wsd: share of the run in which the step size falls", low=0.01, high=1)
    steps: int | None = setting(None, "Steps in all; none counts them from epochs", low=1)
    epochs: float = setting(1.0, "How often all data is seen, where steps are not given", low=0.001, high=1e4)
    minutes: float = setting(0.0, "Stop and save after so long, to go on another time; 0 never", low=0)
    finish_minutes: float = setting(
        0.0, "End after so long in all, whatever step that is, wsd having fallen by then; 0 by steps", low=0
    )
    batch_size: int = setting(4, "Rows that go through the network at once", low=1, high=65536)
    accumulation: int = setting(4, "Batches whose gradients make one step", low=1, high=65536)
    context_tokens: int = setting(512, "Length of a row", low=8, high=2**20)
    precision: TrainPrecision = setting("auto", "What is computed in; exact weights stay fp32")
    device: TrainDevice = setting("auto", "Where to compute")
    threads: int = setting(0, "Processor threads; 0 leaves one core free", low=0, high=256)
    lanes: int = setting(
        0,
        "Batches of a step side by side, on shares of the threads; 0 is as many as fit",
        low=0,
        high=64,
    )
    checkpoint_layers: bool = setting(
        False, "Compute each layer twice instead of keeping what it computed: less memory, a third slower"
    )
    in_backward: bool = setting(
        False, "Take the step of each weight as soon as its gradient is there: no memory for gradients"
    )
    offload: bool = setting(False, "Keep exact weights, gradients and the optimiser's state in RAM")
    lora_rank: int = setting(16, "lora, qlora, dpo: width of the adapter", low=1, high=1024)
    lora_alpha: float = setting(32.0, "lora, qlora, dpo: strength of the adapter, times its rank", low=0.01)
    lora_dropout: float = setting(0.0, "lora, qlora, dpo: dropped on the way into it", low=0, high=0.9)
    lora_layers: tuple[str, ...] = setting((), f"Which of {', '.join(LINEAR_LAYERS)}; nothing said is all")
    base_precision: Literal["int8", "int4"] = setting("int8", "qlora: how the frozen weights are held")
    temperature: float = setting(1.0, "distil: softens both predictions", low=0.1, high=20)
    mixing: float = setting(0.5, "distil: share of the teacher, the rest is the text's", low=0, high=1)
    preference_beta: float = setting(0.1, "dpo: how closely the model keeps to itself", low=0.001, high=10)
    validate_every: int = setting(100, "Steps between validations; 0 never", low=0)
    validation_batches: int = setting(16, "Batches of a validation", low=1)
    patience: int = setting(5, "Validations without a better one before it stops; 0 never stops", low=0)
    sample_every: int = setting(0, "Steps between sample texts; 0 never", low=0)
    sample_prompt: str = setting("def ", "What sample texts begin with")
    checkpoint_every: int = setting(500, "Steps between checkpoints; there is one at the end anyway", low=0)
    judged_lines: int = setting(
        24, "Hidden lines asked for at the end, before and after, to tell whether it became better", low=0
    )
    judged_tasks: int = setting(
        15, "Programming tasks tried at the end, before and after, if it is judged at all", low=0
    )
    curves: CurvesName = setting("off", "Where the curves go beside the run's folder; needs that extra")
    seed: int = setting(42, "Of all that is left to chance", low=0, high=2**31 - 1)
    ram_mb: int = setting(0, "Memory for all programs together; 0 is all there is", low=0)
    anyway: bool = setting(False, "Run even what does not fit, or what changed since it was stopped")

    def __post_init__(self) -> None:
        problem = next(_contradictions(self), None)
        if problem is not None:
            raise UsageError(problem)

    @property
    def trains_adapter(self) -> bool:
        return self.recipe in ADAPTER_RECIPES

    @property
    def layers(self) -> tuple[str, ...]:
        return self.lora_layers or LINEAR_LAYERS


# what may change between two sittings of a run without making it another one
MAY_CHANGE = frozenset(
    {
        *("minutes", "validate_every", "validation_batches", "patience", "sample_every", "sample_prompt"),
        *(
            "checkpoint_every",
            "judged_lines",
            "judged_tasks",
            "curves",
            "finish_minutes",
            "threads",
            "lanes",
            "ram_mb",
            "anyway",
            "checkpoint_layers",
            "data",
            "teacher",
            "model",
            "tokenizer",
        ),
    }
)


def settled(spec: TrainSpec) -> TrainSpec:
    """With the recipe's own choices where nothing was said."""
    rate, decay = _OWN_CHOICES[spec.recipe]
    if spec.optimizer == "lion":
        rate *= _LION_SHARE
    return replace(
        spec,
        learning_rate=rate if spec.learning_rate is None else spec.learning_rate,
        weight_decay=decay if spec.weight_decay is None else spec.weight_decay,
    )


def in_lanes(spec: TrainSpec, count: int) -> TrainSpec | None:
    """The same rows a step, `count` batches of them side by side; None where that cannot be."""
    parts = 1 if spec.accumulation % count == 0 else count
    if spec.batch_size % parts:
        return None
    try:
        return replace(
            spec,
            lanes=count,
            batch_size=spec.batch_size // parts,
            accumulation=spec.accumulation * parts,
        )
    except UsageError:
        return None


def warmup_of(spec: TrainSpec, total: int) -> int:
    if spec.warmup_steps is not None:
        return min(spec.warmup_steps, total)
    return min(100, round(0.03 * total))


def _contradictions(spec: TrainSpec) -> Iterator[str]:
    yield from _of_memory(spec)
    if (spec.recipe == "distil") != (spec.teacher is not None):
        yield "distil, and no other recipe, learns from a teacher; name one with --teacher or leave it out."
    if spec.optimizer == "muon" and spec.trains_adapter:
        yield "muon steps along whole hidden matrices, which an adapter has none of; take adamw."
    if spec.teach_fim and spec.recipe != "full":
        yield "teach_fim adds rows to the model's tables, which must learn too; set recipe to full."
    if spec.recipe == "dpo" and spec.batch_size % 2:
        yield f"dpo reads pairs of answers, so batch_size must be even, not {spec.batch_size}."
    if spec.finish_minutes and spec.schedule == "cosine":
        yield "cosine falls by steps, and finish_minutes leaves their number open; take wsd or constant."
    if spec.lanes > 1:
        yield from _of_lanes(spec)
    for layer in spec.lora_layers:
        if layer not in LINEAR_LAYERS:
            near = suggestion(layer, LINEAR_LAYERS)
            yield f"there is no kind of layer {layer!r}{near}; lora_layers are {', '.join(LINEAR_LAYERS)}."


def _of_lanes(spec: TrainSpec) -> Iterator[str]:
    if spec.lanes > spec.accumulation:
        batches = f"{spec.accumulation} batches"
        yield f"{spec.lanes} lanes share out {batches}; set accumulation to {spec.lanes} or more."
    if spec.threads and spec.lanes > spec.threads:
        yield f"each lane needs a thread, and there are {spec.threads}; set lanes to that or less."
    if spec.device in ("cuda", "mps"):
        yield "lanes share out a processor's cores; a card has none to share, so set lanes to 1."
    if spec.recipe == "dpo" or spec.lora_dropout:
        yield "dpo and dropout change the network from batch to batch, so batches cannot run side by side."
    if spec.in_backward:
        yield "in_backward steps within a batch, so batches cannot run side by side; set lanes to 1."
    if spec.precision == "fp16":
        yield "lanes compute in bf16 or fp32, as processors do; take one of them."


def _of_memory(spec: TrainSpec) -> Iterator[str]:
    if spec.in_backward:
        stepping = "in_backward takes each weight's step before the other gradients are there"
        if spec.accumulation > 1:
            yield f"{stepping}, so they cannot be accumulated; set accumulation to 1."
        if spec.max_grad_norm > 0:
            yield f"{stepping}, so their length is not known in time; set max_grad_norm to 0."
        if spec.precision == "fp16":
            yield f"{stepping}, so an overflow of fp16 cannot be taken back; take bf16 or fp32."
        if spec.offload:
            yield "offload moves each gradient to RAM already, so in_backward saves nothing; take one."
    if spec.offload and spec.device == "cpu":
        yield "offload moves a card's memory to RAM, but this run computes there already; leave it out."


def differences(one: TrainSpec, other: TrainSpec) -> dict[str, tuple[Any, Any]]:
    """Fields that differ and make it another run."""
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1] and name not in MAY_CHANGE}
