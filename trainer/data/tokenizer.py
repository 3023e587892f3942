"""A vocabulary for code, learnt from text: SentencePiece BPE whose pieces give every text back as it was.

Line ends are ordinary signs that pieces may hold, and runs of spaces are pieces; no piece joins two words.
Which texts are worth learning from is not decided here.
"""

import io
from collections.abc import Iterable, Iterator

from core.spec.errors import DataError, UsageError
from trainer.data.samples import texts_of
from trainer.data.sources import Rejections, Sources

UNKNOWN_MARK = "<unk>"
END_MARK = "<|endoftext|>"
CONTROL_MARKS = (
    *("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>", "<file_sep>"),
    *("<|im_start|>", "<|im_end|>"),
)
SMALLEST_VOCABULARY = 512
LARGEST_VOCABULARY = 131_072
_CHUNK_LETTERS = 4096
_MAX_CHUNKS = 1 << 16
_MAX_CHUNK_BYTES = 4 * _CHUNK_LETTERS
_LONGEST_PIECE = 32
_SEED = 42
_SPACE_MARK = "▁"


def train_tokenizer(texts: Iterable[str], *, vocab_size: int, is_at_most: bool = False) -> bytes:
    """A SentencePiece model; of more text than memory should hold it sees an even sample. Where there is too
    little for so many tokens, it has fewer if `is_at_most`, else that is an error."""
    import sentencepiece

    if not SMALLEST_VOCABULARY <= vocab_size <= LARGEST_VOCABULARY:
        raise UsageError(
            f"A vocabulary can have {SMALLEST_VOCABULARY} to {LARGEST_VOCABULARY} tokens, not {vocab_size}."
        )
    sentencepiece.set_random_generator_seed(_SEED)
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_chunks(texts),
            model_writer=model,
            model_type="bpe",
            vocab_size=vocab_size,
            hard_vocab_limit=False,
            byte_fallback=True,
            split_digits=True,
            allow_whitespace_only_pieces=True,
            max_sentencepiece_length=_LONGEST_PIECE,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            add_dummy_prefix=False,
            unk_id=0,
            unk_piece=UNKNOWN_MARK,
            eos_id=1,
            eos_piece=END_MARK,
            bos_id=-1,
            pad_id=-1,
            control_symbols=list(CONTROL_MARKS),
            input_sentence_size=_MAX_CHUNKS,
            max_sentence_length=_MAX_CHUNK_BYTES,
            shuffle_input_sentence=True,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise DataError(f"No vocabulary could be learnt from this text ({error}); give more of it.") from None
    return _checked(model.getvalue(), SMALLEST_VOCABULARY if is_at_most else vocab_size)


def source_texts(sources: Sources) -> Iterator[str]:
    """What data is prepared of, in its order."""
    documents = sources.documents(sources.kind(), Rejections())
    return (text for document in documents for sample in document.samples for text in texts_of(sample))


def _checked(model: bytes, vocab_size: int) -> bytes:
    from sentencepiece import SentencePieceProcessor

    size = SentencePieceProcessor(model_proto=model).vocab_size()
    if size < vocab_size:
        raise DataError(f"This text gives only {size} tokens; give more of it, or ask for {size} or fewer.")
    return model


def _chunks(texts: Iterable[str]) -> Iterator[str]:
    """Whole lines together, so that pieces can form at line ends; only what is longer than a chunk is cut."""
    for text in texts:
        start = 0
        learnable = text.replace(_SPACE_MARK, "").replace("\0", "")
        while start < len(learnable):
            end = start + _CHUNK_LETTERS
            line_end = learnable.rfind("\n", start, end) + 1
            end = line_end if line_end > start and end < len(learnable) else end
            yield learnable[start:end]
            start = end
