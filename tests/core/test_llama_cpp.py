"""What we write as GGUF runs in llama.cpp and means the same there.

Needs llama-cpp-python, which compiles for minutes: `pip install llama-cpp-python==0.3.36`, then
`python3 main.py test -m slow tests/core/test_llama_cpp.py`.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from core.checkpoint.gguf import open_gguf_model, write_gguf
from core.model.transformer import Transformer
from tests.tiny import tiny_model, tiny_tokenizer

pytestmark = pytest.mark.slow

# mean KL to our logits from the same dequantised weights; llama.cpp rounds activations to 8 bits
MAX_DIVERGENCE = {"Q8_0": 3e-4, "Q4_0": 3e-4}

NETWORKS: dict[str, dict[str, Any]] = {
    "llama": {},
    "llama, untied, biases": {"tie_embeddings": False, "bias": "attention"},
    "llama, llama3 scaling": {"head_dim": 32},
    "qwen2": {"bias": "qkv", "head_dim": 16},
    "qwen3": {"qk_norm": True, "head_dim": 32},
    "granite": {"embedding_multiplier": 3.0, "residual_multiplier": 0.5, "logits_divisor": 2.0},
    "starcoder2": {"norm": "layer", "mlp": "gelu_tanh", "bias": "all", "head_dim": 16},
    "starcoder": {
        "norm": "layer",
        "mlp": "gelu_tanh",
        "bias": "all",
        "head_dim": 16,
        "n_kv_heads": 1,
        "position": "learned",
    },
}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Transformer:
    from core.spec.config import RopeScaling

    changes = dict(NETWORKS[request.param])
    if "llama3" in request.param:
        changes["rope_scaling"] = RopeScaling("llama3", 8.0, 64)
    return tiny_model(**changes)


def opened(path: Path) -> Any:
    from llama_cpp import Llama

    return Llama(str(path), n_ctx=512, n_threads=1, logits_all=True, verbose=False)


def their_logits(path: Path, tokens: list[int]) -> torch.Tensor:
    llama = opened(path)
    llama.eval(tokens)
    return torch.from_numpy(llama.scores[: len(tokens)].copy())


@torch.inference_mode()
def our_logits(path: Path, tokens: list[int]) -> torch.Tensor:
    return open_gguf_model(path).load(torch.float32)(torch.tensor([tokens]))[0]


def tokens_of(count: int) -> list[int]:
    return torch.randint(5, 500, (count,), generator=torch.Generator().manual_seed(2)).tolist()


def test_f16_gives_the_same_likeliest_tokens(network: Transformer, tmp_path: Path) -> None:
    write_gguf(network, tiny_tokenizer(tmp_path), tmp_path / "m.gguf", "F16")
    tokens = tokens_of(300)
    ours, theirs = our_logits(tmp_path / "m.gguf", tokens), their_logits(tmp_path / "m.gguf", tokens)
    first, second = ours.topk(2, dim=-1).values.unbind(-1)
    is_clear = first - second > 1e-2
    assert int(is_clear.sum()) > 200
    assert torch.equal(ours.argmax(-1)[is_clear], theirs.argmax(-1)[is_clear])


@pytest.mark.parametrize("file_type", MAX_DIVERGENCE)
def test_quantised_files_predict_what_ours_do(network: Transformer, file_type: str, tmp_path: Path) -> None:
    write_gguf(network, tiny_tokenizer(tmp_path), tmp_path / "m.gguf", file_type)
    tokens = tokens_of(300)
    ours, theirs = our_logits(tmp_path / "m.gguf", tokens), their_logits(tmp_path / "m.gguf", tokens)
    divergence = F.kl_div(
        theirs.log_softmax(-1), ours.log_softmax(-1), log_target=True, reduction="batchmean"
    )
    assert float(divergence) < MAX_DIVERGENCE[file_type]


@pytest.mark.parametrize("kind", ["json", "pieces"])
def test_their_tokens_are_ours(kind: Any, tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer(tmp_path, kind)
    write_gguf(tiny_model(), tokenizer, tmp_path / "m.gguf", "F16")
    llama = opened(tmp_path / "m.gguf")
    for text in ("def f(x):\n    return x", "héllo 你好 🚀\t\r\n   x", " a  b", ""):
        theirs = llama.tokenize(text.encode(), add_bos=False, special=False)
        assert theirs == tokenizer.encode(text), text


def test_fim_ids_are_in_the_file(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer(tmp_path)
    write_gguf(tiny_model(), tokenizer, tmp_path / "m.gguf", "F16")
    metadata = opened(tmp_path / "m.gguf").metadata
    assert metadata["tokenizer.ggml.fim_pre_token_id"] == str(tokenizer.token_id("<|fim_prefix|>"))
    assert metadata["tokenizer.ggml.fim_suf_token_id"] == str(tokenizer.token_id("<|fim_suffix|>"))
    assert metadata["tokenizer.ggml.fim_mid_token_id"] == str(tokenizer.token_id("<|fim_middle|>"))
