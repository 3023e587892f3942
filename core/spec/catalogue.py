"""The catalogue: published models worth offering, with what tells before a download whether one fits.

`network` is there for that arithmetic alone; what a model really is stands in its own files. Which of them
are on this disk is told in core/spec/library.py, and core/hub.py fetches them.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.spec.config import ModelConfig
from core.spec.fields import from_json, setting

Role = Literal["completion", "chat"]
PLACE = Path(__file__).parents[2] / "resources" / "catalogue.json"


@dataclass(frozen=True)
class Offer:
    """`human_eval`: published, in percent; None where there is no figure to trust."""

    id: str = setting(..., "Its name on the Hugging Face hub: OWNER/NAME")
    role: Role = setting(..., "What it is meant for")
    licence: str = setting(..., "Its licence, as the hub spells it")
    download_mb: int = setting(..., "About how much comes with a download", low=1)
    has_fim: bool = setting(..., "It was taught to fill in the middle")
    has_chat: bool = setting(..., "It was taught to answer")
    about: str = setting(..., "One sentence for a person who chooses")
    network: ModelConfig = setting(..., "Its shape")
    human_eval: float | None = setting(None, "Share of HumanEval solved at once", low=0, high=100)
    is_recommended: bool = setting(False, "The one to begin with, for its role")


@functools.cache
def catalogue() -> dict[str, Offer]:
    """By id, in the order in which they are offered."""
    entries = json.loads(PLACE.read_text(encoding="utf-8"))
    offers = [from_json(Offer, entry, f"entry {number} of {PLACE}") for number, entry in enumerate(entries)]
    return {offer.id: offer for offer in offers}


def recommended(role: Role) -> Offer:
    """The one to begin with."""
    return next(offer for offer in catalogue().values() if offer.role == role and offer.is_recommended)
