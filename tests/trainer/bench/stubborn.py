"""Real networks that write one token for ever, whatever they read: how models misbehave, made on purpose."""

from pathlib import Path

import torch

from core.checkpoint.native import write_native
from tests.tiny import MARKS, tiny_model, tiny_tokenizer

# written to the end: nothing, text, half a character
TOKENS = {"nothing": MARKS[0], "endless text": "a", "half a character": b"\x9f"}


def stubborn_folder(folder: Path, kind: str) -> Path:
    vocabulary = folder / "vocabulary"
    vocabulary.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_tokenizer(vocabulary)
    wanted = TOKENS[kind]
    if isinstance(wanted, bytes):
        tokens = range(tokenizer.vocab_size)
        token = next(number for number in tokens if tokenizer.token_bytes(number) == wanted)
    else:
        found = tokenizer.token_id(wanted)
        assert found is not None
        token = found
    model = tiny_model(norm="layer", mlp="gelu_tanh", bias="all", tie_embeddings=False)
    weights = dict(model.named_parameters())
    with torch.no_grad():  # what comes out of the last layer is the same each time, and means that token
        weights["norm.weight"].zero_()
        weights["norm.bias"].fill_(1.0)
        weights["head.weight"].zero_()
        weights["head.weight"][token] = 1.0
    write_native(model, tokenizer, folder / "model", torch.float32)
    return folder / "model"
