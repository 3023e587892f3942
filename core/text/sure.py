"""Where a model stops being sure of what it writes: whole words, as long as the chance of all of them lasts.

A chance here is the model's own opinion. How often it is right depends on the model, so the least one that is
good enough is a setting.
"""

from collections.abc import Generator, Iterable


def sure(
    pieces: Iterable[tuple[str, float]], least_chance: float
) -> Generator[tuple[str, float], None, bool]:
    """Each piece comes with the chance of all up to its end. Ends with whether anything was left out.

    A word is held back until it is known where it ends: half of a name helps nobody.
    """
    word, lasting = "", 1.0
    for text, chance in pieces:
        if chance < least_chance:
            if word and text and not _is_of_word(text[0]):
                yield word, lasting
            return True
        word, lasting = word + text, chance
        end = len(word)
        while end and _is_of_word(word[end - 1]):
            end -= 1
        if end:
            yield word[:end], lasting
            word = word[end:]
    if word:
        yield word, lasting
    return False


def _is_of_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"
