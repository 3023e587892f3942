"""What the catalogue says of a model holds before a download; what is here is used in place."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.spec.budget import parameters
from core.spec.catalogue import Offer, catalogue
from core.spec.library import find_downloaded, is_repository, located
from tests.tiny import tiny_folder, tiny_tokenizer

ROOT = Path(__file__).parents[2]
RUN = "import sys, main; sys.exit(main.run(sys.argv[1:], sets_itself_up=False))"
OFFERED = "HuggingFaceTB/SmolLM2-135M"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMALLCODER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue")
    return tiny_folder(folder / "model", tiny_tokenizer(folder))


def cached(model: Path, revision: str = "1" * 40) -> Path:
    """As huggingface_hub would have left it."""
    kept = Path(os.environ["HF_HUB_CACHE"]) / f"models--{OFFERED.replace('/', '--')}"
    (kept / "refs").mkdir(parents=True, exist_ok=True)
    (kept / "refs" / "main").write_text(revision)
    return shutil.copytree(model, kept / "snapshots" / revision)


@pytest.mark.parametrize("offer", catalogue().values(), ids=lambda offer: offer.id)
def test_the_size_of_a_download_follows_from_the_network(offer: Offer) -> None:
    """A wrong digit in a shape would show here: published weights have 8, 16 or 32 bits."""
    assert is_repository(offer.id)
    bits = offer.download_mb * 1e6 * 8 / parameters(offer.network)
    assert any(wanted <= bits < wanted * 1.09 for wanted in (8.5, 16, 32)), bits


def test_one_of_each_role_is_recommended_under_a_free_licence() -> None:
    recommended = {offer.role: offer for offer in catalogue().values() if offer.is_recommended}
    assert recommended["completion"].has_fim
    assert recommended["chat"].has_chat
    assert {offer.licence for offer in recommended.values()} == {"apache-2.0"}


def test_programs_are_told_what_fits_into_the_memory_they_name() -> None:
    rows = json.loads(run("models", "catalogue", "--json", "--ram-mb", "3000").stdout)
    large = next(row for row in rows if row["id"] == "Qwen/Qwen2.5-Coder-7B")
    assert [row["id"] for row in rows] == list(catalogue())
    assert not any(large["fits"].values())
    assert large["path"] is None
    for row in rows:
        assert row["fits"]["int4"] or not row["fits"]["fp16"]


def test_what_does_not_fit_is_said_with_the_arithmetic_before_any_download() -> None:
    done = run("models", "fit", "Qwen/Qwen2.5-Coder-7B", "--ram-mb", "3000")
    assert done.returncode == 0
    assert "int4  does not fit: 4,606 MB weights + " in done.stdout


@pytest.mark.parametrize("words", [("complete", "--prompt", "x", "--model"), ("tokenize", "--model")])
def test_what_is_only_in_the_catalogue_is_refused_in_one_sentence(words: tuple[str, ...]) -> None:
    done = run(*words, OFFERED)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"models download {OFFERED}" in done.stderr


def test_a_model_in_the_hubs_cache_is_used_in_place_by_its_id(model: Path) -> None:
    place = cached(model)
    assert find_downloaded(OFFERED) == place
    done = run("models", "show", OFFERED, "--json")
    assert json.loads(done.stdout)["path"] == str(place)


def test_of_several_versions_the_one_that_main_means_is_taken(model: Path) -> None:
    cached(model, "3" * 40)
    newest = cached(model, "2" * 40)
    assert find_downloaded(OFFERED) == newest


@pytest.mark.parametrize("lost", ["tokenizer.json", "model.safetensors"])
def test_part_of_a_model_is_no_model(model: Path, lost: str) -> None:
    (cached(model) / lost).unlink()
    assert find_downloaded(OFFERED) is None


@pytest.mark.parametrize("name", ["../secret", "a/..", "/etc/passwd", "a", "a/b/c", "a\\b/c", ""])
def test_no_name_leads_out_of_the_folder_of_models(name: str) -> None:
    assert not is_repository(name)
    assert located(Path(name)) == Path(name)
