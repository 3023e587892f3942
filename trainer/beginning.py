"""The beginning of a run: from a plan to the settings and prepared data that the run then has in its folder.

Whatever takes long goes on where it was when the same command is given again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from core.spec.disk import require_room, write_whole
from core.spec.errors import JobError, UsageError
from core.spec.fields import from_json, settings_of
from core.text.vocabulary_folder import open_tokenizer
from trainer.control import Control
from trainer.corpus.packages import Corpus as PackageCorpus
from trainer.corpus.packages import read_list
from trainer.data.encoding import own_jobs
from trainer.data.prepare import Preparation
from trainer.data.sources import Sources
from trainer.data.tokenizer import source_texts, train_tokenizer
from trainer.networks import from_nothing, lasting, meant, with_weights
from trainer.spec.data import PrepareSpec, ScanSpec
from trainer.spec.jobs import TrainSpec
from trainer.spec.plans import RunPlan
from trainer.spec.runs import BASE, CORPUS, DATA, VOCABULARY
from trainer.teaching_fim import make_ready

_NEEDED = ("recipe", "model", "data")
_EVERY_S = 2.0
_LEAST_ROOM_BYTES = 16 << 20

Say = Callable[[str], None]


@dataclass(frozen=True)
class Beginning:
    """`folder` is the run's, which need not be there yet."""

    plan: RunPlan
    folder: Path
    control: Control
    say: Say

    def spec(self) -> TrainSpec:
        """As the run will keep it: nothing in it depends on where the command was given."""
        train = dict(self.plan.train)
        if isinstance(train.get("model"), str):
            train["model"] = meant(train.get("recipe"), train["model"])
        if self.plan.has_sources:
            train["data"] = str((self.folder / DATA).absolute())
            train["tokenizer"] = self._vocabulary(train)
        missing = [f"--{name}" for name in _NEEDED if name not in train]
        if missing:
            raise UsageError(
                f"A run needs {', '.join(missing)} too{_or_source(missing)}; see 'train new --help' and "
                "the settings in resources/specs."
            )
        spec = from_json(TrainSpec, train, "the command line")
        if spec.teach_fim:
            spec = replace(spec, model=self._taught_fim(spec))
        return replace(
            spec,
            data=str(Path(spec.data).absolute()),
            model=lasting(spec.model),
            tokenizer=None if spec.tokenizer is None else lasting(spec.tokenizer),
            teacher=None if spec.teacher is None else lasting(spec.teacher),
        )

    def prepare(self, spec: TrainSpec) -> None:
        """Nothing to do where the data was prepared by itself."""
        if not self.plan.has_sources:
            return
        require_room(self.folder / DATA, _LEAST_ROOM_BYTES)
        scan = from_json(ScanSpec, self._settings_of(ScanSpec), "the plan")
        settings = self._settings_of(PrepareSpec)
        context = {"context": max(16, spec.context_tokens), "seed": spec.seed}
        prepare = from_json(PrepareSpec, context | settings, "the plan")
        sources = Sources(self._source_paths(), scan, prepare.pairs)
        vocabulary = Path(spec.tokenizer or spec.model)
        if self.plan.vocabulary and not vocabulary.exists():
            self._learn_vocabulary(sources, vocabulary)
        told = _Told(self.control, self.say)
        preparation = Preparation(sources, vocabulary, prepare, own_jobs())
        facts = preparation.run(self.folder / DATA, told.tell)
        documents, tokens = (
            sum(shard[key] for shards in facts["shards"].values() for shard in shards)
            for key in ("documents", "tokens")
        )
        left_out = sum(facts["left_out"].values()) + facts["broken"]
        self.say(
            f"learning from {tokens:,} tokens of {documents:,} documents"
            + (f", {left_out:,} left out ('data scan' says why)" if left_out else "")
        )

    def _taught_fim(self, spec: TrainSpec) -> str:
        """The copy of the model that has the marks; what it is to mean by them is what the run teaches."""
        if self.plan.prepare.get("fim_rate", PrepareSpec.fim_rate) == 0:
            raise UsageError("teach_fim learns from texts whose middle is taken out; set --fim-rate above 0.")
        base = self.folder / BASE
        make_ready(with_weights(lasting(spec.model)), base)
        return str(base)

    def _settings_of(self, kind: type) -> dict[str, object]:
        names = {item.name for item in settings_of(kind)}
        return {name: value for name, value in self.plan.prepare.items() if name in names}

    def _vocabulary(self, train: dict[str, object]) -> str | None:
        """A model on disk brings its own; what begins from nothing takes what is given, or its teacher's."""
        model, given = str(train.get("model", "")), train.get("tokenizer")
        if given is not None or from_nothing(model) is None:
            return None if given is None else str(given)
        if "teacher" in train or train.get("recipe") == "distil":
            return str(train["teacher"]) if "teacher" in train else None
        if not self.plan.vocabulary:
            raise UsageError(
                f"{model} begins from nothing, so it needs a vocabulary; name one with --tokenizer."
            )
        return str((self.folder / VOCABULARY).absolute())

    def _source_paths(self) -> tuple[Path, ...]:
        if self.plan.packages is None:
            return tuple(path.absolute() for path in self.plan.sources)
        corpus = self.folder / CORPUS
        PackageCorpus(read_list(self.plan.packages), corpus).make(self.say)
        return (corpus / "main", corpus / "best")

    def _learn_vocabulary(self, sources: Sources, path: Path) -> None:
        self.say("learning a vocabulary")
        wanted = self.plan.vocabulary
        model = train_tokenizer(source_texts(sources), vocab_size=wanted, is_at_most=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, model)
        size = open_tokenizer(path).vocab_size
        if size < wanted:
            self.say(f"so little text gives {size:,} tokens; the rest of {wanted:,} stays unused")


class _Told:
    """What a preparation tells, as a line now and then; a wish to stop is heard there too."""

    def __init__(self, control: Control, say: Say) -> None:
        self._control, self._say, self._said_s = control, say, time.monotonic()

    def tell(self, documents: int, tokens: int) -> None:
        if self._control.is_stopped:
            raise JobError("Stopped while data was being prepared; the same command goes on from there.")
        now_s = time.monotonic()
        if now_s - self._said_s >= _EVERY_S:
            self._said_s = now_s
            self._say(f"preparing: {documents:,} documents, {tokens:,} tokens")


def _or_source(missing: list[str]) -> str:
    return " (or --source FOLDER, to have it prepared)" if "--data" in missing else ""
