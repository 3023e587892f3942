"""The library finds what is there, names what is damaged, and is not led astray."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core.spec import library
from core.spec.library import ModelFile, describe_model, find_models, find_unfinished
from tests.fuzz.builders import Gguf, number_pair, tensor_entry, text_pair, texts_pair, write

LLAMA = {"model_type": "llama", "max_position_embeddings": 2048}


def make_folder(folder: Path, config: object = LLAMA) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(
        {"a": torch.zeros(3, 4), "mask": torch.zeros(5, 5, dtype=torch.bool)}, folder / "model.safetensors"
    )
    return folder


def gguf_bytes(*pairs: bytes) -> bytes:
    architecture = text_pair("general.architecture", "qwen2")
    return Gguf((architecture, *pairs), (tensor_entry("w", [64, 3], 8, 0),), bytes(204)).to_bytes()


def only_model(folder: Path) -> ModelFile:
    found = find_models([folder])
    assert found.problems == ()
    (model,) = found.models
    return model


def test_a_huggingface_folder_is_described_from_its_headers(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "deep" / "down" / "my-model")
    assert only_model(tmp_path) == ModelFile(
        folder, "my-model", "huggingface", "llama", 12, (folder / "model.safetensors").stat().st_size, 2048
    )


def test_a_folder_of_our_own_is_told_by_its_format(tmp_path: Path) -> None:
    model = only_model(make_folder(tmp_path / "own", {"format": 1, "network": {"max_context": 512}}))
    assert (model.kind, model.context_tokens, model.parameters, model.problem) == ("native", 512, 12, None)


def test_a_gguf_file_is_described_from_its_header(tmp_path: Path) -> None:
    content = gguf_bytes(
        number_pair("qwen2.context_length", 32768), text_pair("tokenizer.chat_template", "{{ x }}")
    )
    path = write(tmp_path / "Coder.Q8_0.gguf", content)
    assert only_model(tmp_path) == ModelFile(
        path, "Coder.Q8_0", "gguf", "qwen2", 192, len(content), 32768, has_chat_template=True
    )


def test_a_gguf_folder_in_the_hub_cache_is_found_through_its_links(tmp_path: Path) -> None:
    hub = tmp_path / "models--Qwen--Qwen2.5--Coder"
    blobs, snapshot = hub / "blobs", hub / "snapshots" / "abc123"
    for folder in (blobs, snapshot, hub / "refs"):
        folder.mkdir(parents=True)
    (hub / "refs" / "main").write_text("abc123")
    made = make_folder(tmp_path / "made")
    for name in ("config.json", "model.safetensors"):
        (made / name).rename(blobs / f"blob-of-{name}")
        (snapshot / name).symlink_to(f"../../blobs/blob-of-{name}")
    made.rmdir()
    model = only_model(tmp_path)
    assert (model.path, model.name, model.problem) == (snapshot, "Qwen/Qwen2.5--Coder", None)


def test_a_model_in_several_files_is_counted_whole(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "model.safetensors").unlink()
    save_file({"a": torch.zeros(2)}, folder / "model-1.safetensors")
    save_file({"b": torch.zeros(5)}, folder / "model-2.safetensors")
    places = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    sizes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    assert (only_model(folder).parameters, only_model(folder).size_bytes) == (7, sizes)


def test_only_the_first_part_of_a_split_gguf_is_listed_and_says_what_to_do(tmp_path: Path) -> None:
    for part in ("00001", "00002", "00010"):
        write(tmp_path / f"m-{part}-of-00010.gguf", gguf_bytes(number_pair("split.count", 10)))
    model = only_model_with_problem(tmp_path)
    assert model.path.name == "m-00001-of-00010.gguf"
    assert "one of 10 parts; join them" in (model.problem or "")


def only_model_with_problem(folder: Path) -> ModelFile:
    model = only_model(folder)
    assert model.problem
    assert model.problem.isprintable()
    return model


def test_a_damaged_model_is_listed_with_what_is_wrong(tmp_path: Path) -> None:
    write(tmp_path / "cut.gguf", gguf_bytes()[:-1])
    model = only_model_with_problem(tmp_path)
    assert "cut.gguf ends before its tensor 'w' does" in (model.problem or "")


def test_a_damaged_folder_is_listed_with_what_is_wrong(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    write(folder / "model.safetensors", (folder / "model.safetensors").read_bytes()[:-1])
    model = only_model_with_problem(tmp_path)
    assert (model.architecture, model.parameters) == ("llama", None)
    (folder / "config.json").write_text("{")
    assert "config.json is not valid JSON" in (only_model_with_problem(tmp_path).problem or "")


def test_a_folder_of_pickles_is_listed_with_the_way_out(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "safetensors" in (only_model_with_problem(tmp_path).problem or "")


def test_a_vocabulary_alone_is_no_model_to_run(tmp_path: Path) -> None:
    write(tmp_path / "vocab.gguf", Gguf().to_bytes())
    assert "no weights" in (only_model_with_problem(tmp_path).problem or "")


def test_what_is_no_model_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "config.json").write_text('{"debug": true}')
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.json").write_text(json.dumps(LLAMA))
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "config.json").write_text("[]")
    write(tmp_path / "notes.txt", b"GGUF")
    assert find_models([tmp_path, tmp_path / "absent"]) == library.Library((), ())


@pytest.mark.parametrize(
    ("file_name", "content", "has_fim"),
    [
        ("tokenizer.json", '{"added_tokens": [{"id": 7, "content": "<fim_prefix>"}]}', True),
        (
            "tokenizer.json",
            '{"added_tokens": [{"id": 7, "content": "<\\uff5cfim\\u2581begin\\uff5c>"}]}',
            True,
        ),
        ("tokenizer.json", '{"added_tokens": [{"id": 7, "content": "<｜fim▁begin｜>"}]}', True),  # noqa: RUF001
        ("tokenizer_config.json", '{"additional_special_tokens": ["<|fim_prefix|>"]}', True),
        ("tokenizer.model", "\n\x06<PRE>", True),
        ("tokenizer.json", '{"added_tokens": [{"id": 7, "content": "not <fim_prefix> alone"}]}', False),
        ("README.md", '"<fim_prefix>"', False),
    ],
)
def test_fim_is_seen_in_the_tokenizer(tmp_path: Path, file_name: str, content: str, has_fim: bool) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / file_name).write_text(content, encoding="utf-8")
    assert only_model(folder).has_fim is has_fim


@pytest.mark.parametrize(
    ("pair", "has_fim"),
    [
        (number_pair("tokenizer.ggml.fim_pre_token_id", 3), True),
        (texts_pair("tokenizer.ggml.tokens", ["a", "<|fim_prefix|>"]), True),
        (texts_pair("tokenizer.ggml.tokens", ["a", "x<|fim_prefix|>"]), False),
    ],
)
def test_fim_is_seen_in_a_gguf(tmp_path: Path, pair: bytes, has_fim: bool) -> None:
    write(tmp_path / "m.gguf", gguf_bytes(pair))
    assert only_model(tmp_path).has_fim is has_fim


@pytest.mark.parametrize(
    ("file_name", "content", "has_chat_template"),
    [
        ("chat_template.jinja", "{{ messages }}", True),
        ("tokenizer_config.json", '{"chat_template": "{{ messages }}"}', True),
        ("tokenizer_config.json", '{"chat_template": null}', False),
    ],
)
def test_a_chat_template_is_seen(
    tmp_path: Path, file_name: str, content: str, has_chat_template: bool
) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / file_name).write_text(content)
    assert only_model(folder).has_chat_template is has_chat_template


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_in_a_circle_end_and_count_once(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "again").symlink_to(folder, target_is_directory=True)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "gone.gguf").symlink_to(tmp_path / "nowhere")
    found = find_models([tmp_path, tmp_path, folder])
    assert [model.kind for model in found.models if not model.problem] == ["huggingface"]
    assert [model.name for model in found.models if model.problem] == ["gone"]


def test_a_very_deep_folder_is_left_alone(tmp_path: Path) -> None:
    make_folder(tmp_path.joinpath(*"abcdefghijklm"))
    assert find_models([tmp_path]).models == ()
    assert len(find_models([tmp_path / "a/b/c/d/e/f"]).models) == 1


def test_after_very_many_entries_the_search_says_that_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "_MAX_ENTRIES", 10)
    for number in range(20):
        (tmp_path / f"{number:02}").touch()
    (problem,) = find_models([tmp_path]).problems
    assert "left out" in problem


def test_a_place_that_cannot_be_looked_into_is_reported_and_the_rest_is_found(tmp_path: Path) -> None:
    make_folder(tmp_path / "open")
    found = find_models([write(tmp_path / "file", b""), tmp_path])
    assert [model.name for model in found.models] == ["open"]
    (problem,) = found.problems
    assert problem.startswith(f"{tmp_path / 'file'} cannot be looked into (Not a directory)")


def test_the_answer_is_the_same_for_one_path(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    assert describe_model(folder) == only_model(tmp_path)
    assert describe_model(tmp_path) is None


def test_looking_for_models_loads_neither_torch_nor_numpy(tmp_path: Path) -> None:
    make_folder(tmp_path / "m")
    write(tmp_path / "m.gguf", gguf_bytes())
    program = (
        "import sys; from pathlib import Path; from core.spec.library import find_models;"
        "found = find_models([Path(sys.argv[1])]);"
        "sys.exit(0 if len(found.models) == 2 and not {'torch', 'numpy', 'gguf'} & set(sys.modules) else 1)"
    )
    root = Path(__file__).parents[2]
    assert (
        subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=root, check=False).returncode == 0
    )


def test_a_download_that_was_begun_is_listed_by_its_name_and_is_no_model(tmp_path: Path) -> None:
    begun = tmp_path / "someone" / ".stories.download"
    begun.mkdir(parents=True)
    (begun / "model.safetensors.0123456789ab.partial").write_bytes(bytes(1000))
    (model,) = find_unfinished(tmp_path)
    assert (model.name, model.size_bytes, model.is_unfinished) == ("someone/stories", 1000, True)
    assert model.problem is not None
    assert "models download someone/stories" in model.problem
    assert find_models([tmp_path]).models == ()
