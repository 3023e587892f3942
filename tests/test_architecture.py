"""What the house forbids: each rule is data, read from the source, and is seen to catch a planted offence."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import readme_map

ROOT = Path(__file__).parents[1]

# from the bottom up: a room may import from rooms on lines before its own; rooms on one line are strangers
ORDER: tuple[tuple[str, ...], ...] = (
    ("core.spec",),
    ("core.report", "core.heap"),
    ("core.native",),
    ("core.model",),
    ("core.text",),
    ("core.checkpoint", "core.hub"),
    ("core.fitting",),
    ("core.placing",),
    ("core.generate",),
    ("core.engine",),
    ("core.server",),
    ("core.cli",),
    ("core",),
    ("trainer.spec",),
    ("trainer.data", "trainer.sandbox"),
    ("trainer.corpus",),
    ("trainer.torchrun", "trainer.claims"),
    ("trainer.distributed",),
    ("trainer.lanes",),
    ("trainer.losses", "trainer.optimizers", "trainer.schedule", "trainer.resume"),
    ("trainer.networks",),
    ("trainer.control", "trainer.card", "trainer.curves", "trainer.fitting"),
    ("trainer.teaching_fim",),
    ("trainer.beginning",),
    ("trainer.recipes",),
    ("trainer.loop", "trainer.keeping", "trainer.judging", "trainer.exporting"),
    ("trainer.running", "trainer.estimating"),
    ("trainer.bench",),
    ("trainer.cli",),
    ("trainer",),
    ("app.wording",),
    (
        "app.settings",
        "app.session",
        "app.instance",
        "app.process",
        "app.garbage",
        "app.naming",
        "app.power",
        "app.giving_way",
    ),
    ("app.theme", "app.actions", "app.elided", "app.form", "app.languages", "app.lexing"),
    ("app.highlighter", "app.charts", "app.layouts", "app.command_line", "app.errands", "app.questions"),
    ("app.engine_client", "app.job_client"),
    ("app.engines",),
    (
        *("app.editor", "app.suggestions", "app.folder", "app.output"),
        *("app.prompt", "app.chat", "app.models", "app.runs", "app.benchmarks", "app.palette", "app.memory"),
    ),
    ("app.documents",),
    ("app.finding",),
    ("app.shell",),
    ("app.main_window",),
    ("app.run",),
    ("app",),
    ("bootstrap",),
    ("main",),
)
# who may look through no more than these doors into the rest of the house
DOORS = {
    "trainer.spec": ("core.spec",),
    "trainer.sandbox": ("core.spec",),
    "app": ("core.spec", "trainer.spec"),
    "bootstrap": ("core.native",),
}
# what from outside a part of the house may import; nothing said: anything but what NEVER names
OUTSIDE = {
    "core.spec": {"platformdirs"},
    "trainer.spec": {"psutil"},  # whether the process of a run still lives
    "trainer.sandbox": {"psutil"},  # on Windows, by who starts a sample; a sample's own process finds none
    "bootstrap": set(),
    "main": set(),
}
NEVER = {
    "core": {"PySide6", "qasync"},
    "trainer": {"PySide6", "qasync"},
    "app": {"torch", "safetensors", "gguf", "tokenizers", "sentencepiece"},
    # what an engine does without torch, which takes seconds to load
    **{room: {"torch"} for room in ("core.native", "core.text", "core.generate", "core.engine")},
    "": {"transformers", "peft", "torchao", "torchtune", "pickle", "marshal", "shelve"},
}
ATTIC = {"utils", "util", "common", "helpers", "misc", "base", "manager"}
MAY_PRINT = {"core.report", "bootstrap"}
MAY_MAKE_LABELS = {"app.naming", "app.charts.plot", "app.memory.panel"}  # two of them write markup
MAX_MODULE_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS = 400, 60, 6

Function = ast.FunctionDef | ast.AsyncFunctionDef
Nodes = list[ast.AST]  # of one file: walking through it takes longer than looking at each


def sources(root: Path) -> dict[str, Path]:
    files = [root / "main.py"]
    for part in ("bootstrap", "core", "trainer", "app"):
        files += sorted((root / part).rglob("*.py"))
    return {_module(file.relative_to(root)): file for file in files if file.exists()}


def _module(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def offences(root: Path) -> list[str]:
    modules = sources(root)
    trees = {name: _nodes(file) for name, file in modules.items()}
    imports = {name: set(_imports(tree, set(modules))) for name, tree in trees.items()}
    found = [*_circles(imports, modules)]
    for name, tree in trees.items():
        found += _wrong_imports(name, imports[name], modules)
        found += _wrong_sizes(name, tree, modules[name])
        found += _wrong_prints(name, tree)
        found += _wrong_labels(name, tree)
    for file in sorted((root / "packaging").glob("*.py")):  # no room: nothing in the house imports it
        found += _wrong_sizes(_module(file.relative_to(root)), _nodes(file), file)
    for file in sorted((root / "core" / "native").glob("*.[ch]")):
        found += _too_long(file.relative_to(root).as_posix(), file)
    return found


def _nodes(file: Path) -> Nodes:
    return [*ast.walk(ast.parse(file.read_bytes()))]


def _imports(tree: Nodes, modules: set[str]) -> Iterator[str]:
    """Everything imported anywhere in the file; `from package import module` means the module."""
    for node in tree:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a thing lives"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in modules else str(node.module)


def _room(module: str) -> tuple[int, str]:
    matches = [
        (len(room), place, room)
        for place, rooms in enumerate(ORDER)
        for room in rooms
        if module == room or module.startswith(room + ".")
    ]
    assert matches, f"{module} stands in no room of the house"
    _, place, room = max(matches)
    return place, room


def _wrong_imports(name: str, imported: set[str], modules: dict[str, Path]) -> Iterator[str]:
    place, room = _room(name)
    for other in sorted(imported):
        top = other.partition(".")[0]
        if top in ("core", "trainer", "app", "main", "bootstrap"):
            other_place, other_room = _room(other)
            if other_room != room and (other_place >= place or other_room in ("core", "trainer", "app")):
                yield f"{name} imports {other}, which stands above or beside it"
            door = next((DOORS[key] for key in DOORS if name == key or name.startswith(key + ".")), None)
            if door is not None and top != name.partition(".")[0] and other_room not in door:
                yield f"{name} imports {other}, which is behind a closed door"
        elif top not in sys.stdlib_module_names and top not in OUTSIDE.get(room, {top}):
            yield f"{name} imports {top}, but only the standard library is allowed there"
        if any(top in NEVER[key] for key in NEVER if key in ("", name) or name.startswith(key + ".")):
            yield f"{name} imports {top}, which is forbidden there"
    if name.rpartition(".")[2] in ATTIC:
        yield f"{name} is an attic; a function belongs to its user, or is a concept with a name"


def _circles(imports: dict[str, set[str]], modules: dict[str, Path]) -> Iterator[str]:
    """Modules that need each other; imports inside functions count too."""
    reached: dict[str, set[str]] = {}

    def walk(name: str, path: tuple[str, ...]) -> Iterator[str]:
        if name in path:
            yield "circle: " + " -> ".join([*path[path.index(name) :], name])
        elif name not in reached:
            reached[name] = set()
            for other in sorted(imports[name] & set(modules)):
                yield from walk(other, (*path, name))

    for name in modules:
        yield from walk(name, ())


def _too_long(name: str, file: Path) -> Iterator[str]:
    lines = len(file.read_text(encoding="utf-8").splitlines())
    if lines > MAX_MODULE_LINES:
        yield f"{name} has {lines} lines, more than {MAX_MODULE_LINES}"


def _wrong_sizes(name: str, tree: Nodes, file: Path) -> Iterator[str]:
    yield from _too_long(name, file)
    for node in tree:
        if not isinstance(node, Function):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > MAX_FUNCTION_LINES:
            yield f"{name}.{node.name} has {length} lines, more than {MAX_FUNCTION_LINES}"
        parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        count = len([item for item in parameters if item.arg not in ("self", "cls")])
        if count > MAX_PARAMETERS:
            yield f"{name}.{node.name} has {count} parameters, more than {MAX_PARAMETERS}"


def _wrong_prints(name: str, tree: Nodes) -> Iterator[str]:
    for node in tree:
        if isinstance(node, ast.Name) and node.id == "print" and _room(name)[1] not in MAY_PRINT:
            yield f"{name} prints; only {' and '.join(sorted(MAY_PRINT))} may"


def _wrong_labels(name: str, tree: Nodes) -> Iterator[str]:
    """By itself a label takes for markup what looks like it, as the name of a file may."""
    for node in tree:
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id == "QLabel" and name not in MAY_MAKE_LABELS:
            yield f"{name} makes a QLabel, which shows markup; app.naming.label shows text as it is"


def test_the_house_is_in_order() -> None:
    assert offences(ROOT) == []


PLANTED = {
    "core/model/extra.py": ("import core.engine\n", "core.model.extra imports core.engine"),
    "core/spec/extra.py": ("import numpy\n", "core.spec.extra imports numpy"),
    "core/text/extra.py": ("def f():\n    import trainer.cli\n", "core.text.extra imports trainer.cli"),
    "core/engine.py": ("from PySide6 import QtCore\n", "core.engine imports PySide6"),
    "core/generate/lean.py": ("import torch\n", "core.generate.lean imports torch"),
    "core/hub.py": ("from core.checkpoint import load\n", "core.hub imports core.checkpoint"),
    "trainer/spec/extra.py": ("import core.model.cache\n", "behind a closed door"),
    "trainer/sandbox/extra.py": ("import numpy\n", "trainer.sandbox.extra imports numpy"),
    "app/extra.py": ("from core import report\n", "app.extra imports core.report, which is behind a closed"),
    "app/main_window.py": ("import torch\n", "app.main_window imports torch"),
    "app/chat/extra.py": ("import app.editor\n", "app.chat.extra imports app.editor"),
    "core/checkpoint/extra.py": ("import pickle\n", "core.checkpoint.extra imports pickle"),
    "core/model/utils.py": ("", "core.model.utils is an attic"),
    "core/generate/extra.py": ("print('hello')\n", "core.generate.extra prints"),
    "app/prompt/extra.py": ("QLabel('<b>')\n", "app.prompt.extra makes a QLabel"),
    "core/generate/long.py": ("x = 1\n" * 401, "core.generate.long has 401 lines"),
    "core/native/long.c": ("int x;\n" * 401, "core/native/long.c has 401 lines"),
    "packaging/long.py": ("x = 1\n" * 401, "packaging.long has 401 lines"),
    "core/generate/tall.py": ("def f():\n" + "    x = 1\n" * 60, "core.generate.tall.f has 61 lines"),
    "core/generate/wide.py": (
        "def f(a, b, c, *, d, e, f, g): ...\n",
        "core.generate.wide.f has 7 parameters",
    ),
    "core/model/one.py": (
        "import core.model.two\n",
        "circle: core.model.one -> core.model.two -> core.model.one",
    ),
}


@pytest.mark.parametrize("place", PLANTED)
def test_a_planted_offence_is_caught(place: str, tmp_path: Path) -> None:
    source, sentence = PLANTED[place]
    (tmp_path / "core/model").mkdir(parents=True)
    (tmp_path / "core/checkpoint").mkdir()
    (tmp_path / "core/model/two.py").write_text("import core.model.one\n")
    (tmp_path / "core/model/one.py").write_text("")
    (tmp_path / "core/checkpoint/load.py").write_text("")
    (tmp_path / "core/report.py").write_text("")
    assert offences(tmp_path) == []
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text(source)
    assert any(sentence in offence for offence in offences(tmp_path))


def test_the_map_in_the_readme_is_what_each_room_and_module_says_of_itself() -> None:
    made = readme_map.made()
    assert [line for line in made.splitlines() if len(line.split()) < 2] == [], "these say nothing"
    assert readme_map.written() == made, "python3 -m tests.readme_map writes it anew"


@pytest.mark.parametrize(
    ("imported", "absent"),
    [
        ("app.run", "torch"),
        ("app.main_window", "torch"),
        ("app.main_window", "numpy"),
        ("app.charts.line_chart, app.charts.scatter_chart", "pyqtgraph"),
        ("app.charts.line_chart, app.charts.scatter_chart", "numpy"),
        ("core.cli, trainer.cli", "PySide6"),
        ("core.cli, trainer.cli", "torch"),
        ("core.cli, trainer.cli", "numpy"),
        ("core.cli, trainer.cli", "platformdirs"),  # the set-up brings it
        ("core", "torch"),
        ("core.engine", "torch"),
        ("main", "torch"),
    ],
)
def test_heavy_libraries_stay_away(imported: str, absent: str) -> None:
    code = f"import sys, {imported}; sys.exit(7 if {absent!r} in sys.modules else 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == 0


def test_void_qt_calls_keep_none_alive() -> None:
    from PySide6.QtCore import QObject

    thing = QObject()
    before = sys.getrefcount(None)
    for _ in range(1000):
        thing.setObjectName("x")
    assert sys.getrefcount(None) > before - 100
