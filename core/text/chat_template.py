"""A model's own chat template: Jinja that a stranger wrote, so it is run bounded (bounded_jinja).

Which messages go in, and what becomes of the text, is decided in chat.
"""

from collections.abc import Mapping, Sequence

from core.spec.errors import SmallCoderError, TokenizerError, UsageError
from core.spec.headers import shown
from core.text.bounded_jinja import ERRORS, BoundedEnvironment, Refusal, TooMuch

MAX_TEMPLATE_LETTERS = 1 << 15


class ChatTemplate:
    def __init__(self, source: str) -> None:
        if len(source) > MAX_TEMPLATE_LETTERS:
            raise TokenizerError(
                f"The model's chat template has {len(source)} letters and at most {MAX_TEMPLATE_LETTERS} are"
                " read; get the template again, or delete it to chat in a plain form."
            )
        self._environment = BoundedEnvironment()
        try:
            self._template = self._environment.from_untrusted(source)
        except ERRORS as error:
            raise _said(error) from error

    def render(
        self, messages: Sequence[Mapping[str, str]], marks: Mapping[str, str], *, asks: bool = True
    ) -> str:
        """`marks`: spellings by name, as bos_token; `asks`: the beginning of an answer is put last."""
        try:
            self._environment.begin()
            return self._template.render(
                marks, messages=messages, tools=None, documents=None, add_generation_prompt=asks
            )
        except ERRORS as error:
            raise _said(error) from error


def _said(error: BaseException) -> SmallCoderError:
    if isinstance(error, Refusal):
        return UsageError(
            f"The model's chat template refuses this conversation ({shown(str(error))}); change the order of"
            " its messages, or leave the system text out."
        )
    if isinstance(error, TooMuch):
        what = f"was stopped because {error}"
    elif isinstance(error, RecursionError):
        what = "nests too deep"
    else:
        what = f"failed ({shown(str(error))})"
    return TokenizerError(
        f"The model's chat template {what}; get the template again, or delete it to chat in a plain form."
    )
