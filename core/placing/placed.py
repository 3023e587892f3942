"""PlacedModel: a network where it runs, and how much room its texts have there."""

from dataclasses import dataclass

from core.model.cache import CacheLayers, KVCache
from core.model.device import Attempt
from core.model.network import Network
from core.spec.budget import Budget


@dataclass(frozen=True)
class PlacedModel:
    """`kernel` names what multiplies, for people; caches are made like `cache_layers`."""

    model: Network
    attempt: Attempt
    threads: int
    kernel: str
    cache_layers: CacheLayers
    room: "Room"
    concessions: tuple[str, ...] = ()

    def new_cache(self) -> KVCache:
        return KVCache(self.room.context_tokens, self.cache_layers.emptied())


@dataclass(frozen=True)
class Room:
    """`budget`: what the plan is made of; `planned_bytes`: what a model may come to beside the program, with
    one text of `context_tokens`, and 0 where nobody asked; `kept_bytes`: what earlier texts may take more."""

    context_tokens: int
    budget: Budget
    planned_bytes: int
    kept_bytes: int
