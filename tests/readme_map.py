"""The map in the README, made of what each room and module says of itself: `python3 -m tests.readme_map`."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
_COLUMN = 33
_SAID = re.compile(r'"""(.*?)(?:"""|\n)')
_PARTS = ("bootstrap", "core", "trainer", "app")
_MAP = re.compile(r"(?<=^```\n)app/ .*?(?=^```)", re.DOTALL | re.MULTILINE)


def written() -> str:
    """As it stands in the README."""
    found = _MAP.search(README.read_text(encoding="utf-8"))
    assert found is not None
    return found[0]


def made() -> str:
    """A line a room and a module, by path. What a file of C says of itself stays as it was put there."""
    lines = {name: text for name, text in map(_parted, written().splitlines()) if name.endswith((".c", ".h"))}
    files = [ROOT / "main.py", *(file for part in _PARTS for file in (ROOT / part).rglob("*.py"))]
    for file in files:
        place = file.relative_to(ROOT).as_posix().removesuffix("__init__.py")
        said = _SAID.match(file.read_text(encoding="utf-8"))
        lines[place] = said[1].rstrip(".") if said else ""
    return "".join(f"{name:{_COLUMN}} {text}\n" for name, text in sorted(lines.items()))


def _parted(line: str) -> tuple[str, str]:
    name, _, text = line.partition(" ")
    return name, text.strip()


if __name__ == "__main__":
    README.write_text(README.read_text(encoding="utf-8").replace(written(), made()), encoding="utf-8")
