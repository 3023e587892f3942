"""Entry: one model as the page shows it, whether it lies on this disk, can be downloaded, or is yet to train.

Made from what core/spec tells: the library's lines, the catalogue's offers, the presets. Whether it fits is
asked in fit.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from core.spec.budget import parameters
from core.spec.catalogue import Offer, Role
from core.spec.config import ModelConfig
from core.spec.errors import UsageError
from core.spec.fields import from_json
from core.spec.folders import models_folder
from core.spec.sizes import short_count, size_text

Section = Literal["disk", "begun", "offer", "preset"]

_MB = 1e6
_CACHED = "models--"  # how a cache of the hub begins the name of a folder
_OWN_LICENCE = "apache-2.0"  # as LICENSE says of all that comes along
_FAMILIES = {
    "qwen2": "Qwen2",
    "qwen3": "Qwen3",
    "llama": "Llama",
    "granite": "Granite",
    "starcoder2": "StarCoder2",
    "starcoder": "GPT-BigCode",
    "gpt_bigcode": "GPT-BigCode",
}
_LICENCES = {
    "apache-2.0": "Apache 2.0",
    "mit": "MIT",
    "bsd-3-clause": "BSD 3-Clause",
    "bsd-2-clause": "BSD 2-Clause",
    "bigcode-openrail-m": "BigCode OpenRAIL-M, restricts some uses",
}
_SPELLED_PUBLISHERS = {
    "Qwen": "Qwen2",
    "ggml-org": "Qwen2",
    "ibm-granite": "Granite",
    "HuggingFaceTB": "Llama",
    "amd": "Llama",
    "bigcode": "StarCoder2",
}


@dataclass(frozen=True)
class Entry:
    """`id` is a path, a name on the hub or a preset's name. `size_bytes`: on the disk, or of a download.

    `path` is what is loaded, empty where nothing is here yet; `problem` says why it cannot be used; `hub_id`
    what it is called on the hub, where that is known of a model that is here.
    """

    section: Section
    id: str
    name: str
    family: str = ""
    parameters: int | None = None
    context_tokens: int | None = None
    has_fim: bool = False
    has_chat: bool = False
    licence: str | None = None
    size_bytes: int = 0
    network: ModelConfig | None = None
    about: str = ""
    path: str = ""
    problem: str = ""
    role: Role | None = None
    human_eval: float | None = None
    is_recommended: bool = False
    is_embedded: bool = False
    begun_bytes: int = 0
    hub_id: str = ""

    @property
    def key(self) -> str:
        """The same while a download is offered, under way and broken off."""
        return f"hub:{self.id}" if self.section in ("offer", "begun") else f"{self.section}:{self.id}"

    @property
    def hub_name(self) -> str:
        return self.id if self.section in ("offer", "begun") else self.hub_id

    def is_at(self, path: str) -> bool:
        """Whether this is meant by a path, or by a name on the hub, as the settings may have either."""
        return bool(path and self.path) and (Path(path) == Path(self.path) or path == self.hub_id)

    @property
    def is_usable(self) -> bool:
        return bool(self.path) and not self.problem

    @property
    def ability(self) -> str:
        """In words that a person knows: what it does for them."""
        fills = "fills in" if self.has_fim else "continues only"
        return f"{fills}, chats" if self.has_chat else fills

    @property
    def short_problem(self) -> str:
        """Without the place, which would hide what is wrong."""
        return self.problem.replace(self.path, "").lstrip("/\\ ") if self.path else self.problem

    @property
    def facts(self) -> list[str]:
        """Beside its name in the list."""
        known = [short_count(self.parameters) if self.parameters else ""]
        known += [self.ability if self.section != "preset" else ""]
        known += [short_tokens(self.context_tokens) if self.context_tokens else ""]
        known += [size_text(self.size_bytes) if self.size_bytes else ""]
        known += [spelled_licence(self.licence).partition(",")[0] if self.licence else ""]
        return [fact for fact in known if fact]


def entry_of_line(line: Mapping[str, Any], offers: Mapping[str, Offer], embedded: Path) -> Entry:
    """Of one object of `models list --json`."""
    path, name = str(line["path"]), str(line["name"])
    if line.get("is_unfinished"):
        return entry_of_begun(name, int(line.get("size_bytes") or 0), offers.get(name))
    hub_id = _id_of(path, name)
    offer = offers.get(hub_id)
    problem = str(line.get("problem") or "")
    is_embedded = Path(path) == embedded
    about = "Comes with SmallCoder and knows Python; made for completion." if is_embedded else ""
    return Entry(
        section="disk",
        id=path,
        name=name,
        family=_family_of(line),
        parameters=line.get("parameters") or (parameters(offer.network) if offer else None),
        context_tokens=line.get("context_tokens"),
        has_fim=bool(line.get("has_fim")),
        has_chat=bool(line.get("has_chat_template")) if offer is None else offer.has_chat,
        licence=line.get("licence") or (offer.licence if offer else _OWN_LICENCE if is_embedded else None),
        size_bytes=int(line.get("size_bytes") or 0),
        network=_network_of(line.get("network")),
        about=offer.about if offer else about,
        path=path,
        problem=problem,
        hub_id=hub_id if "/" in hub_id else "",
        role=offer.role if offer else None,
        human_eval=offer.human_eval if offer else None,
        is_recommended=offer.is_recommended if offer else False,
        is_embedded=is_embedded,
    )


def entry_of_begun(id: str, size_bytes: int, offer: Offer | None) -> Entry:
    """A download that is not here whole; `size_bytes` of it are."""
    entry = entry_of_offer(offer) if offer else Entry("begun", id, id.partition("/")[2] or id)
    about = entry.about or "From the Hugging Face hub; what it can do is told once it is here."
    return replace(entry, section="begun", about=about, begun_bytes=size_bytes)


def entry_of_offer(offer: Offer) -> Entry:
    return Entry(
        section="offer",
        id=offer.id,
        name=offer.id.partition("/")[2],
        family=_SPELLED_PUBLISHERS.get(offer.id.partition("/")[0], ""),
        parameters=parameters(offer.network),
        context_tokens=offer.network.max_context,
        has_fim=offer.has_fim,
        has_chat=offer.has_chat,
        licence=offer.licence,
        size_bytes=round(offer.download_mb * _MB),
        network=offer.network,
        about=offer.about,
        role=offer.role,
        human_eval=offer.human_eval,
        is_recommended=offer.is_recommended,
    )


def entry_of_preset(name: str, network: ModelConfig) -> Entry:
    return Entry(
        section="preset",
        id=name,
        name=name,
        family="SmallCoder",
        parameters=parameters(network),
        context_tokens=network.max_context,
        network=network,
        about="An architecture without weights: a run teaches it from nothing. What running it then takes is "
        "told below; what teaching it takes, by Train.",
    )


def short_tokens(tokens: int) -> str:
    return f"{tokens // 1024}k" if tokens >= 1024 else str(tokens)


def spelled_licence(licence: str | None) -> str:
    return _LICENCES.get(licence or "", licence or "Not said in its files")


def _id_of(path: str, name: str) -> str:
    """Of the hub, as far as the place tells: a cache of the hub names it, our own folder is made of it."""
    place = Path(path)
    cached = next((part for part in place.parts if part.startswith(_CACHED)), "")
    if cached:
        return cached.removeprefix(_CACHED).replace("--", "/", 1)
    if place.suffix.lower() == ".gguf":
        place = place.parent
    try:
        return place.relative_to(models_folder()).as_posix()
    except ValueError:
        return name


def _family_of(line: Mapping[str, Any]) -> str:
    if line.get("kind") == "native":
        return "SmallCoder"
    said = str(line.get("architecture") or "")
    return _FAMILIES.get(said, said)


def _network_of(network: object) -> ModelConfig | None:
    if network is None:
        return None
    try:
        return from_json(ModelConfig, network, "a model's shape")
    except UsageError:  # the command is of another version than this window
        return None
