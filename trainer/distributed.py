"""Several processes that train one network together, as torchrun starts them; alone, a group of one.

Weights, gradients and the optimiser's memory are spread with FSDP2 where the whole network learns; adapters
are small, so each process has them whole and only their gradients are added up.
"""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from core.spec.errors import UsageError
from trainer.spec.jobs import TrainSpec
from trainer.torchrun import started_together

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh

_LONGEST_WAIT = timedelta(days=30)  # for who is paused, or still preparing data


@dataclass(frozen=True)
class Group:
    rank: int = 0
    ranks: int = 1
    mesh: "DeviceMesh | None" = None

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        return self.ranks == 1

    def total(self, *numbers: float) -> list[float]:
        """Of all processes."""
        if self.is_alone:
            return [*numbers]
        added = torch.tensor(numbers, dtype=torch.float64, device=self._device)
        torch.distributed.all_reduce(added)
        return added.tolist()

    def any(self, wish: bool) -> bool:
        return self.total(float(wish))[0] > 0

    def add_up(self, tensors: Mapping[str, Tensor]) -> None:
        """In place, tensors that each process has whole."""
        if not self.is_alone:
            for name in sorted(tensors):
                torch.distributed.all_reduce(tensors[name])

    def agree(self, text: str) -> str:
        """What the first one says."""
        if self.is_alone:
            return text
        said = [text]
        torch.distributed.broadcast_object_list(said, src=0, device=self._device)
        return said[0]

    def meet(self) -> None:
        if not self.is_alone:
            torch.distributed.barrier()

    def leave(self) -> None:
        """What follows, each does alone."""
        if not self.is_alone and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()

    def spread(self, model: nn.Module, working: torch.dtype) -> None:
        """Each process keeps its share of every weight, in fp32; a layer is whole only while it computes."""
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method

        narrow = None if working == torch.float32 else working
        policy = MixedPrecisionPolicy(
            param_dtype=narrow, reduce_dtype=torch.float32, cast_forward_inputs=False
        )
        for part in (*model.layers, model):  # type: ignore[misc]
            shared: Any = fully_shard(part, mesh=self.mesh, mp_policy=policy)
            # losses are divided by what all processes count, so their gradients are added up, not averaged
            shared.set_gradient_divide_factor(1.0)
            shared.set_force_sum_reduction_for_comms(True)
        register_fsdp_forward_method(model, "hidden")

    @property
    def _device(self) -> torch.device:
        return torch.device("cuda" if torch.distributed.get_backend() == "nccl" else "cpu")


ALONE = Group()


@contextmanager
def joined() -> Iterator[Group]:
    """For as long as it lasts; whoever fails takes the others with it, which torchrun sees to."""
    if started_together() == 1:
        yield ALONE
        return
    from torch.distributed.device_mesh import init_device_mesh

    has_cards = torch.cuda.is_available()
    if has_cards:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group("nccl" if has_cards else "gloo", timeout=_LONGEST_WAIT)
    group = Group(torch.distributed.get_rank(), torch.distributed.get_world_size())
    mesh = init_device_mesh("cuda" if has_cards else "cpu", (group.ranks,))
    group = Group(group.rank, group.ranks, mesh)
    try:
        yield group
    finally:
        group.leave()


def check(spec: TrainSpec, group: Group) -> None:
    """What cannot be spread over processes, and why."""
    if group.is_alone:
        return
    if not spec.trains_adapter and spec.optimizer in ("muon", "adamw8"):
        raise UsageError(
            f"{spec.optimizer} looks at whole matrices or blocks, but each of {group.ranks} processes holds "
            "only a share of them; take adamw or lion."
        )
    if spec.lanes > 1:
        raise UsageError(f"lanes share out a step, as {group.ranks} processes do already; set lanes to 1.")
    for name in ("in_backward", "offload"):
        if getattr(spec, name):
            raise UsageError(
                f"{name} saves what is spread over {group.ranks} processes already; leave it out."
            )


def share_of(tensor: Tensor) -> Tensor:
    """What of it lies here, as a view: all of a plain one."""
    if hasattr(tensor, "to_local"):
        return tensor.to_local()
    return tensor


def whole(tensor: Tensor) -> Tensor:
    """Put together from all processes, which must all ask for it."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def spread_like(share: Tensor, parameter: Tensor) -> Tensor:
    """A share, as part of a tensor that is spread as the parameter is."""
    from torch.distributed.tensor import DTensor

    if not isinstance(parameter, DTensor) or share.shape != parameter.to_local().shape:
        return share
    return DTensor.from_local(
        share,
        parameter.device_mesh,
        parameter.placements,
        run_check=False,
        shape=parameter.shape,
        stride=parameter.stride(),
    )


def take_share(target: Tensor, parameter: Tensor, source: Tensor) -> None:
    """Into `target`, a share of something like the parameter, what of the whole `source` belongs there."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if isinstance(parameter, DTensor):
        spread = distribute_tensor(
            source.to(target.device), parameter.device_mesh, parameter.placements, src_data_rank=None
        )
        source = spread.to_local()
    target.copy_(source)


def save_shares(tensors: Mapping[str, Tensor], folder: Path) -> None:
    """All processes together; safetensors, so that nothing in them can run."""
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
    from torch.distributed.checkpoint.state_dict_saver import save

    save(dict(tensors), storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True))


def load_shares(tensors: Mapping[str, Tensor], folder: Path, *, is_alone: bool) -> None:
    """In place, from the .safetensors files of a folder, however many processes wrote them."""
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
    from torch.distributed.checkpoint.state_dict_loader import load

    with warnings.catch_warnings(action="ignore"):  # of there being no other processes, which is meant
        load(dict(tensors), storage_reader=HuggingFaceStorageReader(str(folder)), no_dist=is_alone)


def empty_like_saved(folder: Path) -> dict[str, Tensor]:
    """Room for all that lies there."""
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader

    known: Any = HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata
    return {name: torch.empty(facts.size, dtype=facts.properties.dtype) for name, facts in known.items()}
