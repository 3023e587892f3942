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


CODE = "def total(items):\n    return sum(items)"
ANSWER = f"Like this:\n\n```python\n{CODE}\n```\n\n"
GOES_ON = "And so on. "
TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def answering_model(folder: Path) -> Path:
    """It has learnt one answer, to whatever question: some code, and then words without an end."""
    tokenizer = tiny_tokenizer(folder)
    network = tiny_model(dim=128, n_layers=4, ffn_dim=256, max_context=4096).train().requires_grad_(True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    source = tokenizer.encode(Path(__file__).read_text(encoding="utf-8"))
    asks, answer = tokenizer.encode("\nassistant: "), tokenizer.encode(ANSWER + GOES_ON * 6)
    generator = torch.Generator().manual_seed(0)
    for step in range(_STEPS):
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1, step / 20, (_STEPS - step) / 20)
        start = int(torch.randint(0, len(source) - _QUESTION, (1,), generator=generator))
        length = int(torch.randint(1, _QUESTION, (1,), generator=generator))
        asked = [*source[start : start + length], *asks]
        logits = network(torch.tensor([asked + answer]))[0, len(asked) - 1 : -1]
        loss = torch.nn.functional.cross_entropy(logits.float(), torch.tensor(answer))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    write_native(network.eval().requires_grad_(False), tokenizer, folder / "answering", torch.float32)
    (folder / "answering" / "chat_template.jinja").write_text(TEMPLATE)
    return folder / "answering"


_STEPS, _QUESTION = 200, 120
