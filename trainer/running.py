"""One sitting of a run: what its folder says becomes a network, an optimiser and the loop, and back."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from core.checkpoint.load import open_model
from core.heap import give_back, keep_nothing_large
from core.model import kernels
from core.model.device import use_threads
from core.spec.budget import parameters
from core.spec.errors import DataError, JobError, UsageError
from core.spec.fields import to_json
from core.spec.messages import Event, Finished, Note, Started
from core.spec.version import version
from core.text.tokenizer import Tokenizer
from core.text.vocabulary_folder import open_tokenizer
from trainer import resume
from trainer.card import write_cards
from trainer.claims import claimed
from trainer.control import Control
from trainer.curves import followed
from trainer.data.batches import PackedBatches, rows_of
from trainer.data.held_out import held_out_texts
from trainer.data.layout import vocabulary_fingerprint
from trainer.data.prepared import PreparedData
from trainer.distributed import ALONE, Group, check
from trainer.fitting import plan_here
from trainer.judging import Judge
from trainer.keeping import Keeper
from trainer.loop import Material, Outside, Training, total_steps
from trainer.networks import config_of, from_nothing, recall_of, tokenizer_of
from trainer.optimizers.optimizer import Optimizer
from trainer.recipes import Place, make
from trainer.resume import Circumstances
from trainer.spec.jobs import TrainPrecision, TrainSpec, differences, in_lanes, settled
from trainer.spec.runs import JUDGING, Run
from trainer.spec.verdict import write_verdict
from trainer.torchrun import started_together

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_SAMPLE_TOKENS = 48
_WEIGHTS = "weights:"
_MOMENTUM = "optimizer:"

# up to so many parameters, how much larger the steps of an adapter are
_LARGER_STEPS = ((30_000_000, 10.0), (200_000_000, 2.0))

Tell = Callable[[Event], None]


@dataclass(frozen=True)
class Corpus:
    """What there is to learn from; `fingerprint` tells whether it is still the same. `held_out`: texts that
    nothing is learnt from."""

    material: Material
    tokenizer: Tokenizer | None
    fingerprint: str
    held_out: Sequence[str] = ()


def decided(spec: TrainSpec) -> TrainSpec:
    """With nothing left open that this machine or a later version could decide otherwise another time."""
    spec = _with_own_rate(settled(spec), was_given=spec.learning_rate is not None)
    device = device_of(spec)
    return _with_lanes(replace(spec, precision=_precision(spec, device)), device)


def _precision(spec: TrainSpec, device: torch.device) -> TrainPrecision:
    if spec.precision != "auto":
        return spec.precision
    precision: TrainPrecision = "fp32"
    if device.type == "cuda":
        precision = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    elif device.type == "cpu":
        use_threads(spec.threads)
        is_fast = kernels.for_device(device).wide == torch.bfloat16
        precision = "bf16" if is_fast else "fp32"
    return "fp32" if spec.in_backward and precision == "fp16" else precision


def _with_lanes(spec: TrainSpec, device: torch.device) -> TrainSpec:
    """As many as can share the threads evenly: none waits for the others within a batch, so it is faster.

    Each holds a batch of its own, so who computes layers twice to save memory gets one.
    """
    if spec.lanes:
        return spec
    if spec.checkpoint_layers:
        return replace(spec, lanes=1)
    threads = use_threads(spec.threads) if device.type == "cpu" and started_together() == 1 else 1
    for count in range(threads, 1, -1):
        found = in_lanes(spec, count) if threads % count == 0 else None
        if found is not None and plan_here(found, device.type).fits:
            return found
    return replace(spec, lanes=1)


def _with_own_rate(spec: TrainSpec, *, was_given: bool) -> TrainSpec:
    """Adapters of small models take larger steps."""
    if was_given or spec.recipe not in ("lora", "qlora"):
        return spec
    size = parameters(config_of(spec.model))
    larger = next((share for most, share in _LARGER_STEPS if size <= most), 1.0)
    return replace(spec, learning_rate=larger * (spec.learning_rate or 0.0))


def slow_precision(spec: TrainSpec, device: torch.device) -> str | None:
    """Of a decided one: what to say of a precision that this processor only imitates."""
    if device.type != "cpu" or spec.precision == "fp32" or kernels.fastest_wide() != torch.float32:
        return None
    return (
        f"this processor only imitates {spec.precision}, which takes several times as long as fp32;"
        " precision auto takes what it is fast in"
    )


def device_of(spec: TrainSpec) -> torch.device:
    found = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    wanted = found if spec.device == "auto" else spec.device
    if wanted not in (found, "cpu"):
        raise UsageError(f"There is no {wanted} device that PyTorch can use here; take --device cpu or auto.")
    return torch.device(wanted)


def dtype_of(spec: TrainSpec) -> torch.dtype:
    """Of a decided one."""
    return _DTYPES[spec.precision]


def check_context(spec: TrainSpec) -> None:
    longest = config_of(spec.model).max_context
    if spec.context_tokens > longest:
        raise UsageError(
            f"{spec.model} was made for a context of {longest:,} tokens, not {spec.context_tokens:,}; set "
            "context_tokens to that or less."
        )


def open_corpus(spec: TrainSpec, group: Group = ALONE) -> Corpus:
    """The data, and that its tokens mean to the model what they meant when they were made."""
    check_context(spec)
    config, data = config_of(spec.model), PreparedData.open(Path(spec.data))
    tokenizer = tokenizer_of(spec.model)
    if spec.tokenizer is not None:
        tokenizer = open_tokenizer(Path(spec.tokenizer))
    if tokenizer is not None and vocabulary_fingerprint(tokenizer) != data.vocabulary:
        raise DataError(
            f"{spec.data} was prepared with another vocabulary than {spec.tokenizer or spec.model} has; "
            "prepare it again with this one."
        )
    if data.vocab_size > config.vocab_size:
        raise DataError(
            f"{spec.data} has a vocabulary of {data.vocab_size:,} tokens, {spec.model} only of "
            f"{config.vocab_size:,}; choose a model with a table that large."
        )
    if (data.kind == "choice") != (spec.recipe == "dpo"):
        raise DataError(
            "dpo, and no other recipe, learns from pairs of answers; choose other data or recipe."
        )
    rows, context = spec.batch_size, spec.context_tokens
    train = PackedBatches(data, "train", rows, context, spec.seed, group.rank, group.ranks)
    validation = _held_out(data, spec, group) if spec.validate_every else None
    texts = [] if tokenizer is None else held_out_texts(data, tokenizer)
    return Corpus(Material(train, validation), tokenizer, data.fingerprint, texts)


def _held_out(data: PreparedData, spec: TrainSpec, group: Group) -> PackedBatches | None:
    """Of little text smaller batches, and shorter rows where there is less than one; where there is not a row
    for each process, each takes all."""
    context = spec.context_tokens
    if data.kind == "text":
        context = min(context, data.tokens("validation") - 1)
    each = 2 if data.kind == "choice" else 1
    rows = min(spec.batch_size, rows_of(data, "validation", context) if context > 0 else 0)
    if rows < each:
        return None
    if rows < each * group.ranks:
        group = ALONE
    rows -= rows % (each * group.ranks)
    return PackedBatches(data, "validation", rows, context, spec.seed, group.rank, group.ranks)


def sit(
    run: Run, spec: TrainSpec, control: Control, tell: Tell, corpus: Corpus, group: Group = ALONE
) -> Finished:
    """Begins the run, or goes on from its last checkpoint. `spec` may differ from the run's in what does not
    decide numbers. Of several processes the first keeps the folder, and judges at the end."""
    check(spec, group)
    changed = differences(run.spec(), spec)
    if changed:
        raise UsageError(f"{', '.join(changed)} cannot change while a run is under way; start a new run.")
    with claimed(run) if group.is_first else nullcontext():
        with followed(run, spec, tell) if group.is_first else nullcontext(tell) as tell_all:
            finished = _sitting(run, spec, control, tell_all, corpus, group)
        give_back()
        group.leave()
        if finished.stopped or not group.is_first:
            return finished
        finished = replace(finished, path=str(resume.learnt_by(run)))
        judged = _judged(run, spec, corpus, control, tell, finished)
        write_cards(run, spec, judged, corpus.fingerprint)
        return judged


def judge_again(run: Run, control: Control, tell: Tell) -> Finished:
    """Of what a run has learnt so far."""
    spec = run.spec()
    with claimed(run):
        use_threads(spec.threads)
        progress = resume.progress_of(run)
        corpus = open_corpus(spec)
        finished = _judged(
            run,
            spec,
            corpus,
            control,
            tell,
            progress.finished(stopped=False, path=str(resume.learnt_by(run))),
        )
        write_cards(run, spec, finished, corpus.fingerprint)
    return finished


def _judged(
    run: Run, spec: TrainSpec, corpus: Corpus, control: Control, tell: Tell, finished: Finished
) -> Finished:
    if corpus.tokenizer is None or not spec.judged_lines:
        return finished
    known = {metric.name: metric.value for metric in finished.metrics}
    first, best = known.get("validation_loss_before"), known.get("validation_loss_best")
    tell(Note(f"{JUDGING}, on files kept apart and on the fixed benchmark"))
    judge = Judge(
        corpus.tokenizer,
        corpus.held_out,
        None if first is None or best is None else (first, best),
        lambda: control.is_stopped,
        lambda text: tell(Note(text)),
    )
    try:
        verdict = judge.judge(run, spec, Place(device_of(spec), _DTYPES[spec.precision]))
    except JobError as error:  # somebody wants it to stop, and what was learnt is safe
        tell(Note(str(error)))
        return finished
    write_verdict(run, verdict)
    for line in (*verdict.lines(), verdict.sentence):
        tell(Note(line))
    return replace(finished, metrics=(*finished.metrics, *verdict.metrics()))


def _sitting(
    run: Run, spec: TrainSpec, control: Control, tell: Tell, corpus: Corpus, group: Group
) -> Finished:
    place = Place(device_of(spec), _DTYPES[spec.precision], group)
    threads = use_threads(spec.threads)
    if spec.checkpoint_layers:  # memory before time
        keep_nothing_large()
    circumstances = _circumstances(spec, place, corpus, threads)
    moment = resume.load_last(run, leaves_tensors=not group.is_alone)
    changed = (
        [] if moment is None else resume.changes(moment.circumstances, circumstances, anyway=spec.anyway)
    )
    tell(Started(version(), str(place.device), total_steps(spec, corpus.material.train)))
    for change in changed:
        tell(Note(change))
    torch.manual_seed(spec.seed + group.rank)
    recipe = make(spec, place, lambda text: tell(Note(text)))
    if not group.is_alone and not spec.trains_adapter:
        group.spread(recipe.model.to(place.device), place.working)
        recipe = replace(recipe, trainable=dict(recipe.model.named_parameters()))
    optimizer = Optimizer(recipe.trainable, spec, place.device, place.working, group)
    recipe.model.to(place.device)  # what is not learnt: tables of positions
    recall = recall_of(spec.model)
    keeper = Keeper(run, spec, place, recipe, optimizer, circumstances, corpus.tokenizer, recall)
    outside = Outside(tell, keeper.save, keeper.sample, control)
    training = Training(recipe, optimizer, corpus.material, spec, place, outside)
    if moment is not None:
        training.progress = keeper.load(moment)
        tell(Note(f"going on from step {moment.progress.step}"))
    del moment
    try:
        finished = training.run()
    finally:
        optimizer.close()
    return finished


def _circumstances(spec: TrainSpec, place: Place, corpus: Corpus, threads: int) -> Circumstances:
    return Circumstances(
        data=corpus.fingerprint,
        base=_base_fingerprint(spec),
        source=resume.source_fingerprint(),
        torch=torch.__version__,
        device=place.device.type,
        threads=threads,
        processes=place.group.ranks,
    )


def _base_fingerprint(spec: TrainSpec) -> str:
    """Of the weights it begins from: names and sizes of their files, wherever they lie now."""
    config = to_json(config_of(spec.model))
    if from_nothing(spec.model) is not None:
        return resume.fingerprint(spec.model, config, spec.seed)
    files = [(path.name, path.stat().st_size) for path in open_model(Path(spec.model)).weights.paths]
    return resume.fingerprint(config, sorted(files))
