"""The two roles with real workers: one for both, a second one for as long as it is used, and what is said."""

import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from PySide6.QtWidgets import QApplication

from app.engines import Engines, wanted
from app.settings import SettingsFile, SettingsStore
from core.spec.messages import Chat, Complete, Done, Failed, Reply, Text, Turn
from core.spec.sampling import Sampling
from tests.app.conftest import Run
from tests.app.patience import until
from tests.app.workers import tireless_model

SHORT = Sampling(max_tokens=4)
LONG = Sampling(max_tokens=3000)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    first = tireless_model(folder)
    shutil.copytree(first, folder / "second")
    return first, folder / "second"


@pytest.fixture
def store(qapp: QApplication, models: tuple[Path, Path], tmp_path: Path) -> Iterator[SettingsStore]:
    made = SettingsStore(SettingsFile(tmp_path / "settings.json"))
    made.change("engine", model=str(models[0]), precision="fp32", device="cpu", threads=1)
    made.change("chat", precision="fp32", device="cpu")
    yield made
    made.flush()


@asynccontextmanager
async def running(store: SettingsStore) -> AsyncIterator[Engines]:
    engines = Engines(store)
    try:
        yield engines
    finally:
        pids = engines.pids()
        await engines.close()
        assert not [pid for pid in pids if psutil.pid_exists(pid)]


def question(engines: Engines, sampling: Sampling = SHORT) -> Chat:
    return Chat(engines.engine_for("chat").new_id(), (Turn("user", "What is this?"),), sampling)


async def answered(engines: Engines, sampling: Sampling = SHORT) -> Reply:
    heard = [reply async for reply in engines.engine_for("chat").answers(question(engines, sampling))]
    return heard[-1]


async def test_one_worker_serves_both_until_the_chat_has_a_model_of_its_own_and_again_when_that_is_gone(
    run: Run, store: SettingsStore, models: tuple[Path, Path]
) -> None:
    async with running(store) as engines:
        assert isinstance(await answered(engines), Done)  # asking has started the worker
        assert engines.engine_for("chat").state == engines.completion.state
        [first] = engines.pids()

        engines.set_default("chat", str(models[1]))
        assert engines.engine_for("chat").state.is_resting
        assert engines.pids() == [first]  # nobody has asked yet
        assert isinstance(await answered(engines), Done)
        assert len(engines.pids()) == 2
        chat = engines.engine_for("chat").state
        assert chat.target is not None
        assert chat.target.path == str(models[1])
        assert chat.target.placement.beside_pid == first  # so that the memory of both is counted
        assert os.getpriority(os.PRIO_PROCESS, engines.pids()[1]) > os.getpriority(os.PRIO_PROCESS, first)

        assert engines._own_chat is not None
        engines._own_chat._rest_after_ms = 1
        assert isinstance(await answered(engines), Done)
        await until(lambda: engines.pids() == [first])  # the process has ended, not only its model
        assert engines.engine_for("chat").state.is_resting

        engines.set_default("chat", "")
        assert engines.engine_for("chat").state == engines.completion.state
        assert isinstance(await answered(engines), Done)


async def test_what_cannot_be_answered_has_a_last_word_that_says_why(
    run: Run, store: SettingsStore, tmp_path: Path
) -> None:
    store.change("chat", model=str(tmp_path / "gone"))
    async with running(store) as engines:
        word = await answered(engines)
        assert isinstance(word, Failed)
        assert "gone" in word.message
        store.change("chat", model="")
        store.change("engine", model="")
        word = await answered(engines)
        assert isinstance(word, Failed)
        assert word.message == "No model is chosen; choose one first."


async def test_a_model_too_large_beside_the_other_is_refused_with_the_arithmetic_and_loaded_by_a_word(
    run: Run, store: SettingsStore, models: tuple[Path, Path]
) -> None:
    store.change("chat", model=str(models[1]))
    store.change("budget", ram_mb=1200)
    async with running(store) as engines:
        word = await answered(engines)
        assert isinstance(word, Failed)
        assert "weights +" in word.message
        assert "1,200 MB" in word.message
        assert word.message.endswith(", or load it anyway.")  # in the window there is a button for it
        assert "--" not in word.message
        engines.load("chat", anyway=True)
        assert isinstance(await answered(engines), Done)


async def test_the_answer_of_a_killed_worker_ends_and_a_completion_is_not_disturbed_by_a_change_of_the_chat(
    run: Run, store: SettingsStore, models: tuple[Path, Path]
) -> None:
    async with running(store) as engines:
        chat = engines.engine_for("chat")
        heard: list[Reply] = []
        asked = question(engines, LONG)
        async for reply in chat.answers(asked):
            heard.append(reply)
            if isinstance(reply, Text) and len(heard) == 2:
                os.kill(engines.pids()[0], signal.SIGKILL)
        assert isinstance(heard[-1], Failed)
        assert heard[-1].kind == "crashed"

        await until(lambda: engines.completion.is_ready)
        completion = engines.engine_for("completion")
        words: list[Reply] = []
        completion.replied.connect(words.append)
        completion.ask(Complete(completion.new_id(), "def add(", sampling=SHORT))
        talk = chat.answers(question(engines, LONG))
        while not isinstance(await anext(talk), Text):
            continue
        engines.set_default("chat", str(models[1]))
        last = [reply async for reply in talk][-1]
        assert isinstance(last, Failed)
        assert "Another model was chosen" in last.message
        await until(lambda: any(isinstance(word, Done) for word in words))
        assert [word.ending for word in words if isinstance(word, Done)] == ["length"]


async def test_an_adapter_goes_with_its_model_and_not_with_the_next(
    run: Run, store: SettingsStore, tmp_path: Path
) -> None:
    store.change("engine", model=str(tmp_path / "one"), adapter="taught", adapter_strength=0.5)
    target = wanted(store.settings)["completion"]
    assert target is not None
    assert (target.placement.adapter, target.placement.adapter_strength) == ("taught", 0.5)
    async with running(store) as engines:
        engines.set_default("completion", str(tmp_path / "two"))
        assert store.settings.engine.adapter == ""
