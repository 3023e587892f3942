"""Placement: where and how a model is to run, as a person sets it. `auto` is decided by measuring."""

from dataclasses import dataclass
from typing import Literal

from core.spec.fields import setting

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16", "fp16", "int8", "int4"]


@dataclass(frozen=True)
class Placement:
    device: Device = setting("auto", "Where to compute; auto takes the faster one that has room")
    precision: Precision = setting(
        "auto", "How weights are held; auto is int8 on the processor, fp16 on a card"
    )
    threads: int = setting(0, "Processor threads; 0 leaves one core free", low=0, high=256)
    ram_mb: int = setting(0, "Memory for all programs together; 0 is all there is", low=0)
    vram_mb: int = setting(0, "The card's memory for all programs together; 0 is all there is", low=0)
    anyway: bool = setting(False, "Run even what does not fit")
    context_tokens: int = setting(
        0, "The longest text, prompt and answer together; 0 is 4096, or what the model was made for", low=0
    )
    cache_mb: int = setting(
        256, "Memory for earlier texts beside the one in use, as far as there is room", low=0, high=65536
    )
    adapter: str = setting(
        "", "A folder with what a run has taught the model, in PEFT's format; nothing: none"
    )
    adapter_strength: float = setting(
        1.0, "How much of the adapter counts: 1 as it was learnt, 0 the model by itself", low=0, high=4
    )
    beside_pid: int = setting(
        0, "Another process of ours that runs a model; its memory is counted as such. 0 is none", low=0
    )
    draft_model: str | None = setting(
        None, "A smaller model with the same vocabulary that guesses ahead, which changes no text"
    )
