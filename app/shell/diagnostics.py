"""Diagnostics of a window: this copy, its display, its engine, what went wrong; no names of people."""

from collections.abc import Sequence

from PySide6.QtCore import qVersion
from PySide6.QtGui import QGuiApplication

from app.engine_client import EngineState
from core.spec.diagnostics import about_program, as_text, impersonal
from core.spec.sizes import short_count


def diagnostics(states: Sequence[EngineState], mistakes: str, engine_log: str) -> str:
    facts = about_program() | {"Qt": f"{qVersion()}, {QGuiApplication.platformName()}", "screens": _screens()}
    parts = [as_text(facts), *(as_text({"engine": state.phase} | _about_model(state)) for state in states)]
    parts += [
        impersonal(f"The window:\n{mistakes or 'Nothing.'}"),
        impersonal(f"The engine:\n{engine_log or 'Nothing.'}"),
    ]
    return "\n\n".join(parts)


def _screens() -> str:
    return ", ".join(
        f"{screen.size().width()} x {screen.size().height()} at {screen.devicePixelRatio():g}"
        for screen in QGuiApplication.screens()
    )


def _about_model(state: EngineState) -> dict[str, str]:
    found = {"problem": state.problem} if state.problem else {}
    if state.facts is None:
        return found
    facts = state.facts
    placed = f"{facts.precision} on {facts.device}, {facts.kernel}, {facts.threads} threads"
    model = (
        f"{facts.name}, {short_count(facts.parameters)} parameters, {facts.context_tokens} tokens, {placed}"
    )
    return found | {"model": model} | ({"told": "; ".join(facts.concessions)} if facts.concessions else {})
