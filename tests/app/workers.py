"""A real tiny model that writes slowly enough to be interrupted, for tests that start a real engine."""

from pathlib import Path

import torch

from core.checkpoint.native import write_native
from core.spec.placement import Placement
from tests.tiny import tiny_model, tiny_tokenizer

PLAIN = Placement(device="cpu", precision="fp32", threads=1)


def tireless_model(folder: Path) -> Path:
    """It never ends a text by itself, and writes what can be read."""
    tokenizer = tiny_tokenizer(folder)
    network = tiny_model(dim=256, n_layers=4, ffn_dim=512, max_context=4096)
    readable = [tokenizer.token_bytes(token).decode("ascii", "ignore").strip() for token in range(512)]
    network.embed.weight[
        [token for token, text in enumerate(readable) if not text.isprintable() or not text]
    ] = 0
    write_native(network, tokenizer, folder / "tireless", torch.float32)
    return folder / "tireless"
