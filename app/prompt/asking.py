"""What a prompt becomes: a question in a chat, or the beginning of code that is continued.

A model that was taught to chat is asked. Any other can only go on writing, so that a prompt in plain words is
put before it as a comment, and one that begins code as it is.
"""

import re
from dataclasses import dataclass
from typing import Literal

from app.languages import PYTHON, Language, language_named
from core.spec.editing import Editing
from core.spec.messages import Chat, Complete, ModelFacts, Turn
from core.spec.sampling import Sampling

Manner = Literal["auto", "chat", "comment", "code"]
_AS_TYPED = Editing(extent="all")
_BEGINS_CODE = re.compile(
    r"""\s*(
        (def|class|async|from|import|return|for|while|if|elif|else|try|with|match|print|lambda|assert|raise)\b
            .*[(:=.\[{*]
        | (import|from)\s+[\w.]+\s*($|import\b|as\b|,)
        | [@\#"'/({\[<]
        | [\w.\[\]]+\s*[-+*/|&]?=[^=]
        | [\w.]+\(
        | (function|const|let|var|fn|func|public|private|static|package|use|struct|enum)\b.*[({;=]
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Asked:
    """`lead` is the code that the answer goes on from; empty where it is an answer in a chat."""

    question: Chat | Complete
    lead: str
    language: Language


def manner_for(prompt: str, wanted: Manner, facts: ModelFacts) -> Manner:
    """Never "auto", and "chat" only where the model was taught it."""
    if wanted == "chat" and not facts.has_chat:
        wanted = "auto"
    if wanted != "auto":
        return wanted
    if facts.has_chat:
        return "chat"
    return "code" if begins_code(prompt) else "comment"


def asked(id: int, prompt: str, manner: Manner, facts: ModelFacts, sampling: Sampling) -> Asked:
    """`manner` as `manner_for` has it."""
    language = language_named(facts.languages[0]) if facts.languages else PYTHON
    if manner == "chat":
        return Asked(Chat(id, (Turn("user", prompt),), sampling), "", language)
    lead = as_comment(prompt, language) if manner == "comment" else prompt
    return Asked(Complete(id, lead, editing=_AS_TYPED, sampling=sampling), lead, language)


def begins_code(prompt: str) -> bool:
    """Whether the first line that says anything looks like code."""
    first = next((line for line in prompt.splitlines() if line.strip()), "")
    return _BEGINS_CODE.match(first) is not None


def as_comment(prompt: str, language: Language) -> str:
    mark = language.line_comment or "#"
    lines = [f"{mark} {line}".rstrip() for line in prompt.strip().splitlines()]
    return "\n".join(lines) + "\n"


def sentence(manner: Manner, facts: ModelFacts) -> str:
    """What will be done with the prompt, for the person who writes it."""
    return {
        "chat": f"{facts.name} is asked; the code is taken from its answer.",
        "comment": f"{facts.name} continues code, so these words become a comment above it.",
        "code": f"{facts.name} continues this as code.",
        "auto": "",
    }[manner]
