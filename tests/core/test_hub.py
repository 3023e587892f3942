"""Models come from the hub whole or not at all, without code, and what has come is never fetched again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from core.hub import RemoteFile, Repository, _alone, files_of_model
from core.spec.errors import ModelFormatError, UsageError
from tests.hub import ID, Hub, running
from tests.tiny import tiny_folder, tiny_tokenizer

ROOT = Path(__file__).parents[2]
RUN = "import sys, main; code = main.run(sys.argv[1:], sets_itself_up=False); {after}; sys.exit(code)"
WEIGHTS = "model.safetensors"
LARGE = save({"weight": torch.randn(1_500_000, generator=torch.Generator().manual_seed(1))})
FILES = {
    "config.json": b'{"model_type": "llama", "max_position_embeddings": 64}',
    "tokenizer.json": b"{}",
    WEIGHTS: LARGE,
    "LICENSE": b"Do as you like.\n",
    "modeling_own.py": b"raise SystemExit('never run')\n",
    "pytorch_model.bin": b"\x80\x02",
    "onnx/model.onnx": b"x",
}
ENDS = ["LICENSE", "config.json", WEIGHTS, "tokenizer.json"]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running(Hub(dict(FILES), large=frozenset({WEIGHTS}))) as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "data" / "models" / ID


def surroundings(hub: Hub, tmp_path: Path) -> dict[str, str]:
    hub_settings = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
    places = {"SMALLCODER_HOME": str(tmp_path / "home"), "HF_HUB_CACHE": str(tmp_path / "cache")}
    return os.environ | hub_settings | places | {"NO_PROXY": "127.0.0.1"}


def run(
    hub: Hub, tmp_path: Path, *words: str, before: str = "", after: str = "", text: str = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", before + "\n" + RUN.format(after=after or "None"), *words],
        cwd=ROOT,
        env=surroundings(hub, tmp_path) | settings,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def download(hub: Hub, tmp_path: Path, *options: str, name: str = ID, **more: str) -> str:
    done = run(hub, tmp_path, "models", "download", name, *options, **more)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refusal(hub: Hub, tmp_path: Path, *options: str, name: str = ID, **more: str) -> str:
    done = run(hub, tmp_path, "models", "download", name, *options, **more)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("smallcoder: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_model_comes_without_code_and_its_licence_is_said_first(
    hub: Hub, folder: Path, tmp_path: Path
) -> None:
    said = download(hub, tmp_path, after="assert 'torch' not in sys.modules").splitlines()
    assert (said[0], said[-1]) == (f"{ID}, 6.0 MB; licence apache-2.0", str(folder))
    assert names_in(folder) == ENDS
    assert names_in(folder.parent) == [f"{folder.name}/{name}" for name in ENDS]
    assert (folder / WEIGHTS).read_bytes() == LARGE


def test_a_downloaded_model_is_used_by_its_id_and_not_fetched_again(
    hub: Hub, folder: Path, tmp_path: Path
) -> None:
    model = tiny_folder(tmp_path / "made", tiny_tokenizer(tmp_path))
    hub.files = {path.name: path.read_bytes() for path in model.iterdir()}
    download(hub, tmp_path)
    hub.requests.clear()
    assert "is here already" in download(hub, tmp_path)
    download(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert hub.requests == []
    by_id = run(hub, tmp_path, "tokenize", "--model", ID, text="def f")
    assert by_id.stdout == run(hub, tmp_path, "tokenize", "--model", str(model), text="def f").stdout != ""


@pytest.mark.parametrize(
    ("licence", "said"), [("cc-by-nc-4.0", "cc-by-nc-4.0, may restrict"), ("", "it names no licence")]
)
def test_a_licence_that_may_restrict_is_pointed_at(hub: Hub, tmp_path: Path, licence: str, said: str) -> None:
    hub.licence = licence
    first = download(hub, tmp_path).splitlines()[0]
    assert said in first
    assert f"https://huggingface.co/{ID}" in first


@pytest.mark.parametrize("ignores_ranges", [False, True])
def test_a_connection_that_drops_is_taken_up_again(
    hub: Hub, folder: Path, tmp_path: Path, ignores_ranges: bool
) -> None:
    hub.drops_after, hub.drops_left, hub.ignores_ranges = 2_400_000, 1, ignores_ranges
    download(hub, tmp_path)
    assert (folder / WEIGHTS).read_bytes() == LARGE
    assert [wanted for _, path, wanted in hub.requests if path.endswith(WEIGHTS) and wanted]


def test_after_a_kill_it_goes_on_and_half_a_model_is_none(hub: Hub, folder: Path, tmp_path: Path) -> None:
    hub.drops_after, hub.drops_left = 2_400_000, 1
    words = [sys.executable, "-c", RUN.format(after="None"), "models", "download", ID]
    unfinished = folder.with_name(f".{folder.name}.download")
    with subprocess.Popen(words, cwd=ROOT, env=surroundings(hub, tmp_path), stderr=subprocess.DEVNULL) as one:
        partial = next(_something_of(unfinished, one))
        one.send_signal(signal.SIGKILL)
    there = partial.stat().st_size
    assert 0 < there < len(LARGE)
    listed = json.loads(run(hub, tmp_path, "models", "list", "--json").stdout)
    begun = next(row for row in listed if row["name"] == ID)
    assert (begun["is_unfinished"], begun["size_bytes"] >= there) == (True, True)
    assert f"models download {ID}" in begun["problem"]
    hub.requests.clear()
    hub.drops_left = 0
    download(hub, tmp_path)
    assert (folder / WEIGHTS).read_bytes() == LARGE
    assert [wanted for _, path, wanted in hub.requests if path.endswith(WEIGHTS)] == [f"bytes={there}-"]
    assert not unfinished.exists()


def _something_of(folder: Path, process: "subprocess.Popen[bytes]") -> Iterator[Path]:
    while process.poll() is None:
        yield from (path for path in folder.glob(f"{WEIGHTS}.*.partial") if path.stat().st_size)


def test_what_was_begun_of_another_version_does_not_stay(hub: Hub, folder: Path, tmp_path: Path) -> None:
    unfinished = folder.with_name(f".{folder.name}.download")
    unfinished.mkdir(parents=True)
    for name in ("model-00001-of-00002.safetensors", f"{WEIGHTS}.0123456789ab.partial", "config.json"):
        (unfinished / name).write_bytes(b"old")
    download(hub, tmp_path)
    assert names_in(folder) == ENDS
    assert (folder / "config.json").read_bytes() == FILES["config.json"]


def test_another_file_of_the_same_models_joins_the_first(hub: Hub, folder: Path, tmp_path: Path) -> None:
    hub.files = {"a-q4_0.gguf": b"GGUF 4", "a-q8_0.gguf": b"GGUF 8", "deep/b.gguf": b"GGUF b"}
    first = run(hub, tmp_path, "models", "download", ID, "--json")
    assert json.loads(first.stdout)["path"] == str(folder / "a-q8_0.gguf")
    assert "download" in first.stderr  # they are no models, and that is said
    hub.requests.clear()
    run(hub, tmp_path, "models", "download", ID, "--file", "deep/b.gguf")
    assert names_in(folder.parent) == [f"{folder.name}/a-q8_0.gguf", f"{folder.name}/deep/b.gguf"]
    assert not any(path.endswith("q8_0.gguf") for _, path, _ in hub.requests)


@pytest.mark.parametrize("name", [WEIGHTS, "tokenizer.json"])
def test_what_has_another_hash_is_refused(hub: Hub, folder: Path, tmp_path: Path, name: str) -> None:
    content = bytearray(FILES[name])
    content[-1] ^= 1
    hub.lies[name] = bytes(content)
    assert f"{name} of {ID} is not what the hub lists" in refusal(hub, tmp_path)
    assert not folder.exists()
    hub.lies.clear()
    download(hub, tmp_path)
    assert (folder / name).read_bytes() == FILES[name]


@pytest.mark.parametrize(
    ("content", "said"), [(LARGE * 2, "sends more of"), (LARGE[:-5], "is not what the hub lists")]
)
def test_a_server_that_lies_about_the_size_fills_no_disk(
    hub: Hub, tmp_path: Path, content: bytes, said: str
) -> None:
    hub.lies[WEIGHTS] = content
    assert said in refusal(hub, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.partial")) <= len(LARGE)


def test_a_disk_that_becomes_full_is_said_and_nothing_is_lost(hub: Hub, folder: Path, tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))"
    assert "The disk is full" in refusal(hub, tmp_path, before=limit)
    (partial,) = tmp_path.rglob("*.partial")
    there = partial.stat().st_size
    hub.requests.clear()
    download(hub, tmp_path)
    assert (folder / WEIGHTS).read_bytes() == LARGE
    assert [wanted for _, path, wanted in hub.requests if path.endswith(WEIGHTS)] == [f"bytes={there}-"]


def test_too_small_a_disk_is_said_beforehand(hub: Hub, tmp_path: Path) -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return 1 << 60

    hub.files[WEIGHTS] = Huge(b"x")
    assert "free some space" in refusal(hub, tmp_path)
    assert not any("/resolve/" in path for _, path, _ in hub.requests)


def test_events_tell_the_licence_how_far_it_is_and_the_end(hub: Hub, folder: Path, tmp_path: Path) -> None:
    at_once = "import core.cli.teller as teller; teller._EVENTS_EVERY_S = 0"
    lines = download(hub, tmp_path, "--events", before=at_once).splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["type"] for event in (events[0], events[1], events[-1])] == ["started", "note", "finished"]
    assert "apache-2.0" in events[1]["text"]
    assert events[-1]["path"] == str(folder)
    steps = [event for event in events if event["type"] == "progress"]
    told = [event["step"] for event in steps]
    assert told == sorted(told)
    assert told[-1] == steps[-1]["total"] == sum(len(FILES[name]) for name in ENDS)
    assert steps[-1]["metrics"][0]["value"] > 0


def test_two_at_once_do_not_spoil_each_others_work(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMALLCODER_HOME", str(tmp_path / "home"))
    with _alone(folder):
        assert "Another process is filling" in refusal(hub, tmp_path)


def test_a_plan_tells_licence_and_sizes_and_brings_nothing(hub: Hub, folder: Path, tmp_path: Path) -> None:
    hub.licence = "bigcode-openrail-m"
    plan = json.loads(download(hub, tmp_path, "--plan", "--json"))
    size = sum(len(FILES[name]) for name in ENDS)
    assert (plan["licence"], plan["is_free"], plan["size_bytes"]) == ("bigcode-openrail-m", False, size)
    assert sorted(file["name"] for file in plan["files"]) == ENDS
    assert (plan["missing_bytes"], plan["path"], plan["folder"]) == (size, None, str(folder))
    assert plan["free_bytes"] > 0
    assert not folder.exists()
    assert not any("resolve" in path for _, path, _ in hub.requests)
    assert "may restrict what you do with it" in download(hub, tmp_path, "--plan")

    half = folder.with_name(f".{folder.name}.download") / "config.json"
    half.parent.mkdir(parents=True)
    half.write_bytes(FILES["config.json"])
    assert (
        json.loads(download(hub, tmp_path, "--plan", "--json"))["missing_bytes"] == size - half.stat().st_size
    )


def test_going_online_can_be_forbidden(hub: Hub, tmp_path: Path) -> None:
    assert "HF_HUB_OFFLINE" in refusal(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert hub.requests == []


def test_no_connection_is_one_sentence(hub: Hub, tmp_path: Path) -> None:
    said = refusal(hub, tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert "127.0.0.1 cannot be reached" in said
    assert "What has come so far is kept" in said


def test_terms_to_be_agreed_to_are_said(hub: Hub, tmp_path: Path) -> None:
    hub.is_gated = True
    assert "agreed to its terms" in refusal(hub, tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("someone/nothing", "no model someone/nothing"),
        ("Qwen2.5-Coder-0.5B", "did you mean 'Qwen/Qwen2.5-Coder-0.5B'"),
    ],
)
def test_a_wrong_name_is_one_sentence(hub: Hub, tmp_path: Path, name: str, said: str) -> None:
    assert said in refusal(hub, tmp_path, name=name)


def test_a_file_is_no_place_for_a_model(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert "is a file" in refusal(hub, tmp_path, "--out", str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"


def listed(*names: str) -> Repository:
    files = tuple(RemoteFile(name, 1_000_000, None, "0" * 40) for name in names)
    return Repository("model", ID, "0" * 40, None, files)


def chosen(found: Repository, wanted: str | None = None) -> list[str]:
    return [file.name for file in files_of_model(found, wanted)]


def test_a_model_in_several_files_is_told_by_its_index() -> None:
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    index = "model.safetensors.index.json"
    found = listed("config.json", "tokenizer.model", index, *shards, "adapter_model.safetensors")
    assert chosen(found) == ["config.json", "tokenizer.model", index, *shards]


def test_of_several_gguf_files_the_one_in_8_bits_is_usual() -> None:
    found = listed("coder-Q4_0.gguf", "coder-Q8_0.gguf", "coder-f16.gguf", "config.json", "LICENSE.md")
    assert chosen(found) == ["coder-Q8_0.gguf", "LICENSE.md"]
    assert chosen(found, "*q4_0*") == ["coder-Q4_0.gguf", "LICENSE.md"]
    assert chosen(found, "coder-f16.gguf") == ["coder-f16.gguf", "LICENSE.md"]


@pytest.mark.parametrize("wanted", [None, "*", "absent.gguf"])
def test_where_no_gguf_file_is_meant_they_are_listed(wanted: str | None) -> None:
    with pytest.raises(UsageError, match=r"with --file: a\.gguf \(1\.0 MB\), b\.gguf \(1\.0 MB\)"):
        files_of_model(listed("a.gguf", "b.gguf"), wanted)


def test_all_parts_of_a_gguf_model_come() -> None:
    parts = ["q/m-00001-of-00002.gguf", "q/m-00002-of-00002.gguf"]
    assert chosen(listed(*parts, "other.gguf"), parts[0]) == parts


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["pytorch_model.bin", "config.json"], "only as Python pickles"),
        (["README.md"], "no safetensors and no GGUF"),
        (["model.safetensors", "config.json"], "tokenizer.json or tokenizer.model"),
        (["model.safetensors", "tokenizer.json"], "no config.json"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_comes(names: list[str], said: str) -> None:
    with pytest.raises(ModelFormatError, match=said):
        files_of_model(listed(*names), None)
