"""One sitting of a run: what its folder says becomes a network, an optimiser and the loop, and back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from core.checkpoint.adapter import write_adapter
from core.checkpoint.load import open_model
from core.checkpoint.native import write_network
from core.generate.drafting import PromptLookup
from core.generate.loop import decode
from core.generate.sampling import Chooser
from core.model import kernels
from core.model.cache import CacheRows, KVCache
from core.model.device import use_threads
from core.spec.errors import DataError, JobError, NotNumbers, UsageError
from core.spec.fields import to_json
from core.spec.messages import Event, Finished, Note, Started
from core.spec.sampling import Sampling
from core.spec.version import version
from core.text.tokenizer import Tokenizer
from core.text.vocabulary_folder import open_tokenizer
from trainer import resume
from trainer.card import write_cards
from trainer.control import Control
from trainer.data.batches import PackedBatches, rows_of
from trainer.data.held_out import held_out_texts
from trainer.data.layout import vocabulary_fingerprint
from trainer.data.prepared import PreparedData
from trainer.judging import Judge
from trainer.loop import Material, Outside, Training, total_steps
from trainer.networks import config_of, from_nothing, tokenizer_of
from trainer.optimizers.optimizer import Optimizer
from trainer.recipes import ADAPTER, Place, Recipe, make
from trainer.resume import Circumstances, Moment, Progressed
from trainer.spec.jobs import TrainPrecision, TrainSpec, differences, settled
from trainer.spec.runs import Run
from trainer.spec.verdict import write_verdict

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_SAMPLE_TOKENS = 48
_WEIGHTS = "weights:"
_MOMENTUM = "optimizer:"

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
    spec = settled(spec)
    if spec.precision != "auto":
        return spec
    device = device_of(spec)
    precision: TrainPrecision = "fp32"
    if device.type == "cuda":
        precision = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    elif device.type == "cpu":
        use_threads(spec.threads)
        is_fast = kernels.for_device(device).wide == torch.bfloat16
        precision = "bf16" if is_fast else "fp32"
    if spec.in_backward and precision == "fp16":
        precision = "fp32"
    return replace(spec, precision=precision)


def device_of(spec: TrainSpec) -> torch.device:
    found = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    wanted = found if spec.device == "auto" else spec.device
    if wanted not in (found, "cpu"):
        raise UsageError(f"There is no {wanted} device that PyTorch can use here; take --device cpu or auto.")
    return torch.device(wanted)


def check_context(spec: TrainSpec) -> None:
    longest = config_of(spec.model).max_context
    if spec.context_tokens > longest:
        raise UsageError(
            f"{spec.model} was made for a context of {longest:,} tokens, not {spec.context_tokens:,}; set "
            "context_tokens to that or less."
        )


def open_corpus(spec: TrainSpec) -> Corpus:
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
    train = PackedBatches(data, "train", rows, context, spec.seed)
    validation = _held_out(data, spec) if spec.validate_every else None
    texts = [] if tokenizer is None else held_out_texts(data, tokenizer)
    return Corpus(Material(train, validation), tokenizer, data.fingerprint, texts)


def _held_out(data: PreparedData, spec: TrainSpec) -> PackedBatches | None:
    """Of little text smaller batches, and shorter rows where there is less than one."""
    context = spec.context_tokens
    if data.kind == "text":
        context = min(context, data.tokens("validation") - 1)
    each = 2 if data.kind == "choice" else 1
    rows = min(spec.batch_size, rows_of(data, "validation", context) if context > 0 else 0)
    if rows < each:
        return None
    return PackedBatches(data, "validation", rows // each * each, context, spec.seed)


def sit(run: Run, spec: TrainSpec, control: Control, tell: Tell, corpus: Corpus) -> Finished:
    """Begins the run, or goes on from its last checkpoint. `spec` may differ from the run's in what does not
    decide numbers."""
    changed = differences(run.spec(), spec)
    if changed:
        raise UsageError(f"{', '.join(changed)} cannot change while a run is under way; start a new run.")
    with resume.claimed(run):
        finished = _sitting(run, spec, control, tell, corpus)
        if finished.stopped:
            return finished
        finished = replace(finished, path=str(resume.learnt_by(run)))
        judged = _judged(run, spec, corpus, control, tell, finished)
        write_cards(run, spec, judged, corpus.fingerprint)
        return judged


def judge_again(run: Run, control: Control, tell: Tell) -> Finished:
    """Of what a run has learnt so far."""
    spec = run.spec()
    with resume.claimed(run):
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
    tell(Note("judging what it has learnt, on held-out files and on the fixed benchmark"))
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


def _sitting(run: Run, spec: TrainSpec, control: Control, tell: Tell, corpus: Corpus) -> Finished:
    place = Place(device_of(spec), _DTYPES[spec.precision])
    threads = use_threads(spec.threads)
    circumstances = _circumstances(spec, place, corpus, threads)
    moment = resume.load_last(run)
    changed = (
        [] if moment is None else resume.changes(moment.circumstances, circumstances, anyway=spec.anyway)
    )
    tell(Started(version(), str(place.device), total_steps(spec, corpus.material.train)))
    for change in changed:
        tell(Note(change))
    torch.manual_seed(spec.seed)
    recipe = make(spec, place, lambda text: tell(Note(text)))
    optimizer = Optimizer(recipe.trainable, spec, place.device, place.working)
    recipe.model.to(place.device)  # what is not learnt: tables of positions
    tools = _Tools(run, spec, place, recipe, optimizer, circumstances, corpus.tokenizer)
    outside = Outside(tell, tools.save, tools.sample, control)
    training = Training(recipe, optimizer, corpus.material, spec, place, outside)
    if moment is not None:
        training.progress = tools.load(moment)
        tell(Note(f"going on from step {moment.progress.step}"))
    del moment
    try:
        finished = training.run()
    finally:
        optimizer.close()
    return finished


@dataclass(frozen=True)
class _Tools:
    """What the loop is given to reach the disk and the network's own words with."""

    run: Run
    spec: TrainSpec
    place: Place
    recipe: Recipe
    optimizer: Optimizer
    circumstances: Circumstances
    tokenizer: Tokenizer | None

    def save(self, progress: Progressed) -> str:
        progress.scale, progress.steps_in_peace = asdict(self.optimizer.scale).values()
        tensors = {_MOMENTUM + name: tensor for name, tensor in self.optimizer.state().items()}
        weights = self.optimizer.weights()
        if self.spec.trains_adapter:  # PEFT's format may join several into one
            tensors |= {_WEIGHTS + name: tensor for name, tensor in weights.items()}
        moment = Moment(progress, self.circumstances, tensors | resume.chances())
        needed = sum(tensor.nbytes for tensor in (*moment.tensors.values(), *weights.values()))
        place = resume.save(self.run, moment, self._write_learnt, needed)
        return str(place / resume.LEARNT)

    def load(self, moment: Moment) -> Progressed:
        weights = _with_prefix(moment.tensors, _WEIGHTS)
        if not self.spec.trains_adapter:
            folder = self.run.checkpoint(moment.progress.step) / resume.LEARNT
            weights = dict(open_model(folder).parameters())
        self.optimizer.load(weights, _with_prefix(moment.tensors, _MOMENTUM))
        self.optimizer.scale.value = moment.progress.scale
        self.optimizer.scale.steps_in_peace = moment.progress.steps_in_peace
        resume.set_chances(moment.tensors)
        return moment.progress

    def sample(self) -> str:
        """A text as the network would go on with it now; no chance of the run's own is used up."""
        if self.tokenizer is None:
            return "(no vocabulary)"
        model, config = self.recipe.model.eval(), self.recipe.model.config
        cache = KVCache(config.max_context, CacheRows(config, self.place.working, self.place.device))
        tokens = self.tokenizer.encode(self.spec.sample_prompt) or [0]
        chooser = Chooser(Sampling(temperature=0.0), cache.device)
        try:
            with torch.no_grad(), self.place.computing():
                written = decode(
                    model,
                    cache,
                    tokens,
                    drafter=PromptLookup(),
                    chooser=chooser,
                    is_cancelled=lambda: False,
                )
                text = self.tokenizer.decode([*islice(written, _SAMPLE_TOKENS)])
        except NotNumbers as error:
            return f"({error})"
        finally:
            model.train()
        return self.spec.sample_prompt + text

    def _write_learnt(self, folder: Path) -> None:
        weights = self.optimizer.weights()
        if self.spec.trains_adapter:
            write_adapter(self.recipe.model, ADAPTER, folder, self.spec.model, weights)
        else:
            write_network(self.recipe.model.config, weights, self.tokenizer, folder, torch.float32)


def _circumstances(spec: TrainSpec, place: Place, corpus: Corpus, threads: int) -> Circumstances:
    return Circumstances(
        data=corpus.fingerprint,
        base=_base_fingerprint(spec),
        source=resume.source_fingerprint(),
        torch=torch.__version__,
        device=place.device.type,
        threads=threads,
    )


def _base_fingerprint(spec: TrainSpec) -> str:
    """Of the weights it begins from: names and sizes of their files, wherever they lie now."""
    config = to_json(config_of(spec.model))
    if from_nothing(spec.model) is not None:
        return resume.fingerprint(spec.model, config, spec.seed)
    files = [(path.name, path.stat().st_size) for path in open_model(Path(spec.model)).weights.paths]
    return resume.fingerprint(config, sorted(files))


def _with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
