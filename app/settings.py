"""What a person can set, in groups, and the file that keeps it.

A file that cannot be understood, broken or written by a newer version, is kept aside under another name, the
defaults are used, and it is said so. Where windows and tabs stood is no setting: see app/session.py.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, QTimer, Signal

from core.spec.disk import set_aside, write_whole
from core.spec.errors import UsageError, sentence_about
from core.spec.fields import from_json, setting, to_json
from core.spec.folders import settings_folder
from core.spec.placement import Device, Precision

FORMAT = 1
_WRITE_AFTER_MS = 300

ThemeChoice = Literal["system", "light", "dark"]
ClosingChoice = Literal["ask", "continue", "stop"]
ExtentChoice = Literal["auto", "line", "block"]


@dataclass(frozen=True)
class Appearance:
    theme: ThemeChoice = setting("system", "Light, dark, or as the system has it")
    ui_scale: float = setting(1.0, "Size of everything but the text you edit", low=0.75, high=2.5)
    code_font: str = setting("", "Typeface of code; nothing takes the system's")
    code_size: float = setting(11.0, "Size of code, in points", low=6, high=48)


@dataclass(frozen=True)
class Editing:
    wrap_lines: bool = setting(False, "Break long lines at the window's edge")
    tab_width: int = setting(
        4, "Columns of an indentation where the file does not show its own", low=1, high=16
    )
    indent_with_tabs: bool = setting(False, "Indent with tabs where the file does not show its own")
    python: str = setting(
        "", "The Python that runs your files; nothing takes the folder's environment, else the system's"
    )
    close_brackets: bool = setting(True, "Close brackets and quotes as they are opened")
    show_blanks: bool = setting(False, "Show spaces and tabs")
    ruler_column: int = setting(0, "A line behind this column; 0 draws none", low=0, high=400)
    trim_on_save: bool = setting(False, "Remove blanks at line ends when a file is saved")


@dataclass(frozen=True)
class Completion:
    enabled: bool = setting(True, "Suggest code in grey behind the cursor")
    automatic: bool = setting(True, "Suggest as you type; off: only when you ask for it")
    extent: ExtentChoice = setting("auto", "A line, a block, or auto: blocks where a card computes")
    least_chance: float = setting(
        0.3,
        "Show a suggestion only as far as it is this likely to be what you want; 0 shows all of it",
        low=0,
        high=1,
    )
    pause_ms: int = setting(0, "Wait so long after a key; 0 goes by the engine and by you", low=0, high=2000)
    in_comments: bool = setting(False, "Suggest in comments too")
    in_strings: bool = setting(True, "Suggest in strings too")
    other_files: bool = setting(True, "Let the model read parts of other open files")
    look_ahead: bool = setting(True, "Prepare what comes next while a suggestion is shown; not on battery")
    quieter_on_battery: bool = setting(
        True, "On battery, wait longer after a key and suggest no more than a line"
    )
    rest_on_battery: bool = setting(False, "Suggest nothing while the machine runs on its battery")
    languages_off: tuple[str, ...] = setting((), "Languages in which nothing is suggested")
    files_off: tuple[str, ...] = setting((), "Files in which nothing is suggested; * stands for anything")


@dataclass(frozen=True)
class Engine:
    model: str = setting(
        "", "A model's folder or .gguf file; nothing takes the one that comes with SmallCoder"
    )
    device: Device = setting("auto", "Where to compute; auto takes the faster one that has room")
    precision: Precision = setting(
        "auto", "How weights are held; auto is int8 on the processor, fp16 on a card"
    )
    threads: int = setting(0, "Processor threads; 0 leaves one core free", low=0, high=256)
    adapter: str = setting("", "A folder with what a run has taught this model; nothing takes none")
    adapter_strength: float = setting(
        1.0, "How much of that counts: 1 as it was learnt, 0 the model by itself", low=0, high=2
    )
    unload_after_minutes: int = setting(
        30, "Give the model's memory back after so long without use; 0 keeps it", low=0, high=1440
    )


@dataclass(frozen=True)
class Chat:
    model: str = setting("", "The model that answers; nothing takes the one that completes")
    device: Device = setting("auto", "Where a model of the chat's own computes")
    precision: Precision = setting("auto", "How the weights of a model of the chat's own are held")
    unload_after_minutes: int = setting(
        10, "End a model of the chat's own after so long without a question; 0 keeps it", low=0, high=1440
    )
    system: str = setting("", "What the model is told first; nothing leaves it to the model")
    temperature: float = setting(0.3, "0 takes the likeliest word, higher is bolder", low=0, high=2)
    max_tokens: int = setting(1024, "Length of an answer at most, in tokens", low=16, high=4096)


@dataclass(frozen=True)
class Models:
    folders: tuple[str, ...] = setting(
        (), "Folders and GGUF files in which models are found beside SmallCoder's own"
    )


@dataclass(frozen=True)
class Budget:
    # what other programs hold counts too, so a limit below what there is would soon let nothing in
    ram_mb: int = setting(
        0, "Limit for the memory that all programs take together; 0 is all there is", low=0, high=2**20
    )
    vram_mb: int = setting(0, "The same limit for the card's memory; 0 is all there is", low=0, high=2**20)


@dataclass(frozen=True)
class Training:
    pause_while_typing: bool = setting(True, "A run stands back while you type, and goes on when you pause")
    pause_on_battery: bool = setting(True, "A run waits while the machine runs on its battery")
    when_closed: ClosingChoice = setting(
        "ask", "When SmallCoder is closed while a run goes on: ask, let it continue, or stop and save it"
    )


@dataclass(frozen=True)
class Safety:
    restore_session: bool = setting(True, "Open what was open when SmallCoder was closed")
    keep_unsaved: bool = setting(True, "Keep a copy of unsaved text, at most two seconds behind")
    offline: bool = setting(False, "Refuse every connection to the network; downloads are then not to be had")


@dataclass(frozen=True)
class BoundKeys:
    """Keys that a person gave to an action of app/actions.py; none takes its keys away."""

    action: str = setting(..., "The action's id")
    keys: tuple[str, ...] = setting((), "Key sequences, spelled as Qt does")


@dataclass(frozen=True)
class Settings:
    appearance: Appearance = setting(Appearance(), "Appearance")
    editing: Editing = setting(Editing(), "Editing")
    completion: Completion = setting(Completion(), "Completion")
    engine: Engine = setting(Engine(), "Model and engine")
    chat: Chat = setting(Chat(), "Chat")
    models: Models = setting(Models(), "Where models are")
    budget: Budget = setting(Budget(), "Memory budget")
    training: Training = setting(Training(), "Training")
    safety: Safety = setting(Safety(), "Safety")
    keys: tuple[BoundKeys, ...] = setting((), "Keys that differ from the usual ones")


class SettingsFile:
    """One JSON file, written whole or not at all."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or settings_folder() / "settings.json"

    def read(self) -> tuple[Settings, str]:
        """The settings, and a sentence where they are not what the file held; else an empty one."""
        try:
            return _understood(json.loads(self.path.read_bytes()), str(self.path)), ""
        except FileNotFoundError:
            return Settings(), ""
        except OSError as error:
            return (
                Settings(),
                f"{sentence_about(error, str(self.path)) or error} The usual settings are used.",
            )
        except (ValueError, RecursionError):
            return Settings(), self._set_aside("is not JSON")
        except UsageError as error:
            return Settings(), self._set_aside(f"cannot be used: {str(error).rstrip('.')}")

    def write(self, settings: Settings) -> None:
        text = json.dumps({"format": FORMAT} | to_json(settings), indent=2, ensure_ascii=False) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, text)

    def _set_aside(self, reason: str) -> str:
        aside = set_aside(self.path)
        if aside is None:
            return f"The settings file {self.path} {reason}. The usual settings are used."
        return f"The settings file {reason}. It was kept as {aside}, and the usual settings are used."


class SettingsStore(QObject):
    """The settings in use. `changed` tells the new ones, `failed` why they could not be written."""

    changed = Signal(object)
    failed = Signal(str)

    def __init__(self, file: SettingsFile, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = file
        self.is_first_start = not file.path.exists()
        self.settings, self.problem = file.read()
        self._write_later = QTimer(self, singleShot=True, interval=_WRITE_AFTER_MS)
        self._write_later.timeout.connect(self.flush)

    def change(self, group: str, **values: Any) -> None:
        """`change("appearance", theme="dark")`; what is out of bounds is a UsageError and changes nothing."""
        wanted = to_json(getattr(self.settings, group)) | values
        checked = from_json(type(getattr(self.settings, group)), wanted, f"the settings of {group}")
        self.replace(replace(self.settings, **{group: checked}))

    def replace(self, settings: Settings) -> None:
        if settings == self.settings:
            return
        self.settings = settings
        self._write_later.start()
        self.changed.emit(settings)

    def flush(self) -> None:
        """Writes what has not been written; for the window's end, too."""
        self._write_later.stop()
        try:
            self._file.write(self.settings)
        except OSError as error:
            self.failed.emit(f"The settings could not be kept: {sentence_about(error) or error}")


def _understood(content: Any, where: str) -> Settings:
    if not isinstance(content, dict):
        raise UsageError("it holds no JSON object")
    values = dict(content)
    found = values.pop("format", None)
    if type(found) is not int or found < 1:
        raise UsageError("it does not say its format")
    if found > FORMAT:
        raise UsageError(
            f"it was written by a newer SmallCoder (format {found}, and this one knows {FORMAT})"
        )
    return from_json(Settings, values, where)
