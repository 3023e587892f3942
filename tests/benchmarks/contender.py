"""One side of tests/benchmarks/peers: holds a model, does the task a line asks for, and says its seconds."""

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

CONTEXT, NEW_TOKENS = 512, 24
# on a machine that others use too, the time that the processor spent on us says more than the wall's clock
clock = time.process_time if os.environ.get("SMALLCODER_PEERS_CLOCK") == "processor" else time.perf_counter
_STREAMED_BYTES = 1 << 30


class Side(Protocol):
    kernel: str

    def read(self, tokens: list[int]) -> int:
        """Feeds tokens behind those held; the likeliest next one."""
        ...

    def keep(self, length: int) -> None: ...


class Ours:
    def __init__(self, folder: Path, threads: int, precision: str) -> None:
        from core.checkpoint.load import open_model
        from core.placing.place import place
        from core.spec.placement import Placement

        placement = Placement(device="cpu", precision=precision, threads=threads, anyway=True)  # type: ignore[arg-type]
        placed = place(open_model(folder / "model"), placement, lambda _: None)
        self._model, self._cache, self.kernel = placed.model, placed.new_cache(), placed.kernel

    def read(self, tokens: list[int]) -> int:
        from core.spec.budget import PREFILL_CHUNK

        while len(tokens) > PREFILL_CHUNK:
            self._model.read(tokens[:PREFILL_CHUNK], self._cache, last=0)
            tokens = tokens[PREFILL_CHUNK:]
        return int(self._model.read(tokens, self._cache, last=1)[-1].argmax())

    def keep(self, length: int) -> None:
        self._cache.keep(length)


class LlamaCpp:
    def __init__(self, folder: Path, threads: int, file_type: str) -> None:
        import llama_cpp

        self._library = llama_cpp
        path = str(folder / f"model-{file_type}.gguf")
        self._llama = llama_cpp.Llama(
            path, n_ctx=1024, n_batch=512, n_threads=threads, n_threads_batch=threads, verbose=False
        )
        self._length = 0
        info = llama_cpp.llama_print_system_info().decode()
        self.kernel = " ".join(part for part in info.split(" | ") if part.endswith("= 1"))

    def read(self, tokens: list[int]) -> int:
        import numpy as np

        library, context = self._library, self._llama._ctx.ctx
        array = (library.llama_token * len(tokens))(*tokens)
        if library.llama_decode(context, library.llama_batch_get_one(array, len(tokens))):
            raise RuntimeError("llama.cpp has not decoded")
        self._length += len(tokens)
        logits = library.llama_get_logits_ith(context, -1)
        return int(np.ctypeslib.as_array(logits, shape=(self._llama.n_vocab(),)).argmax())

    def keep(self, length: int) -> None:
        memory = self._library.llama_get_memory(self._llama._ctx.ctx)
        self._library.llama_memory_seq_rm(memory, 0, length, -1)
        self._length = length


class Transformers:
    def __init__(self, folder: Path, threads: int, dtype: str) -> None:
        import torch
        from transformers import AutoModelForCausalLM, DynamicCache

        torch.set_num_threads(threads)
        kind = getattr(torch, dtype)
        self._model = AutoModelForCausalLM.from_pretrained(folder / "huggingface", dtype=kind).eval()
        self._cache = DynamicCache(config=self._model.config)
        self.kernel = f"torch {torch.__version__}"

    def read(self, tokens: list[int]) -> int:
        import torch

        ids = torch.tensor([tokens])
        done = self._model(ids, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
        return int(done.logits[0, -1].argmax())

    def keep(self, length: int) -> None:
        surplus = self._cache.get_seq_length() - length
        if surplus > 0:
            self._cache.crop(-surplus)


def seconds_for_one_token(side: Side, task: str) -> float:
    prompt = [number * 37 % 30_000 for number in range(CONTEXT)]
    if task == "prefill":
        side.keep(0)
        return timed(lambda: side.read(prompt)) / CONTEXT
    side.keep(CONTEXT if task == "decode" else 0)
    token = prompt[0]
    times = []
    for _ in range(NEW_TOKENS):
        started = clock()
        token = side.read([token])
        times.append(clock() - started)
    return statistics.median(times)


def bandwidth_seconds(threads: int) -> float:
    """For one byte of a plain read of far more memory than any processor's cache holds; median of three."""
    import torch

    torch.set_num_threads(threads)
    values = torch.ones(_STREAMED_BYTES // 4)
    return statistics.median(timed(lambda: float(values.sum())) for _ in range(3)) / _STREAMED_BYTES


def make(folder: Path, shape: str) -> None:
    import torch

    from core.checkpoint.gguf import write_gguf
    from core.checkpoint.huggingface import write_huggingface
    from core.checkpoint.native import write_native
    from core.model.transformer import with_random_weights
    from tests.benchmarks.peers import SHAPES
    from tests.tiny import tiny_tokenizer

    model = with_random_weights(SHAPES[shape], 1)
    tokenizer = tiny_tokenizer(folder)
    write_native(model, tokenizer, folder / "model", torch.bfloat16)
    write_huggingface(model, tokenizer, folder / "huggingface", torch.bfloat16)
    for file_type in ("Q8_0", "Q4_0"):
        write_gguf(model, tokenizer, folder / f"model-{file_type}.gguf", file_type)


def timed(run: Callable[[], object]) -> float:
    started = clock()
    run()
    return clock() - started


def opened(name: str, folder: Path, threads: int) -> Side:
    kind, what = name.split()
    if kind == "ours":
        return Ours(folder, threads, what)
    if kind == "llama.cpp":
        return LlamaCpp(folder, threads, what)
    return Transformers(folder, threads, {"fp32": "float32", "bf16": "bfloat16"}[what])


def main(words: list[str]) -> int:
    name, folder, rest = words
    if name == "make":
        make(Path(folder), rest)
        return 0
    import torch

    threads = int(rest)
    with torch.inference_mode():
        side = None if name == "memory" else opened(name, Path(folder), threads)
        for line in sys.stdin:
            answer(side, line.strip(), threads)
    return 0


def answer(side: Any, task: str, threads: int) -> None:
    if task == "kernel":
        said = side.kernel
    elif task == "bandwidth":
        said = repr(bandwidth_seconds(threads))
    else:
        said = repr(seconds_for_one_token(side, task))
    sys.stdout.write(said + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
