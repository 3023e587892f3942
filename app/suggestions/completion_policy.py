"""Whether a suggestion is in place, and if not, why: one sentence for the status bar for each reason.

Pure: all that counts is in a Situation. What a person asks for by hand is refused only where it is impossible
or unsafe.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Literal

from app.engine_client import EngineState
from app.settings import Completion as Settings
from app.suggestions.suggestion import can_stand_before
from core.spec.editing import Extent
from core.spec.secret_files import is_secret_file

Kind = Literal["code", "comment", "string"]
Mood = Literal["off", "blocked", "waiting", "asking", "shown", "nothing", "failed", "idle"]

_NO_ENGINE = EngineState()
LONGEST_LINE = 20_000
LARGEST_TEXT = 10_000_000
LEAST_LETTERS = 3  # fewer, such as a lone bracket, are typed sooner than taken
LINE_TOKENS, BLOCK_TOKENS = 48, 192
_PAUSE_AFTER_DELETING, _PAUSE_ON_BATTERY = 2, 3  # times as long
_LEAST_QUIET_MS = 400


@dataclass(frozen=True)
class CompletionState:
    """`mood` is for an icon, `sentence` for a person. `chance` and `answer_ms` are of what is shown."""

    mood: Mood = "idle"
    sentence: str = ""
    chance: float | None = None
    answer_ms: float | None = None


READY_TO_SUGGEST = CompletionState("idle", "Suggestions come as you type")


@dataclass(frozen=True)
class Situation:
    """What is so at one moment. `project`: the open folder; `left` and `right`: of the cursor's line."""

    engine: EngineState = _NO_ENGINE
    path: str | None = None
    language: str = ""
    project: str | None = None
    left: str = ""
    right: str = ""
    kind: Kind = "code"
    letters: int = 0
    is_read_only: bool = False
    is_composing: bool = False
    has_selection: bool = False
    is_on_battery: bool = False


def refusal(settings: Settings, now: Situation, *, by_hand: bool = False) -> CompletionState | None:
    """None where the engine may be asked."""
    state = _impossible(now) or _unready(now)
    if state is None and not by_hand:
        state = _switched_off(settings, now) or _unwanted(settings, now)
    return state


def extent(settings: Settings, now: Situation, *, by_hand: bool = False) -> Extent:
    """A whole block only where it comes quickly, or where a person has asked for it."""
    if _is_quiet(settings, now) and not by_hand:
        return "line"
    if now.kind == "comment" or (now.right and not now.right.isspace()):
        return "line"
    if by_hand:
        return "block"
    if settings.extent != "auto":
        return settings.extent
    facts = now.engine.facts
    return "block" if facts is not None and facts.device != "cpu" else "line"


def pause_ms(settings: Settings, now: Situation, pace_ms: int, *, is_deleting: bool) -> int:
    """How long to wait after a key. `pace_ms`: what suits the engine and the person."""
    wanted = settings.pause_ms or pace_ms
    if is_deleting:
        wanted *= _PAUSE_AFTER_DELETING
    return max(_LEAST_QUIET_MS, wanted * _PAUSE_ON_BATTERY) if _is_quiet(settings, now) else wanted


def _is_quiet(settings: Settings, now: Situation) -> bool:
    return settings.quieter_on_battery and now.is_on_battery


def is_worth_a_key(text: str) -> bool:
    return sum(not letter.isspace() for letter in text) >= LEAST_LETTERS


def is_noise(rest: str) -> bool:
    """A single mark between words: what is left of a suggestion then is typed sooner than read."""
    seen = rest.strip()
    return len(seen) == 1 and not (seen.isalnum() or seen == "_")


def _first(*cases: tuple[bool, Mood, str]) -> CompletionState | None:
    return next((CompletionState(mood, sentence) for holds, mood, sentence in cases if holds), None)


def _impossible(now: Situation) -> CompletionState | None:
    is_secret = now.path is not None and is_secret_file(now.path)
    line, size = f"{LONGEST_LINE:,} letters", f"{LARGEST_TEXT // 10**6} million letters"
    return _first(
        (is_secret, "blocked", "No suggestions: this file may hold secrets, so no model reads it"),
        (now.is_read_only, "blocked", "No suggestions: the text is read-only"),
        (now.is_composing, "waiting", "No suggestion while you compose letters"),
        (now.has_selection, "waiting", "No suggestion while text is selected"),
        (
            len(now.left) + len(now.right) > LONGEST_LINE,
            "blocked",
            f"No suggestions in lines longer than {line}",
        ),
        (now.letters > LARGEST_TEXT, "blocked", f"No suggestions in files larger than {size}"),
    )


def _unready(now: Situation) -> CompletionState | None:
    engine = now.engine
    if engine.phase == "ready":
        return None
    if engine.is_resting:
        return CompletionState("waiting", "The model was put to rest; it is being loaded again")
    if engine.phase in ("starting", "loading"):
        step = f": {engine.step}" if engine.step else ""
        return CompletionState("waiting", f"The model is being loaded{step}")
    if engine.phase == "failed":
        return CompletionState("failed", f"No suggestions: {engine.problem or 'the engine has failed'}")
    return CompletionState("blocked", "No suggestions: no model is loaded")


def _switched_off(settings: Settings, now: Situation) -> CompletionState | None:
    if not settings.enabled:
        return CompletionState("off", "Suggestions are off")
    if now.language.lower() in {name.lower() for name in settings.languages_off}:
        return CompletionState("off", f"Suggestions are off for {now.language}")
    if now.path is not None and any(_matches(now.path, pattern) for pattern in settings.files_off):
        return CompletionState("off", "Suggestions are off for this file")
    return None


def _unwanted(settings: Settings, now: Situation) -> CompletionState | None:
    facts = now.engine.facts
    name, taught = ("", ()) if facts is None else (facts.name, facts.languages)
    is_foreign = bool(taught) and now.language.lower() not in {known.lower() for known in taught}
    foreign = f"{name} knows {_listed(taught)}, not {now.language or 'this text'}"
    return _first(
        (is_foreign, "blocked", foreign),
        (not settings.automatic, "idle", "Suggestions come when you ask for them"),
        (
            settings.rest_on_battery and now.is_on_battery,
            "off",
            "Suggestions rest while the machine runs on its battery",
        ),
        (now.kind == "comment" and not settings.in_comments, "idle", "No suggestions in comments"),
        (now.kind == "string" and not settings.in_strings, "idle", "No suggestions in strings"),
        (not can_stand_before(now.right), "idle", "No suggestion in front of other text in the line"),
        (now.letters == 0, "idle", "Suggestions begin when something is there to go on from"),
    )


def _matches(path: str, pattern: str) -> bool:
    return path == pattern or fnmatchcase(path, pattern) or fnmatchcase(PurePath(path).name, pattern)


def _listed(names: tuple[str, ...]) -> str:
    if not names:
        return ""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def kind_in_line(left: str, line_comment: str) -> Kind:
    """What the cursor stands in, told from its line alone; what spans lines is known to the highlighter."""
    quote, place = "", 0
    while place < len(left):
        letter = left[place]
        if quote:
            if letter == "\\":
                place += 1
            elif letter == quote:
                quote = ""
        elif line_comment and left.startswith(line_comment, place):
            return "comment"
        elif letter in "\"'":
            quote = letter
        place += 1
    return "string" if quote else "code"
