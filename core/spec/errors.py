"""What can go wrong for a person, said to that person.

Each message is one sentence that names what was found and what to do next. A bug in the program is not one of
these and keeps its traceback. Only the server and the two command lines turn an error into a reply or an exit
code.
"""

import errno


class SmallCoderError(Exception):
    """Something the person can act on; `str(error)` is the whole story."""

    exit_code = 2


class UsageError(SmallCoderError):
    """A command, option or setting that cannot be meant."""


class ModelFormatError(SmallCoderError):
    """A model file or folder that is not understood, damaged, or not supported."""


class TokenizerError(SmallCoderError):
    """A vocabulary that is missing, damaged, or does not belong to its weights."""


class DoesNotFit(SmallCoderError):
    """More memory, disk or context than there is."""


class NotNumbers(SmallCoderError):
    """What a network computes when its values leave the range of the type that holds them."""


class DataError(SmallCoderError):
    """Training or benchmark data that cannot be used."""


class HubError(SmallCoderError):
    """What the Hugging Face hub does not give, or gives otherwise than it says."""


class JobError(SmallCoderError):
    """A run or a job that cannot be started, resumed or finished."""


# of the system's refusals, those that a person can do something about
_NOT_OUR_MISTAKE = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG),
        *(errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.EIO),
    }
)
_REFUSALS_OF_MEMORY = ("out of memory", "can't allocate", "not enough memory", "bad_alloc")


def is_refusal_of_memory(error: BaseException) -> bool:
    """torch says it with a plain RuntimeError where the processor's memory is meant."""
    is_said_so = isinstance(error, RuntimeError) and any(words in str(error) for words in _REFUSALS_OF_MEMORY)
    is_system = isinstance(error, OSError) and error.errno == errno.ENOMEM
    return is_said_so or is_system or isinstance(error, MemoryError)


def is_loss_of_card(error: BaseException) -> bool:
    """From then on a process can do nothing on the card, not even give its memory back."""
    return isinstance(error, RuntimeError) and "CUDA error" in str(error) and not is_refusal_of_memory(error)


def sentence_about(error: BaseException, otherwise: str = "A file") -> str | None:
    """What a person can do about a refusal of the system's; None where it may be our mistake."""
    if not isinstance(error, OSError) or error.errno not in _NOT_OUR_MISTAKE:
        return None
    where = error.filename if error.filename is not None else otherwise
    return f"{where} cannot be used ({error.strerror}); check the name and your access."
