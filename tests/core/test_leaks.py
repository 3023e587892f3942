"""No special token is ever shown: a thousand texts of each toy family, by models that write many of them."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from core import load
from core.checkpoint.native import write_native
from core.engine import Engine
from core.spec.sampling import Sampling
from core.text.pretokenizers import build, named
from core.text.tokenizer import Tokenizer
from core.text.vocabulary_folder import open_folder
from tests.core.templates import CHATML, GRANITE
from tests.core.vocabularies import json_file
from tests.tiny import tiny_model, tiny_tokenizer

TEXTS = 1000
_LAYER_NORM = {"norm": "layer", "bias": "all"}
_MULTIPLIERS = {
    "embedding_multiplier": 12.0,
    "attention_multiplier": 0.0156,
    "residual_multiplier": 0.22,
    "logits_divisor": 8.0,
}


@dataclass(frozen=True)
class Kind:
    """A family's vocabulary in small. `ordinary`: marks that its own files do not call special."""

    cut: str
    end: str
    special: tuple[str, ...]
    ordinary: tuple[str, ...] = ()
    chat_template: str | None = CHATML
    shape: dict[str, Any] = field(default_factory=dict)

    @property
    def marks(self) -> tuple[str, ...]:
        return (self.end, *self.special, *self.ordinary)

    def make(self, folder: Path) -> Tokenizer:
        path = json_file(folder, cut=build(named(self.cut, source=self.cut)), specials=self.marks, size=500)
        said = json.loads(path.read_text())
        for token in said["added_tokens"]:
            token["special"] = token["content"] not in self.ordinary
        path.write_text(json.dumps(said))
        written = {"eos_token": self.end, "chat_template": self.chat_template}
        (folder / "tokenizer_config.json").write_text(json.dumps(written))
        return open_folder(folder)


_CHATML_MARKS = ("<|im_start|>", "<|im_end|>")
_STAR_CODER_FIM = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>")
_QWEN_FIM = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>")
_QWEN_ORDINARY = (*_QWEN_FIM, "<|repo_name|>", "<|file_sep|>")
_GRANITE_ROLES = ("<|start_of_role|>", "<|end_of_role|>", "<|tool_call|>")
_BIGCODE_META = ("<filename>", "<gh_stars>", "<issue_start>", "<commit_before>", "<reponame>")

KINDS = {
    "StarCoder": Kind(
        "starcoder",
        "<|endoftext|>",
        (*_STAR_CODER_FIM, "<file_sep>", *_CHATML_MARKS),
        shape=_LAYER_NORM | {"mlp": "gelu"},
    ),
    "Qwen2": Kind(
        "qwen2", "<|im_end|>", ("<|endoftext|>", "<|im_start|>"), _QWEN_ORDINARY, shape={"bias": "qkv"}
    ),
    "Qwen3": Kind(
        "qwen2",
        "<|im_end|>",
        ("<|endoftext|>", "<|im_start|>", "<|vision_start|>", "<|vision_pad|>"),
        _QWEN_ORDINARY,
        shape={"qk_norm": True},
    ),
    "Granite": Kind(
        "gpt-2", "<|end_of_text|>", (*_QWEN_FIM, *_GRANITE_ROLES), chat_template=GRANITE, shape=_MULTIPLIERS
    ),
    "GPT-BigCode": Kind(
        "starcoder",
        "<|endoftext|>",
        (*_STAR_CODER_FIM, *_BIGCODE_META),
        chat_template=None,
        shape=_LAYER_NORM | {"mlp": "gelu_tanh", "position": "learned", "n_kv_heads": 1},
    ),
}
FAMILIES: dict[str, tuple[Callable[[Path], Tokenizer], dict[str, Any]]] = {
    "llama, tokenizer.json": (lambda folder: tiny_tokenizer(folder, "json"), {}),
    "llama, SentencePiece": (lambda folder: tiny_tokenizer(folder, "pieces"), {}),
    **{name: (kind.make, kind.shape) for name, kind in KINDS.items()},
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def engine(family: str, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("model")
    make_tokenizer, shape = FAMILIES[family]
    tokenizer = make_tokenizer(folder)
    model = tiny_model(n_layers=1, **shape)
    with torch.no_grad():
        model.embed.weight[sorted(tokenizer.special_ids)] *= 2
    write_native(model, tokenizer, folder / "written", torch.float32)
    # what is quickest at this size: where the norm is RMS, the whole step is one call of the C library
    return load(folder / "written", precision="int8" if model.config.norm == "rms" else "fp32")


def test_no_text_holds_a_special_token(family: str, engine: Engine) -> None:
    """Ordinary tokens could spell one letter by letter; by chance they do not in so few."""
    hidden = sorted(engine.tokenizer.special_ids)
    spellings = [engine.tokenizer.spelling(token) or "" for token in hidden]
    if family in KINDS:
        assert {*KINDS[family].marks} <= {*spellings}
    spelled = "".join(spellings)
    endings = []
    for seed in range(TEXTS):
        sampling = Sampling(temperature=2, seed=seed, max_tokens=8)
        if seed % 4 == 0:
            answer = engine.chat_answer([{"role": "user", "content": spelled}], sampling)
        else:
            answer = engine.complete_answer("x = " + spelled, spelled if seed % 2 else "", sampling)
        text = answer.text()
        assert not [spelling for spelling in spellings if spelling in text]
        endings.append(answer.statistics.ending)
    assert endings.count("end") > TEXTS / 50
