"""When cascades settle: exact for equal poles, within some percent of simulated steps for others."""

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.stats import erlang

from resonet.models.circuit.settling_time import Delay, cascade_delay, pole_delay, settled, system_delay


@pytest.mark.parametrize("poles", [1, 3, 9])
def test_equal_poles_settle_as_the_gamma_distribution_says(poles: int) -> None:
    assert settled(pole_delay(2e-6, poles), 0.01) == pytest.approx(2e-6 * erlang.ppf(0.99, poles), rel=1e-12)


def test_poles_of_different_speed_settle_as_their_simulated_step() -> None:
    constants = np.array([1.0, 2.0, 0.5, 3.0])
    matrix = -np.diag(1 / constants) + np.diag(1 / constants[1:], -1)
    drive = np.zeros(4)
    drive[0] = 1 / constants[0]
    delay = system_delay(matrix, drive)
    assert delay.mean == pytest.approx(constants.sum(), rel=1e-12)
    assert delay.variance == pytest.approx((constants**2).sum(), rel=1e-12)
    rest = -np.linalg.solve(matrix, drive)
    time = np.linspace(0, 40, 4001)
    output = np.array([(rest - expm(matrix * t) @ rest)[-1] for t in time])
    simulated = time[np.flatnonzero(np.abs(output - 1) > 0.01)[-1] + 1]
    assert settled(delay, 0.01) == pytest.approx(simulated, rel=0.03)


def test_blocks_in_a_row_add_their_cumulants() -> None:
    assert cascade_delay([pole_delay(1.0), pole_delay(2.0), Delay(0.5, 0.0)]) == Delay(3.5, 5.0)
    assert settled(Delay(0.0, 0.0)) == 0.0
