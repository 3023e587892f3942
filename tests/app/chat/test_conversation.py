"""Conversations as records: what is read back is what was told, and what a model is asked takes turns."""

from hypothesis import given
from hypothesis import strategies as st

from app.chat.conversation import (
    Answering,
    Asked,
    Attachment,
    Conversation,
    Cut,
    Ended,
    Record,
    Renamed,
    Wrote,
    all_told,
    as_markdown,
    fenced,
    first_read,
    from_record_line,
    to_record_line,
    to_send,
    told,
)
from core.spec.lines import MAX_LINE_BYTES, to_line
from core.spec.messages import Chat, Statistics, Turn

texts = st.text(max_size=40)
numbers = st.integers(1, 4)
records = st.one_of(
    st.builds(Asked, numbers, texts, st.just(1.0), st.just((Attachment("file", "a.py", "x = 1", "python"),))),
    st.builds(Answering, numbers, st.just("m"), st.just(2.0)),
    st.builds(Wrote, numbers, texts),
    st.builds(Ended, numbers, st.sampled_from(["end", "failed"]), texts, st.just(Statistics(9, 1, 0, 3))),
    st.builds(Cut, numbers),
    st.builds(Renamed, texts),
)


def made(*wanted: Record) -> Conversation:
    talk = Conversation("c")
    for record in wanted:
        talk = told(talk, record)
    return talk


@given(st.lists(records, max_size=8))
def test_a_line_is_read_back_as_the_record_that_it_was(
    wanted: list[Record],
) -> None:
    lines = [to_record_line(record) for record in wanted]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    assert made(*map(from_record_line, lines)) == made(*wanted)


def test_half_a_surrogate_pair_survives_the_file() -> None:
    assert from_record_line(to_record_line(Wrote(1, "\ud83d"))) == Wrote(1, "\ud83d")


def test_a_number_is_never_used_again_not_even_of_what_was_taken_back() -> None:
    talk = made(Asked(1, "why", 1.0), Answering(2, "m", 1.0), Wrote(2, "because"), Cut(2))
    assert [message.text for message in talk.messages] == ["why"]
    assert talk.next_number == 3


def test_what_a_program_that_was_killed_had_written_is_there_and_said_to_be_broken_off() -> None:
    talk = made(Asked(1, "why", 1.0), Answering(2, "m", 1.0), Wrote(2, "bec"), Wrote(2, "au"))
    assert (talk.messages[1].text, talk.messages[1].end) == ("becau", "broken off")


def test_a_model_reads_questions_and_answers_in_turns_and_no_empty_answer() -> None:
    talk = made(
        Asked(1, "first", 1.0, (Attachment("file", "a.py", "x", "python"),)),
        Answering(2, "m", 1.0),
        Ended(2, "failed", "It broke."),
        Asked(3, "second", 1.0),
        Answering(4, "m", 1.0),
        Wrote(4, "answer"),
    )
    question = "a.py:\n```python\nx\n```\n\nfirst\n\nsecond"
    sent = to_send(talk, "Be brief.")
    assert sent.turns == (
        Turn("system", "Be brief."),
        Turn("user", question),
        Turn("assistant", "answer"),
    )
    assert sent.counted(Statistics()) == Statistics()


def test_of_what_no_request_can_hold_the_oldest_is_left_out_and_counted() -> None:
    worst = "\x00\ud83d" * 400_000  # each letter takes six bytes in a message
    asked = [Asked(1, worst, 1.0), Answering(2, "m", 1.0), Wrote(2, "first"), Asked(3, worst + "end", 1.0)]
    talk = made(*asked, Answering(4, "m", 1.0))
    question = to_send(talk, "Be brief.")
    assert len(to_line(Chat(1, question.turns))) < MAX_LINE_BYTES
    assert [turn.content[-3:] for turn in question.turns] == ["ef.", "rst", "end"]
    figures = question.counted(Statistics(100, dropped_messages=0))
    assert figures.dropped_messages == 1
    assert figures.dropped_tokens > 100_000
    assert first_read(told(talk, Ended(4, "end", "", figures)), 4) == 2

    alone = to_send(made(Asked(1, worst * 4 + "end", 1.0)))
    assert len(to_line(Chat(1, alone.turns))) < MAX_LINE_BYTES
    assert alone.turns[0].content.endswith("end")
    assert alone.left_out_letters > 1_000_000


@given(st.lists(records, max_size=8))
def test_many_records_at_once_tell_what_they_tell_one_by_one(wanted: list[Record]) -> None:
    assert all_told(Conversation("c"), wanted) == made(*wanted)


def test_the_mark_stands_where_the_reading_of_the_last_answer_began() -> None:
    figures = Statistics(100, 0, 60, 9, dropped_messages=2)
    asked = [Asked(1, "a", 1.0), Answering(2, "m", 1.0), Wrote(2, "b"), Asked(3, "c", 1.0)]
    talk = made(*asked, Answering(4, "m", 1.0), Wrote(4, "d"), Ended(4, "end", "", figures))
    assert first_read(talk, 4) == 3
    assert first_read(talk, 2) is None


@given(st.text(alphabet="`\n x", max_size=30))
def test_a_fence_is_longer_than_any_within(text: str) -> None:
    head, *lines = fenced(Attachment("pasted", "p", text)).split("\n")
    assert head == "p:"
    assert not any(line.startswith(lines[0]) for line in lines[1:-1])
    assert lines[-1] == lines[0]


def test_markdown_for_a_file_names_who_spoke_and_what_went_wrong() -> None:
    talk = made(
        Asked(1, "why", 1.0), Answering(2, "nano", 1.0), Wrote(2, "be"), Ended(2, "failed", "It broke.")
    )
    assert as_markdown(talk) == "# why\n\n## You\n\nwhy\n\n## nano\n\nbe\n\n> It broke.\n"
