"""The card beside the embedded model is the one that its measurements make."""

import json
from pathlib import Path

from core.spec.folders import embedded_model
from trainer.bench.model_card import card_of
from trainer.corpus.packages import read_list

ROOT = Path(__file__).parents[3]


def test_the_card_is_made_of_what_was_measured() -> None:
    folder = embedded_model()
    facts = json.loads((folder / "measured.json").read_text(encoding="utf-8"))
    plan = read_list(ROOT / "resources/specs/nano-packages.json")
    assert (folder / "README.md").read_text(encoding="utf-8") == card_of(facts, plan, folder)


def test_what_it_is_compared_with_was_asked_the_same() -> None:
    held_out = json.loads((embedded_model() / "measured.json").read_text(encoding="utf-8"))["held_out"]
    assert held_out["seed"] == 42
    assert (
        held_out["model"]["fim_lines"] == held_out["model"]["next_lines"] == held_out["counts"]["next_lines"]
    )
    assert held_out["model"]["bits_per_byte"] < held_out["untrained"]["bits_per_byte"]
