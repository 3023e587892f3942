"""No special token is ever shown: a thousand texts of each toy family, by models that write many of them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core import load
from core.checkpoint.native import write_native
from core.engine import Engine
from core.spec.sampling import Sampling
from core.text.tokenizer import Tokenizer
from core.text.vocabulary_folder import open_folder
from tests.core.templates import CHATML
from tests.core.vocabularies import json_file
from tests.tiny import tiny_model, tiny_tokenizer

STAR_CODER_MARKS = [
    "<|endoftext|>",
    "<fim_prefix>",
    "<fim_suffix>",
    "<fim_middle>",
    "<fim_pad>",
    "<file_sep>",
]
STAR_CODER_SHAPE = {"norm": "layer", "mlp": "gelu", "bias": "all"}
TEXTS = 1000


def star_coder_tokenizer(folder: Path) -> Tokenizer:
    json_file(folder, specials=[*STAR_CODER_MARKS, "<|im_start|>", "<|im_end|>"], size=500)
    written = {"eos_token": "<|endoftext|>", "chat_template": CHATML}
    (folder / "tokenizer_config.json").write_text(json.dumps(written))
    return open_folder(folder)


FAMILIES: dict[str, tuple[Callable[[Path], Tokenizer], dict[str, str]]] = {
    "llama, tokenizer.json": (lambda folder: tiny_tokenizer(folder, "json"), {}),
    "llama, SentencePiece": (lambda folder: tiny_tokenizer(folder, "pieces"), {}),
    "StarCoder": (star_coder_tokenizer, STAR_CODER_SHAPE),
}


@pytest.fixture(scope="module", params=FAMILIES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("model")
    make_tokenizer, shape = FAMILIES[request.param]
    tokenizer = make_tokenizer(folder)
    model = tiny_model(**shape)
    with torch.no_grad():
        model.embed.weight[sorted(tokenizer.special_ids)] *= 2
    write_native(model, tokenizer, folder / "written", torch.float32)
    return load(folder / "written", precision="fp32")


def test_no_text_holds_a_special_token(engine: Engine) -> None:
    """Ordinary tokens could spell one letter by letter; by chance they do not in so few."""
    spellings = [engine.tokenizer.spelling(token) or "" for token in sorted(engine.tokenizer.special_ids)]
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
