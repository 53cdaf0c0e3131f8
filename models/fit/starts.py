"""Where the fit of a one-port begins: several values of its elements, since least squares has wrong minima."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex
from resonet.models.fit.least_squares import Solved, solve

__all__ = ["best_fit", "element_starts"]

WHITE = 1.2  # times the noise: what white residuals stay below
Residual = Callable[[Mapping[str, float]], Array]


def element_starts(
    f: Array, s11: Complex, z0: float, contact: float, residual: Residual, scale: Mapping[str, float]
) -> Iterator[dict[str, float]]:
    """Other values of R, L and C to begin at than those of the flat fit, which a resonance can pull away.

    R and C of a junction that its capacitance shunts, R and L of one that the lead outweighs; as they are seen, and as
    a flat fit from there has them.
    """
    w, z = 2 * np.pi * f, z0 * (1 + s11) / (1 - s11) - contact
    y = 1 / z
    shunt = float(np.median(y.real)), max(float(np.median(y.imag / w)), 0.0)
    lead = float(np.median(z.real)), max(float(np.median(z.imag / w)), 0.0)
    seen = [{"resistance": 1 / shunt[0], "inductance": 0.0, "capacitance": shunt[1]}] if shunt[0] > 0 else []
    seen += [{"resistance": lead[0], "inductance": lead[1], "capacitance": 0.0}] if lead[1] > 0 else []
    for elements in seen:
        yield elements
        try:
            yield solve(residual, elements, scale, True, "").values
        except InputError:
            continue


def best_fit(
    s11: Complex, starts: Iterable[Mapping[str, float]], run: Callable[[Mapping[str, float]], Solved]
) -> Solved:
    """The fit of least squares from several starts; no further one once what is left is white noise.

    The noise is that of the second differences of neighbours, in which anything smooth cancels.
    """
    noise = float(np.mean(np.abs(np.diff(s11, 2)) ** 2)) / 6
    found: list[Solved] = []
    failed: InputError | None = None
    for elements in starts:
        try:
            found.append(run(elements))
        except InputError as error:
            failed = failed or error
            continue
        if float(np.sum(found[-1].residual ** 2)) <= WHITE * noise * len(s11):
            break
    if not found:
        raise failed or InputError("no start")
    return min(found, key=lambda one: float(np.sum(one.residual**2)))
