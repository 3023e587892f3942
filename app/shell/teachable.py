"""Which models can be taught: the one in use first, the one that comes along, and those on this disk."""

from app import engines
from app.runs.choices import BaseModel
from app.settings import Settings
from core.spec.budget import parameters
from core.spec.library import ModelFile, find_models
from core.spec.sizes import short_count


def teachable_models(settings: Settings) -> list[BaseModel]:
    """Reads the headers of all that is there: not quick."""
    used = engines.completing_model(settings)
    models = [model for model in find_models(engines.places_of_models(settings)).models if not model.problem]
    models.sort(key=lambda model: (str(model.path) != used, model.path != engines.EMBEDDED))
    return [BaseModel(str(model.path), model.name, _about(model)) for model in models]


def _about(model: ModelFile) -> str:
    if model.path == engines.EMBEDDED:
        return "comes with SmallCoder"
    count = parameters(model.network) if model.network is not None else model.parameters
    return f"{short_count(count)} weights" if count else ""
