"""About: what a model's folder says of it beside its network, which computes the same without."""

from dataclasses import dataclass

from core.spec.fields import setting

_FURTHEST = 20  # beyond it all is as good as certain


@dataclass(frozen=True)
class Recall:
    """How likely a token is that followed the same tokens before, once the network has been heard.

    The logarithm of its odds: fixed + own * x + (length + own_by_length * x) * log(n), where x is that of the
    network's own odds and n how many tokens are the same. Fitted to one network by `train recall`.
    """

    fixed: float = setting(..., "At first", low=-_FURTHEST, high=_FURTHEST)
    own: float = setting(..., "By the network's own odds", low=-_FURTHEST, high=_FURTHEST)
    length: float = setting(..., "By how many tokens are the same", low=-_FURTHEST, high=_FURTHEST)
    own_by_length: float = setting(..., "By both together", low=-_FURTHEST, high=_FURTHEST)


@dataclass(frozen=True)
class About:
    """`languages`: all that the model was taught, as Pygments names them; none where nobody has said, and so
    it may know any."""

    languages: tuple[str, ...] = ()
    recall: Recall | None = None


NOTHING_MORE = About()
