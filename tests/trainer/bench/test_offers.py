"""A model of the catalogue is named where it would be better, with the arithmetic, and never by a network."""

from dataclasses import replace

import pytest

from core.spec.budget import parameters, to_run, weight_bytes
from core.spec.catalogue import Offer, catalogue
from core.spec.machine import Machine
from trainer.bench.offers import better, pace_of, promises
from trainer.bench.recommend import Option

ROOMY = Machine(limit_bytes=8 * 2**30, others_bytes=2**30, runtime_bytes=250 * 2**20)
OFFERS = [offer for offer in catalogue().values() if offer.role == "completion"]
HERE = Option(
    "/m/nano", "nano", "int8", 10_000_000, decode_tokens_per_s=2000.0, weights_bytes=12_000_000
)  # 24 GB a second


@pytest.fixture
def small() -> Offer:
    return min(OFFERS, key=lambda offer: parameters(offer.network))


def test_the_recommended_offer_comes_first_with_its_arithmetic() -> None:
    found = promises(OFFERS, [HERE], ROOMY)
    best = better(found, HERE)
    assert best is not None
    assert best.offer.is_recommended
    assert best.precision == "int8"
    planned = to_run(best.offer.network, "int8", 4096, runtime_bytes=ROOMY.runtime_bytes)
    assert best.budget == planned
    assert best.tokens_per_s == pytest.approx(24e9 / weight_bytes(best.offer.network, "int8"))
    for words in (best.offer.id, planned.arithmetic, "24.0 GB", "was not measured"):
        assert words in best.sentence


def test_what_is_pleasant_only_in_four_bits_is_offered_in_four(small: Offer) -> None:
    slow = replace(HERE, decode_tokens_per_s=weight_bytes(small.network, "int8") * 19 / HERE.weights_bytes)
    [found] = promises([small], [slow], ROOMY)
    assert (found.precision, found.is_pleasant) == ("int4", True)


def test_what_does_not_fit_is_here_or_is_no_better_is_not_offered(small: Offer) -> None:
    full = replace(ROOMY, others_bytes=ROOMY.limit_bytes)
    assert promises(OFFERS, [HERE], full) == []
    assert small.id not in [item.offer.id for item in promises(OFFERS, [HERE], ROOMY, [small.id])]
    larger = replace(HERE, parameters=parameters(small.network))
    assert better(promises([small], [HERE], ROOMY), larger) is None
    random = replace(larger, has_weights=False)  # which is no model that could be used instead
    assert better(promises([small], [HERE], ROOMY), random) is not None


def test_nothing_is_promised_where_nothing_was_measured() -> None:
    nothing = Option("/m/x", "x", "int8", 1, problem="it is damaged")
    assert pace_of([nothing]) == 0
    assert promises(OFFERS, [nothing], ROOMY) == []
