"""Many floats as text at once against Python's own `format`, one by one."""

import numpy as np
import pytest

from resonet.core.decimals import FEW, decimals, rounded

RNG = np.random.default_rng(0)
VALUES = {
    "of all sizes": RNG.uniform(1, 10, 4000) * 10.0 ** RNG.integers(-120, 120, 4000),
    "frequencies": RNG.uniform(0.8e9, 12e9, 4000),
    "of few digits": np.round(RNG.uniform(0, 1000, 2000), 2),
    "powers of ten and beside them": (10.0 ** np.arange(-90, 90)[:, None] * (1 + 2.0**-52 * np.arange(-2, 3))).ravel(),
    "ties": np.arange(1, 4000) * 0.125,
    "whole": RNG.integers(0, 2**53, 2000).astype(float),
    "powers of two": np.ldexp(1.0, np.arange(-1000, 1000)),
    "no numbers": np.tile([0.0, -0.0, -1.5, np.inf, np.nan, 5e-324, 1.7e308], FEW),
    "few": np.array([0.1, 2.5]),
    "none": np.empty(0),
}


@pytest.mark.parametrize("digits", [1, 2, 9, 12, 15, 16, 17])
@pytest.mark.parametrize("what", VALUES)
def test_text_is_that_of_format(what, digits):
    wanted = [f"{v:.{digits}g}" for v in VALUES[what].tolist()]
    assert [text.decode() for text in decimals(VALUES[what], digits)] == wanted
    if digits <= 15:
        np.testing.assert_array_equal(rounded(VALUES[what], digits), [float(text) for text in wanted])
