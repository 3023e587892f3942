"""Which models can be taught: the one in use first, the one that comes along, and those on this disk."""

from app import engines
from app.jobs.run_choices import BaseModel
from app.settings import Settings
from core.spec.budget import parameters
from core.spec.folders import hub_cache_folder, models_folder
from core.spec.library import ModelFile, find_models

_MILLION = 1e6


def model_in_use(settings: Settings) -> str:
    if settings.engine.model:
        return settings.engine.model
    return str(engines.EMBEDDED) if engines.has_embedded() else ""


def teachable_models(settings: Settings) -> list[BaseModel]:
    """Reads the headers of all that is there: not quick."""
    used = model_in_use(settings)
    found = {str(model.path): model for model in find_models([models_folder(), hub_cache_folder()]).models}
    listed = [
        BaseModel(path, model.name, _about(model)) for path, model in found.items() if model.problem is None
    ]
    if engines.has_embedded():
        listed.insert(0, BaseModel(str(engines.EMBEDDED), engines.EMBEDDED.name, "comes with SmallCoder"))
    return sorted(listed, key=lambda model: model.path != used)


def _about(model: ModelFile) -> str:
    count = parameters(model.network) if model.network is not None else model.parameters
    return f"{count / _MILLION:,.0f}M weights" if count else ""
