"""The version stands in pyproject.toml alone; an installed copy has it in its metadata."""

import tomllib
from pathlib import Path


def version() -> str:
    project = Path(__file__).parents[2] / "pyproject.toml"
    if project.exists():
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
    from importlib import metadata

    return metadata.version("smallcoder")
