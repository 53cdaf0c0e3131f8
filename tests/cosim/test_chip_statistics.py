"""Yields of samples of chips, distributions, limits from text."""

import numpy as np
import pytest
from scipy.special import betaincinv
from scipy.stats import norm

from resonet.core.errors import InputError
from resonet.cosim.montecarlo.limits import Limit, limits_of, parse_limit
from resonet.cosim.montecarlo.statistics import distribution, settling, summary
from resonet.cosim.montecarlo.yields import clopper_pearson, wilson, yield_of
from resonet.netlist.design.specification import Specification


@pytest.mark.parametrize(("passed", "count"), [(0, 10), (7, 10), (195, 200), (200, 200)])
def test_intervals_are_those_of_their_equations(passed, count):
    exact, short = clopper_pearson(passed, count, 0.9), wilson(passed, count, 0.9)
    low = 0.0 if passed == 0 else betaincinv(passed, count - passed + 1, 0.05)
    high = 1.0 if passed == count else betaincinv(passed + 1, count - passed, 0.95)
    assert (exact.low, exact.high) == pytest.approx((low, high), abs=1e-9)
    z = norm.ppf(0.95)
    for end in (short.low, short.high):  # |x/n - p| = z sqrt(p (1 - p) / n) at both ends
        assert abs(passed / count - end) == pytest.approx(z * np.sqrt(end * (1 - end) / count), abs=1e-9)


def test_clopper_pearson_covers():
    rng, count, share = np.random.default_rng(3), 40, 0.93
    ends = [clopper_pearson(k, count) for k in range(count + 1)]
    drawn_ = (rng.random((4000, count)) < share).sum(1)
    inside = np.mean([ends[k].low <= share <= ends[k].high for k in drawn_])
    assert inside >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 4000)


def test_no_chips_have_no_yield():
    with pytest.raises(InputError, match="one chip or more"):
        yield_of(np.zeros(0, bool))
    with pytest.raises(InputError, match="between 0 and 1"):
        clopper_pearson(1, 2, 1.5)


def test_summary_and_distribution():
    values = np.array([3.0, 1.0, np.nan, 2.0, 2.0, 7.0])
    found = summary(values)
    assert (found.chips, found.least, found.median, found.mean, found.most) == (5, 1.0, 2.0, 3.0, 7.0)
    assert found.spread == pytest.approx(np.sqrt((0 + 4 + 1 + 1 + 16) / 4))
    curve = distribution(values)
    assert curve.values.tolist() == [1, 2, 2, 3, 7]
    assert curve.share == pytest.approx([0.2, 0.6, 0.6, 0.8, 1.0])
    off = np.sqrt(np.log(2 / 0.05) / 10)
    assert curve.high == pytest.approx(np.minimum(curve.share + off, 1))
    with pytest.raises(InputError, match="no chip"):
        summary(np.array([np.nan]))


def test_the_band_holds_the_whole_curve():
    rng, misses = np.random.default_rng(4), 0
    for _ in range(400):
        found = distribution(rng.random(50), 0.8)
        low, high = found.share - 1 / 50, found.share
        off = max(np.abs(found.values - low).max(), np.abs(found.values - high).max())
        misses += off > np.sqrt(np.log(2 / 0.2) / 100)
    assert misses / 400 <= 0.2 + 3 * np.sqrt(0.2 * 0.8 / 400)


def test_the_mean_settles():
    values = np.random.default_rng(5).normal(1e6, 1, 300)
    found = settling(values)
    assert found.mean[-1] == pytest.approx(values.mean(), rel=1e-14)
    assert found.error[-1] == pytest.approx(values.std(ddof=1) / np.sqrt(300), rel=1e-6)
    assert found.error[98] == pytest.approx(values[:100].std(ddof=1) / 10, rel=1e-6)


def test_limits_from_text():
    assert parse_limit("accuracy >= 98 %") == Limit("accuracy", ">=", 0.98)
    assert parse_limit("latency<=20 us") == Limit("latency", "<=", 20e-6)
    assert parse_limit("crosstalk <= -20 dB").text == "crosstalk <= -20 dB"
    assert parse_limit("return_loss >= 10 dB").bound == 10
    assert parse_limit("weight_error <= 0.05").bound == 0.05
    found = limits_of(
        Specification(accuracy=0.9, weight_error=0.05), ["accuracy >= 95 %"], ("accuracy", "weight_error")
    )
    assert [limit.text for limit in found] == ["accuracy >= 95 %", "weight_error <= 5 %"]
    assert parse_limit("weight_error <= 5 %").passes(np.array([0.04, 0.05, np.nan])).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("accuracy", "NAME >= VALUE"),
        ("beauty >= 1", "accuracy >="),
        ("accuracy <= 98 %", "passes with accuracy >= VALUE"),
        ("accuracy >= 98 V", "it has no unit"),
        ("accuracy >= 120 %", "0 ... 100 %"),
        ("latency <= 20 apples", "the unit is s"),
        ("latency <= 190", "the unit is missing, 190 of what?; possible: latency <= NUMBER UNIT, the unit s"),
        ("crosstalk <= -20", "the unit dB"),
        ("weight_error <= 5", "the unit %"),
        ("return_loss <= 10 dB", "passes with return_loss >= VALUE"),
    ],
)
def test_limits_that_are_none(text, words):
    with pytest.raises(InputError) as caught:
        parse_limit(text)
    assert words in str(caught.value)
