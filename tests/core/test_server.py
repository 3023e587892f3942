"""serve: a real worker process with a real tiny model, asked over its pipes as the window asks it."""

import contextlib
import os
import selectors
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
import torch

from core.checkpoint.native import write_native
from core.spec.editing import ContextFile, Editing
from core.spec.lines import MAX_LINE_BYTES, REPLIES, from_line, to_line
from core.spec.messages import (
    PROTOCOL,
    Cancel,
    Chat,
    Complete,
    Count,
    Counted,
    Done,
    Failed,
    Hello,
    Load,
    Loaded,
    Loading,
    Ping,
    Reading,
    Reply,
    Request,
    Status,
    Text,
    Turn,
    Unload,
    Unloaded,
)
from core.spec.placement import Placement
from core.spec.sampling import Sampling
from core.spec.version import version
from core.text.vocabulary_folder import open_tokenizer
from tests.tiny import tiny_model, tiny_tokenizer

ROOT = Path(__file__).parents[2]
SERVE = [sys.executable, "main.py", "serve"]
PATIENCE_S = 60.0
PLAIN = Placement(device="cpu", precision="fp32", threads=1)
CODE = "def add(first, second):\n    return first + second\n\n\n"
LONG = Sampling(max_tokens=3000)

Kind = TypeVar("Kind", bound=Reply)


class Child:
    """A worker and the ends of its pipes."""

    def __init__(self, folder: Path, command: list[str] = SERVE) -> None:
        environment = os.environ | {"SMALLCODER_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
        self.log = folder / "stderr.txt"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._to, self._from = self.process.stdin.fileno(), self.process.stdout.fileno()
        self._received = bytearray()
        self._ids = iter(range(1, 10**9))

    def new_id(self) -> int:
        return next(self._ids)

    def send(self, *requests: Request) -> None:
        self.send_bytes(b"".join(map(to_line, requests)))

    def send_bytes(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._to, left) :]

    def hear(self) -> Reply:
        deadline = time.monotonic() + PATIENCE_S
        while b"\n" not in self._received:
            assert self._receive(deadline), "the worker has ended its replies"
        line, _, rest = self._received.partition(b"\n")
        self._received = rest
        return from_line(bytes(line), REPLIES)

    def hear_until(self, is_last: Callable[[Reply], bool]) -> list[Reply]:
        heard = [self.hear()]
        while not is_last(heard[-1]):
            heard.append(self.hear())
        return heard

    def hear_a(self, kind: type[Kind], id: int | None = None) -> Kind:
        found = self.hear_until(
            lambda reply: isinstance(reply, kind) and (id is None or getattr(reply, "id", None) == id)
        )[-1]
        assert isinstance(found, kind)
        return found

    def hear_answer(self, id: int) -> list[Reply]:
        """Up to its last word."""
        return self.hear_until(lambda reply: isinstance(reply, Done | Failed) and reply.id == id)

    def hear_to_the_end(self) -> None:
        """Until nobody holds the other end of the pipe."""
        deadline = time.monotonic() + PATIENCE_S
        while self._receive(deadline):
            self._received.clear()

    def load(self, path: Path, placement: Placement = PLAIN) -> Loaded:
        id = self.new_id()
        self.send(Load(id, str(path), placement))
        return self.hear_a(Loaded, id)

    def completes(self) -> bool:
        id = self.new_id()
        self.send(Complete(id, CODE, sampling=Sampling(max_tokens=4)))
        last = self.hear_answer(id)[-1]
        return isinstance(last, Done) and last.statistics.new_tokens == 4

    def resident_bytes(self) -> int:
        self.send(Ping())
        return self.hear_a(Status).resident_bytes

    def close_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def end(self) -> int:
        with contextlib.suppress(OSError):
            self.close_input()
        code = self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def _receive(self, deadline: float) -> bool:
        with selectors.DefaultSelector() as ready:
            ready.register(self._from, selectors.EVENT_READ)
            assert ready.select(max(deadline - time.monotonic(), 0)), "the worker is silent"
        piece = os.read(self._from, 2**16)
        self._received += piece
        return bool(piece)


@contextlib.contextmanager
def child(folder: Path, command: list[str] = SERVE) -> Iterator[Child]:
    started = Child(folder, command)
    try:
        yield started
    finally:
        started.process.poll() is None and started.process.kill()
        started.end()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slow enough to be interrupted, and it never ends by itself."""
    return made_model(tmp_path_factory.mktemp("model"), dim=256, n_layers=4, ffn_dim=512, max_context=4096)


def made_model(folder: Path, **changes: Any) -> Path:
    tokenizer = tiny_tokenizer(folder)
    network = tiny_model(**changes)
    network.embed.weight[sorted(tokenizer.special_ids)] = 0
    write_native(network, tokenizer, folder / "tireless", torch.float32)
    return folder / "tireless"


@pytest.fixture(scope="module")
def shared(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with child(tmp_path_factory.mktemp("shared")) as started:
        started.hear_a(Hello)
        started.load(model)
        yield started
        assert started.end() == 0
        assert started.log.read_text() == ""


@pytest.fixture
def worker(shared: Child) -> Child:
    """With a model, idle, and with nothing left to hear from it."""
    return idle(shared)


@pytest.fixture(scope="module")
def shared_loader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    with child(tmp_path_factory.mktemp("loader")) as started:
        started.hear_a(Hello)
        yield started
        assert started.end() == 0
        assert started.log.read_text() == ""


@pytest.fixture
def loader(shared_loader: Child) -> Child:
    """For tests that load; what it holds at their beginning is unknown."""
    return idle(shared_loader)


def idle(started: Child) -> Child:
    started.send(Ping())
    status = started.hear()
    assert isinstance(status, Status)
    assert status.busy_with == "nothing"
    return started


def text_of(answer: list[Reply]) -> str:
    return "".join(reply.text for reply in answer if isinstance(reply, Text))


def chat_about(text: str, id: int, sampling: Sampling = LONG) -> Chat:
    return Chat(id, (Turn("user", text),), sampling)


def test_it_introduces_itself_and_hears_before_it_knows_torch(tmp_path: Path) -> None:
    with child(tmp_path) as started:
        assert started.hear() == Hello(version(), PROTOCOL, started.process.pid)
        started.send(Ping())
        status = started.hear()
        assert isinstance(status, Status)
        assert status.facts is None
        assert status.resident_bytes < 60e6
        assert started.end() == 0


def test_it_answers_a_ping_while_it_loads(model: Path, tmp_path: Path) -> None:
    with child(tmp_path) as started:
        started.hear_a(Hello)
        started.send(Load(1, str(model), PLAIN))
        for step in ("starting", "starting PyTorch"):
            said = started.hear_until(lambda reply, step=step: reply == Loading(1, step))
            assert not any(isinstance(reply, Loaded) for reply in said)
            started.send(Ping())
            status = started.hear_a(Status)
            assert status.busy_with == "loading"
        steps = started.hear_until(lambda reply: isinstance(reply, Loaded))
        assert len(steps) > 1
        assert started.completes()


def test_a_completion_streams_and_ends_with_its_figures(worker: Child) -> None:
    id, begun = worker.new_id(), time.monotonic()
    worker.send(Complete(id, CODE, sampling=Sampling(max_tokens=500)))
    answer = worker.hear_answer(id)
    elapsed_s = time.monotonic() - begun
    *texts, done = answer
    assert all(isinstance(reply, Text) for reply in texts)
    assert 2 < len(texts) <= 2 + 30 * elapsed_s
    assert isinstance(done, Done)
    assert (done.ending, done.statistics.new_tokens) == ("length", 500)
    assert 0 < done.statistics.first_token_ms < done.statistics.total_ms < elapsed_s * 1000
    again = worker.new_id()
    worker.send(Complete(again, CODE, sampling=Sampling(max_tokens=500)))
    assert text_of(worker.hear_answer(again)) == text_of(answer)


def test_an_editor_gets_no_more_than_a_line_where_it_asks_for_one(worker: Child) -> None:
    id, whole = worker.new_id(), worker.new_id()
    sampling = Sampling(max_tokens=500)
    worker.send(Complete(whole, CODE, sampling=sampling))
    assert "\n" in text_of(worker.hear_answer(whole)).strip()
    worker.send(Complete(id, CODE, editing=Editing(extent="line"), sampling=sampling))
    assert "\n" not in text_of(worker.hear_answer(id)).strip()


def test_an_editor_gets_another_answer_and_hears_how_sure_it_is(worker: Child) -> None:
    said = []
    for alternative in (0, 1):
        id = worker.new_id()
        context = (ContextFile("other.py", CODE),)
        editing = Editing("a.py", "Python", "tool", context, "line", 1e-9, alternative)
        worker.send(Complete(id, CODE, "\n", editing, Sampling(max_tokens=40)))
        answer = worker.hear_answer(id)
        done = answer[-1]
        assert isinstance(done, Done)
        assert done.statistics.chance is not None
        assert 1e-9 <= done.statistics.chance <= 1
        said.append(text_of(answer))
    assert said[0] != said[1]


def test_a_file_of_secrets_is_refused_at_the_door(worker: Child) -> None:
    line = b'{"type": "complete", "id": 77, "prefix": "KEY=", "editing": {"path": "site/.env"}}\n'
    worker.send_bytes(line)
    failed = worker.hear()
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.id) == ("request", 77)
    assert "may hold secrets" in failed.message


def test_reading_a_long_prompt_is_told(worker: Child) -> None:
    id = worker.new_id()
    worker.send(Complete(id, CODE * 100, sampling=Sampling(max_tokens=1)))
    answer = worker.hear_answer(id)
    told = [reply for reply in answer if isinstance(reply, Reading)]
    assert told
    assert [reply.done for reply in told] == sorted({reply.done for reply in told})
    done = answer[-1]
    assert isinstance(done, Done)
    assert all(reply.total == done.statistics.prompt_tokens for reply in told)


def test_tokens_are_counted(worker: Child, model: Path) -> None:
    id = worker.new_id()
    worker.send(Count(id, CODE))
    assert worker.hear() == Counted(id, len(open_tokenizer(model).encode(CODE)))


def test_a_long_text_is_counted_in_parts_and_a_completion_goes_between(worker: Child, model: Path) -> None:
    text = CODE * 20_000
    count, completion = worker.new_id(), worker.new_id()
    before = worker.resident_bytes()
    worker.send(Count(count, text), Complete(completion, CODE, sampling=Sampling(max_tokens=4)))
    worker.hear_a(Done, completion)
    counted = worker.hear_a(Counted, count)
    expected = len(open_tokenizer(model).encode(CODE)) * 20_000
    assert counted.tokens == pytest.approx(expected, rel=0.01)
    assert worker.resident_bytes() < before + 60e6


def test_a_count_may_be_called_off(worker: Child) -> None:
    count = worker.new_id()
    worker.send(Count(count, CODE * 100_000), Cancel(count))
    told = worker.hear()
    assert isinstance(told, Failed)
    assert (told.id, told.kind) == (count, "cancelled")


def test_a_cancel_is_seen_within_a_token(worker: Child) -> None:
    """The time of a token is the worker's own; what a cancel takes beyond one is the way there and back."""
    delays_ms, token_ms = [], []
    for seed in range(40):
        id = worker.new_id()
        worker.send(Complete(id, CODE, sampling=Sampling(max_tokens=3000, temperature=1, seed=seed)))
        worker.hear_a(Text, id)
        sent = time.monotonic()
        worker.send(Cancel(id))
        done = worker.hear_a(Done, id)
        if done.ending == "end":  # by chance, while the cancel was under way
            continue
        assert done.ending == "cancelled"
        delays_ms.append((time.monotonic() - sent) * 1000)
        token_ms.append(done.statistics.total_ms / done.statistics.new_tokens)
    assert len(delays_ms) > 30
    p95_ms = statistics.quantiles(delays_ms, n=20)[-1]
    measured = f"p95 of {p95_ms:.1f} ms, while a token takes {statistics.median(token_ms):.1f} ms"
    assert statistics.median(delays_ms) < 2 * statistics.median(token_ms) + 15, measured
    assert p95_ms < 250, measured


def test_a_cancel_while_the_prompt_is_read_leaves_it_unanswered(worker: Child) -> None:
    id = worker.new_id()
    worker.send(Complete(id, "cancel" + CODE * 100, sampling=Sampling(max_tokens=400)))
    worker.hear_a(Reading, id)
    worker.send(Cancel(id))
    done = worker.hear_a(Done, id)
    assert (done.ending, done.statistics.new_tokens) == ("cancelled", 0)


def test_a_cancel_is_understood_before_and_after_an_answer(worker: Child) -> None:
    running, waiting = worker.new_id(), worker.new_id()
    worker.send(chat_about("first", running), chat_about("second", waiting))
    worker.hear_a(Text, running)
    worker.send(Cancel(waiting))
    assert worker.hear_a(Done).id == waiting
    worker.send(Cancel(running))
    assert worker.hear_a(Done).id == running
    worker.send(Cancel(running), Cancel(waiting))
    assert worker.completes()


def test_the_newest_completion_takes_the_place_of_older_ones(worker: Child) -> None:
    ids = [worker.new_id() for _ in range(6)]
    worker.send(*(Complete(id, CODE, sampling=LONG) for id in ids[:-1]))
    worker.send(Complete(ids[-1], CODE, sampling=Sampling(max_tokens=5)))
    heard = worker.hear_answer(ids[-1])
    endings = {reply.id: reply.ending for reply in heard if isinstance(reply, Done)}
    assert endings == dict.fromkeys(ids[:-1], "cancelled") | {ids[-1]: "length"}


def test_a_completion_is_served_between_two_tokens_of_a_chat(worker: Child) -> None:
    chat, completion = worker.new_id(), worker.new_id()
    worker.send(chat_about("Explain this.", chat))
    worker.hear_a(Text, chat)
    worker.send(Complete(completion, CODE, sampling=Sampling(max_tokens=40)))
    heard = worker.hear_answer(completion)
    served = [reply.id for reply in heard if isinstance(reply, Text | Done)]
    assert set(served[served.index(completion) :]) == {completion}
    worker.hear_a(Text, chat)
    worker.send(Cancel(chat))
    done = worker.hear_a(Done, chat)
    assert done.ending == "cancelled"
    assert done.statistics.new_tokens > 0


def test_a_chat_beside_completions_says_what_it_says_alone(worker: Child) -> None:
    alone, chat = worker.new_id(), worker.new_id()
    short = Sampling(max_tokens=150)
    worker.send(chat_about("Explain this.", alone, short))
    expected = text_of(worker.hear_answer(alone))
    worker.send(chat_about("Explain this.", chat, short))
    said = [worker.hear_a(Text, chat).text]
    for number in range(3):
        completion = worker.new_id()
        worker.send(Complete(completion, CODE * (number + 1), sampling=Sampling(max_tokens=3)))
        heard = worker.hear_answer(completion)
        said += [reply.text for reply in heard if isinstance(reply, Text) and reply.id == chat]
    assert "".join(said) + text_of(worker.hear_answer(chat)) == expected


def test_chats_wait_their_turn_and_no_more_than_some(worker: Child) -> None:
    ids = [worker.new_id() for _ in range(30)]
    worker.send(chat_about("long", ids[0]), *(chat_about("x", id, Sampling(max_tokens=2)) for id in ids[1:]))
    refused = [worker.hear_a(Failed) for _ in range(14)]
    assert {reply.kind for reply in refused} == {"busy"}
    assert [reply.id for reply in refused] == ids[16:]
    worker.send(Cancel(ids[0]))
    assert [worker.hear_a(Done).id for _ in ids[:16]] == ids[:16]


WRONG = {
    "malformed": (b"{complete}\n", None),
    "empty": (b"\n", None),
    "not UTF-8": (b"\xff\xfe\n", None),
    "very deep": (b"[" * 100_000 + b"\n", None),
    "of an unknown type": (b'{"type": "explode", "id": 7}\n', 7),
    "with an unknown key": (b'{"type": "count", "id": 7, "text": "", "txet": ""}\n', 7),
    "with a wrong type": (b'{"type": "complete", "id": 7, "prefix": 3}\n', 7),
    "without its text": (b'{"type": "complete", "id": 7}\n', 7),
    "out of bounds": (b'{"type": "complete", "id": 7, "prefix": "", "sampling": {"top_p": 2}}\n', 7),
    "a reply": (b'{"type": "loaded", "id": 7}\n', 7),
    "a cancel of nothing": (b'{"type": "cancel", "id": 700000000}\n', 700_000_000),
    "a chat that leaves no room": (to_line(chat_about("x", 7, Sampling(max_tokens=4096))), 7),
    "too long": (b'{"type": "complete", "id": 7, "prefix": "' + b"a" * 50_000_000 + b'"}\n', None),
    "just too long": (b"a" * (MAX_LINE_BYTES + 1) + b"\n", None),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_message_is_answered_and_the_worker_lives(worker: Child, name: str) -> None:
    line, id = WRONG[name]
    before = worker.resident_bytes()
    worker.send_bytes(line)
    told = worker.hear()
    assert isinstance(told, Failed)
    assert told.id == id
    assert told.message.endswith(".")
    assert worker.resident_bytes() < before + 60e6
    assert worker.completes()


def test_an_id_that_is_in_use_is_refused(worker: Child) -> None:
    id = worker.new_id()
    worker.send(chat_about("x", id), Count(id, "x"))
    refused = worker.hear_a(Failed)
    assert (refused.id, refused.kind) == (id, "request")
    worker.send(Cancel(id))
    worker.hear_a(Done, id)
    for _ in range(200):  # heard, the last word sets it free
        worker.send(Count(id, "x"))
        assert isinstance(worker.hear(), Counted)


def test_a_line_that_never_ends_costs_no_memory(tmp_path: Path) -> None:
    with child(tmp_path) as started:
        started.hear_a(Hello)
        before = started.resident_bytes()
        started.send_bytes(b"a" * 50_000_000)
        assert psutil.Process(started.process.pid).memory_info().rss < before + 3 * MAX_LINE_BYTES
        started.send_bytes(b"\n")
        assert isinstance(started.hear(), Failed)
        started.resident_bytes()


def test_a_client_that_never_reads_costs_no_memory(worker: Child) -> None:
    chat, last = worker.new_id(), worker.new_id()
    before = worker.resident_bytes()
    worker.send(chat_about("long", chat))
    for _ in range(15):
        worker.send(*[Ping()] * 1000)
    assert psutil.Process(worker.process.pid).memory_info().rss < before + 20e6
    worker.send(Cancel(chat))
    heard = worker.hear_answer(chat)
    # what was still in the pipe, in the worker's hands and on its way out when it was listened to again
    assert sum(isinstance(reply, Status) for reply in heard) < 10_000
    worker.send(Count(last, "x"))
    worker.hear_a(Counted, last)
    assert worker.completes()


def test_what_needs_a_model_is_refused_before_one_is_loaded(loader: Child) -> None:
    loader.send(Unload(1))
    assert loader.hear() == Unloaded(1)
    for request in (Complete(2, CODE), chat_about("x", 3), Count(4, "x")):
        loader.send(request)
        refused = loader.hear()
        assert isinstance(refused, Failed)
        assert (refused.id, refused.kind) == (request.id, "request")
        assert "load one first" in refused.message


def test_a_model_that_is_not_there_is_an_error_and_no_end(loader: Child, model: Path, tmp_path: Path) -> None:
    id = loader.new_id()
    loader.send(Load(id, str(tmp_path / "nothing"), PLAIN))
    refused = loader.hear_a(Failed, id)
    assert refused.kind == "model"
    assert "nothing" in refused.message
    loader.load(model)
    assert loader.completes()


def test_a_place_the_system_refuses_is_no_bug(loader: Child) -> None:
    id = loader.new_id()
    loader.send(Load(id, "a" * 5000, PLAIN))
    assert loader.hear_a(Failed, id).kind == "request"


def test_a_later_load_takes_the_place_of_all_that_is_under_way(loader: Child, model: Path) -> None:
    loader.load(model)
    chat, completion, *loads = (loader.new_id() for _ in range(5))
    loader.send(chat_about("x", chat))
    loader.hear_a(Text, chat)
    loader.send(Complete(completion, CODE, sampling=LONG), *(Load(id, str(model), PLAIN) for id in loads))
    heard = loader.hear_until(lambda reply: isinstance(reply, Loaded))
    last_words = {reply.id: reply for reply in heard if isinstance(reply, Done | Failed | Loaded)}
    assert set(last_words) == {chat, completion, *loads}
    for id in (chat, completion):
        done = last_words[id]
        assert isinstance(done, Done)
        assert done.ending == "cancelled"
    for id in loads[:-1]:
        given_up = last_words[id]
        assert isinstance(given_up, Failed)
        assert given_up.kind == "cancelled"
    assert isinstance(last_words[loads[-1]], Loaded)
    assert loader.completes()


def test_unloading_gives_the_memory_back(loader: Child, model: Path, tmp_path: Path) -> None:
    large = made_model(tmp_path, dim=512, n_layers=8, ffn_dim=2048)
    loader.load(model)
    assert loader.completes()
    loader.send(Unload(loader.new_id()))
    loader.hear_a(Unloaded)
    empty_bytes = loader.resident_bytes()
    for _ in range(2):
        weights_bytes = loader.load(large).facts.weights_bytes
        assert loader.completes()
        assert loader.resident_bytes() > empty_bytes + 0.9 * weights_bytes
        loader.send(Unload(loader.new_id()))
        loader.hear_a(Unloaded)
        assert loader.resident_bytes() < empty_bytes + 0.1 * weights_bytes


def script(engine: str) -> list[str]:
    """A worker whose engine is opened by `open_engine`, which the text defines on top of the real one."""
    start = "import os, sys\nfrom core.server.serve import serve\n\ndef load(*given):\n"
    start += "    from core.engine import load\n    return load(*given)\n\n"
    return [sys.executable, "-c", start + engine + "\nos._exit(serve('0', open_engine))"]


NOISY = """
import subprocess

def open_engine(*given):
    print("a stray print", flush=True)
    os.write(1, b'{"type": "text", "id": 1, "text": "stray"}\\n')
    subprocess.run([sys.executable, "-c", "import sys; print('grandchild read', repr(sys.stdin.read()))"])
    return load(*given)
"""


def test_what_others_print_and_read_stays_out_of_the_streams(model: Path, tmp_path: Path) -> None:
    with child(tmp_path, script(NOISY)) as started:
        started.hear_a(Hello)
        started.send(Load(1, str(model), PLAIN), Complete(2, CODE, sampling=Sampling(max_tokens=3)))
        heard = started.hear_answer(2)
        assert not [reply for reply in heard if getattr(reply, "text", None) == "stray"]
        assert isinstance(heard[-1], Done)
        assert started.end() == 0
    log = started.log.read_text()
    assert "a stray print" in log
    assert "grandchild read ''" in log


FAULTY = """
def open_engine(*given):
    engine = load(*given)
    answer = engine.chat_answer
    engine.chat_answer = lambda messages, *rest: answer({}[messages[0]["content"]], *rest)
    return engine
"""


def test_a_bug_is_told_and_keeps_its_traceback_and_the_worker_lives(model: Path, tmp_path: Path) -> None:
    with child(tmp_path, script(FAULTY)) as started:
        started.load(model)
        started.send(chat_about("surprise", 1))
        told = started.hear_a(Failed, 1)
        assert told.kind == "bug"
        assert "KeyError" in told.message
        assert "surprise" not in told.message
        assert started.completes()
    assert "KeyError: 'surprise'" in started.log.read_text()


LOSES_ITS_CARD = """
def open_engine(*given):
    engine = load(*given)
    def lost(*_):
        raise RuntimeError("CUDA error: unspecified launch failure")
    engine.chat_answer = lost
    return engine
"""


def test_a_worker_whose_card_is_lost_says_so_and_ends_that_another_may_go_on(
    model: Path, tmp_path: Path
) -> None:
    with child(tmp_path, script(LOSES_ITS_CARD)) as started:
        started.load(model)
        started.send(chat_about("anything", 1))
        told = started.hear_a(Failed, 1)
        assert told.kind == "crashed"
        assert "The card stopped answering" in told.message
        assert started.process.wait(PATIENCE_S) == 1
    assert "unspecified launch failure" in started.log.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_that_was_set_not_to_wait_is_waited_for() -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    with subprocess.Popen(SERVE, cwd=ROOT, stdin=read_end, stdout=subprocess.PIPE) as process:
        os.close(read_end)
        assert process.stdout is not None
        assert isinstance(from_line(process.stdout.readline(), REPLIES), Hello)
        os.write(write_end, to_line(Ping()))
        assert isinstance(from_line(process.stdout.readline(), REPLIES), Status)
        os.close(write_end)
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process's memory")
def test_memory_refused_in_mid_answer_ends_the_answer_and_not_the_worker(model: Path, tmp_path: Path) -> None:
    import resource

    with child(tmp_path) as started:
        started.load(model)
        started.send(chat_about("x", 1))
        started.hear_a(Text, 1)
        process = psutil.Process(started.process.pid)
        unlimited = process.rlimit(resource.RLIMIT_AS)
        process.rlimit(resource.RLIMIT_AS, (process.memory_info().vms, unlimited[1]))
        started.send(Complete(2, CODE * 120, sampling=Sampling(max_tokens=900)))
        told = started.hear_answer(2)[-1]
        assert isinstance(told, Failed)
        assert told.kind == "memory"
        process.rlimit(resource.RLIMIT_AS, unlimited)
        started.send(Cancel(1))
        started.hear_answer(1)
        assert started.completes()
    assert started.log.read_text() == ""


JUMPY = """
import itertools, time
moments = itertools.count(2e9, -3600)
time.time = lambda: next(moments)

def open_engine(*given):
    return load(*given)
"""


def test_a_clock_that_is_moved_changes_nothing(model: Path, tmp_path: Path) -> None:
    with child(tmp_path, script(JUMPY)) as started:
        started.load(model)
        begun = time.monotonic()
        started.send(Complete(1, CODE, sampling=Sampling(max_tokens=300)))
        *texts, done = started.hear_answer(1)
        elapsed_ms = (time.monotonic() - begun) * 1000
        assert 2 < len(texts) <= 2 + elapsed_ms * 30 / 1000
        assert isinstance(done, Done)
        assert 0 < done.statistics.total_ms < elapsed_ms


def test_the_end_of_its_input_ends_it_in_mid_answer_though_nobody_reads(model: Path, tmp_path: Path) -> None:
    with child(tmp_path) as started:
        started.load(model)
        started.send(chat_about("x", 1))
        started.hear_a(Text, 1)
        started.send(*[Ping()] * 2000)
        started.close_input()
        assert started.process.wait(PATIENCE_S) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_ends_it_in_mid_answer(model: Path, tmp_path: Path) -> None:
    with child(tmp_path) as started:
        started.load(model)
        started.send(chat_about("x", 1))
        started.hear_a(Text, 1)
        started.process.send_signal(signal.SIGINT)
        assert started.process.wait(PATIENCE_S) == 130


def test_requests_just_before_the_end_of_input_are_answered(tmp_path: Path) -> None:
    with child(tmp_path) as started:
        started.hear_a(Hello)
        started.send_bytes(b"nonsense\n" * 400 + b'{"type": "pin')
        started.close_input()
        for _ in range(400):
            assert isinstance(started.hear(), Failed)
        started.hear_to_the_end()
        assert started.end() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the end of its input tells a worker")
def test_it_dies_with_a_parent_that_is_killed_though_another_holds_its_input(tmp_path: Path) -> None:
    parent = f"import subprocess; subprocess.Popen({SERVE!r}).wait()"
    with child(tmp_path, [sys.executable, "-c", parent]) as started:
        assert started.hear_a(Hello).pid != started.process.pid
        started.send(Ping())
        started.hear_a(Status)
        started.process.kill()
        started.hear_to_the_end()


def test_a_model_whose_folder_is_deleted_works_on_and_is_missed_when_it_is_loaded_again(
    loader: Child, model: Path, tmp_path: Path
) -> None:
    shutil.copytree(model, tmp_path / "model")
    loader.load(tmp_path / "model")
    shutil.rmtree(tmp_path / "model")
    assert loader.completes()
    id = loader.new_id()
    loader.send(Load(id, str(tmp_path / "model"), PLAIN))
    failed = loader.hear_a(Failed, id)
    assert (failed.kind, failed.message[-1]) == ("model", ".")
    assert str(tmp_path / "model") in failed.message
    assert loader.completes(), "the one that is loaded stays"
