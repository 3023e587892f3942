"""Keeper: a run's way to its checkpoints and back, in one process or several; and its sample texts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from core.checkpoint.adapter import write_adapter
from core.checkpoint.load import open_model
from core.checkpoint.native import write_network
from core.generate.drafting import Guessing
from core.generate.loop import decode
from core.generate.sampling import Chooser
from core.model.cache import KVCache
from core.model.cache_rows import CacheRows
from core.spec.about import About, Recall
from core.spec.errors import NotNumbers
from core.spec.sampling import Sampling
from core.text.tokenizer import Tokenizer
from trainer import distributed, resume
from trainer.optimizers.optimizer import Optimizer
from trainer.recipes import ADAPTER, Place, Recipe
from trainer.resume import Circumstances, Moment, Progressed
from trainer.spec.jobs import TrainSpec
from trainer.spec.runs import Run

_SAMPLE_TOKENS = 48
_WEIGHTS = "weights:"
_MOMENTUM = "optimizer:"
_STATE_TO_WEIGHTS = 3  # room for weights and for what the optimiser remembers of each


@dataclass(frozen=True)
class Keeper:
    """What the loop is given to reach the disk and the network's own words with."""

    run: Run
    spec: TrainSpec
    place: Place
    recipe: Recipe
    optimizer: Optimizer
    circumstances: Circumstances
    tokenizer: Tokenizer | None
    recall: Recall | None = None

    def save(self, progress: Progressed) -> str:
        """Several processes must all come here, and one of them writes what is not spread."""
        progress.scale, progress.steps_in_peace = asdict(self.optimizer.scale).values()
        group = self.place.group
        if group.is_alone:
            return str(self._save_alone(progress) / resume.LEARNT)
        if not group.any(group.is_first and resume.is_saved(self.run, progress.step)):
            self._save_together(progress)
        elif group.is_first:  # what is not the best any more goes
            self._save_alone(progress)
        return str(self.run.checkpoint(progress.step) / resume.LEARNT)

    def _save_alone(self, progress: Progressed) -> Path:
        tensors = {_MOMENTUM + name: tensor for name, tensor in self.optimizer.state().items()}
        weights = self.optimizer.weights() if self.place.group.is_alone else {}
        if self.spec.trains_adapter:  # PEFT's format may join several into one
            tensors |= {_WEIGHTS + name: tensor for name, tensor in weights.items()}
        moment = Moment(progress, self.circumstances, tensors | resume.chances())
        needed = sum(tensor.nbytes for tensor in (*moment.tensors.values(), *weights.values()))
        return resume.save(self.run, moment, lambda folder: self._write_learnt(folder, weights), needed)

    def _save_together(self, progress: Progressed) -> None:
        group, weights = self.place.group, self.optimizer.weights()
        tensors = self._spread_tensors(weights) | resume.chances(group.rank)

        def write_shares(folder: Path) -> None:
            distributed.save_shares(tensors, Path(group.agree(str(folder))))

        if group.is_first:
            moment = Moment(progress, self.circumstances)
            needed = sum(tensor.nbytes for tensor in weights.values()) * _STATE_TO_WEIGHTS

            def write_learnt(folder: Path) -> None:
                self._write_learnt(folder, weights)

            resume.save(self.run, moment, write_learnt, needed, write_shares)
        else:
            write_shares(Path())
        group.meet()

    def load(self, moment: Moment) -> Progressed:
        """Whoever wrote it: as many processes as there are now, one, or more."""
        checkpoint, group = self.run.checkpoint(moment.progress.step), self.place.group
        weights = _with_prefix(moment.tensors, _WEIGHTS)
        if not self.spec.trains_adapter:
            weights = dict(open_model(checkpoint / resume.LEARNT).parameters())
        if group.is_alone:
            self.optimizer.load(weights, _with_prefix(moment.tensors, _MOMENTUM))
            resume.set_chances(moment.tensors)
        else:
            self._load_together(checkpoint, weights, moment.circumstances.processes)
        self.optimizer.scale.value = moment.progress.scale
        self.optimizer.scale.steps_in_peace = moment.progress.steps_in_peace
        return moment.progress

    def _load_together(self, checkpoint: Path, weights: Mapping[str, Tensor], processes: int) -> None:
        group, exact = self.place.group, self.optimizer.weights()
        tensors = self._spread_tensors(exact)
        if processes == group.ranks:
            tensors |= resume.chances(group.rank)
        distributed.load_shares(tensors, resume.shares_folder(checkpoint), is_alone=False)
        self.optimizer.load_weights(weights or exact)
        if processes == group.ranks:
            resume.set_chances(tensors, group.rank)

    def _spread_tensors(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        tensors = {_MOMENTUM + name: tensor for name, tensor in self.optimizer.spread_state().items()}
        if self.spec.trains_adapter:
            tensors |= {_WEIGHTS + name: tensor for name, tensor in weights.items()}
        return tensors

    def sample(self) -> str:
        """A text as the network would go on with it now; no chance of the run's own is used up."""
        if self.tokenizer is None:
            return "(no vocabulary)"
        model, config = self.recipe.model.eval(), self.recipe.model.config
        cache = KVCache(config.max_context, CacheRows(config, self.place.working, self.place.device))
        tokens = self.tokenizer.encode(self.spec.sample_prompt) or [0]
        chooser = Chooser(Sampling(temperature=0.0))
        try:
            with torch.no_grad(), self.place.computing():
                written = decode(
                    model,
                    cache,
                    tokens,
                    # none: when it pays hangs on the clock, and several processes must do the same
                    guessing=Guessing(),
                    chooser=chooser,
                    is_cancelled=lambda: False,
                )
                text = self.tokenizer.decode([*islice(written, _SAMPLE_TOKENS)])
        except NotNumbers as error:
            return f"({error})"
        finally:
            model.train()
        return self.spec.sample_prompt + text

    def _write_learnt(self, folder: Path, weights: Mapping[str, Tensor]) -> None:
        if self.spec.trains_adapter:
            write_adapter(self.recipe.model, ADAPTER, folder, self.spec.model, weights)
        else:
            # in which languages it is worth asking now, nobody has said
            config, about = self.recipe.model.config, About(recall=self.recall)
            write_network(config, weights, self.tokenizer, folder, torch.float32, about)


def _with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
