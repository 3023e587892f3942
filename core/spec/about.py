"""About: what a model's folder says of it beside its network, which computes the same without."""

from dataclasses import dataclass

from core.spec.fields import setting

_FURTHEST = 20  # beyond it all is as good as certain


@dataclass(frozen=True)
class Recall:
    """How likely a token is that followed the same tokens before, once the network has been heard.

    The logarithm of its chance, before those of all tokens are made to sum up to one: fixed + own * x +
    (length + own_by_length * x) * log(n) + latest + above * a + below * b, where x is that of the network's
    own chance, n how many tokens are the same, and a and b how alike, from 0 to 1, the lines are that stand
    above and below it and the text that is written; `latest` is added where it followed the most tokens, and
    these come last in what is looked through: behind what the network reads, before it, and that itself.
    Fitted to one network by `train recall`.
    """

    fixed: float = setting(..., "At first", low=-_FURTHEST, high=_FURTHEST)
    own: float = setting(..., "By the network's own chance", low=-_FURTHEST, high=_FURTHEST)
    length: float = setting(..., "By how many tokens are the same", low=-_FURTHEST, high=_FURTHEST)
    own_by_length: float = setting(..., "By both together", low=-_FURTHEST, high=_FURTHEST)
    latest: float = setting(..., "If it followed the most, and last", low=-_FURTHEST, high=_FURTHEST)
    above: float = setting(..., "By how alike the lines above are", low=-_FURTHEST, high=_FURTHEST)
    below: float = setting(..., "By how alike the lines below are", low=-_FURTHEST, high=_FURTHEST)


@dataclass(frozen=True)
class About:
    """`languages`: all that the model was taught, as Pygments names them; none where nobody has said, and so
    it may know any."""

    languages: tuple[str, ...] = ()
    recall: Recall | None = None


NOTHING_MORE = About()
