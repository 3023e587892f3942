"""About: what a model's folder says of it beside its network. Nothing of it is needed to compute."""

from dataclasses import dataclass

from core.spec.fields import setting


@dataclass(frozen=True)
class Recall:
    """How likely a token is that followed the same run of tokens before, once the network has been heard.

    The logarithm of its odds: fixed + own * x + (run + own_by_run * x) * log(n), where x is that of the
    network's own odds and n how many tokens are the same. Fitted to one network by `train recall`.
    """

    fixed: float = setting(..., "At first", low=-20, high=20)
    own: float = setting(..., "By the network's own odds", low=-20, high=20)
    run: float = setting(..., "By how long the run is", low=-20, high=20)
    own_by_run: float = setting(..., "By both together", low=-20, high=20)


@dataclass(frozen=True)
class About:
    """`languages`: all that the model was taught, as Pygments names them; none where nobody has said, and so
    it may know any."""

    languages: tuple[str, ...] = ()
    recall: Recall | None = None


NOTHING_MORE = About()
