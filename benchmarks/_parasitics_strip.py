"""Strip lines against closed forms, scikit-rf and finite differences; the layouts of the shipped network.

`claims` prints a line per claim through `_show`; `by_differences` is the second opinion that the tests use too.
"""

import math
import resource
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from scipy.special import ellipk

from resonet.core.types import Array
from resonet.models.line.field import field_components, segment_field, slab_resistance
from resonet.models.line.lines import LIGHT, MU0, LineGeometry, field_strip, skin_depth
from resonet.models.line.strip_geometry import Geometry, attenuation, strip_line
from resonet.models.line.strip_matrix import EPSILON0, capacitance_matrix, inductance_matrix
from resonet.netlist.network.cnn import Synapses
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.strip.arrangement import ARRANGEMENTS
from resonet.netlist.strip.facts import layout_facts
from resonet.netlist.strip.parasitics import extract_parasitics
from resonet.netlist.strip.placement import place, place_layer
from resonet.netlist.strip.usage import layer_usage

__all__ = ["by_differences", "claims"]

Line = tuple[str, str, str, bool]
MODEL = Path(__file__).parents[1] / "examples" / "mnist" / "mnist.onnx"
WIDTH, HEIGHT = 300e-9, 250e-9
STRIPS = [(0.0, 8e-7, 2e-7, 1e-7), (0.0, 1.05e-6, WIDTH, 2e-7), (1e-6, 8e-7, 2e-7, 1e-7)]  # chain, line, next chain


def _ticks(edges: list[float], reach: float, fine: float) -> Array:
    """Grid lines: fine around the given edges, ever wider outside."""
    inner = [np.linspace(a, b, max(2, math.ceil((b - a) / fine)) + 1)[:-1] for a, b in pairwise(edges)]
    outer = np.cumsum(fine * 1.12 ** np.arange(200))
    outer = outer[outer < reach]
    return np.concatenate([edges[0] - outer[::-1], *inner, [edges[-1]], edges[-1] + outer])


def _owners(x: Array, z: Array, strips: list[tuple[float, float, float, float]], fine: float) -> NDArray[np.int64]:
    """Conductor of each grid point; -1 for none, -2 for the ground and the far box."""
    owner = np.full((len(x), len(z)), -1)
    for n, (middle, height, width, thick) in enumerate(strips):
        near_x, near_z = (np.abs(a - m) <= s / 2 + fine / 1e3 for a, m, s in ((x, middle, width), (z, height, thick)))
        owner[np.ix_(near_x, near_z)] = n
    owner[[0, -1]] = owner[:, [0, -1]] = -2
    return owner


def _by_differences(strips: list[tuple[float, float, float, float]], fine: float) -> Array:
    """Capacitance matrix per metre on one grid, finite volumes, in a large grounded box."""
    xs = sorted({s for x, _, w, _ in strips for s in (x - w / 2, x + w / 2)})
    zs = sorted({0.0, *(s for _, z, _, t in strips for s in (z - t / 2, z + t / 2))})
    x, z = _ticks(xs, 3e-5, fine), _ticks(zs, 3e-5, fine)
    z = z[z >= 0]
    owner = _owners(x, z, strips, fine)
    node = np.arange(owner.size).reshape(owner.shape)
    step_x, step_z = (np.diff(a, prepend=a[0], append=a[-1]) for a in (x, z))
    wide, high = (step_x[1:] + step_x[:-1]) / 2, (step_z[1:] + step_z[:-1]) / 2
    pairs = [
        (node[:-1].ravel(), node[1:].ravel(), (high / np.diff(x)[:, None]).ravel()),
        (node[:, :-1].ravel(), node[:, 1:].ravel(), (wide[:, None] / np.diff(z)).ravel()),
    ]
    a, b, g = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    size = (owner.size, owner.size)
    matrix = coo_matrix((np.concatenate([-g, -g, g, g]), (np.r_[a, b, a, b], np.r_[b, a, a, b])), size).tocsr()
    known = owner.ravel() != -1
    potential = (owner.ravel()[:, None] == np.arange(len(strips))).astype(float)
    inner = matrix[~known]
    free = spsolve(inner[:, ~known].tocsc(), -inner[:, known] @ potential[known])
    potential[~known] = free.reshape(-1, len(strips))
    return np.asarray(EPSILON0 * potential.T @ (matrix @ potential))


def by_differences(strips: list[tuple[float, float, float, float]], fine: float = 1.25e-8) -> Array:
    """Capacitance matrix per metre, F/m, of rectangles (x, z, width, thickness): two grids, extrapolated."""
    return 2 * _by_differences(strips, fine) - _by_differences(strips, 2 * fine)


def _field_error() -> float:
    """Both components of the field against Biot and Savart by quadrature, and routes against the infinite strip."""
    worst, scale = 0.0, 1 / WIDTH / (2 * np.pi)
    for d in (0.0, 4e-7, 1e-6, 5e-6):
        got = field_components(1.0, WIDTH, HEIGHT, d)
        side = [
            quad(lambda u, d=d: HEIGHT / (HEIGHT**2 + (d - u) ** 2), -WIDTH / 2, WIDTH / 2)[0],
            quad(lambda u, d=d: (d - u) / (HEIGHT**2 + (d - u) ** 2), -WIDTH / 2, WIDTH / 2)[0],
        ]
        size = scale * np.hypot(*side)
        worst = max(worst, *(abs(g - scale * s) / size for g, s in zip(got, side, strict=True)))
        route = segment_field([[0, -1e-3, 1e-6]], [[0, 1e-3, 1e-6]], [[d, 0, 1e-6 - HEIGHT]], WIDTH)[0, 0]
        worst = max(worst, float(np.hypot(route[0] + got[0], route[2] + got[1])) / size)
    return worst


def _isolated_error() -> float:
    """L and C of one strip against Hammerstad and Jensen."""
    worst = 0.0
    for ratio in (0.3, 1.0, 3.0, 10.0, 20.0):
        wanted = field_strip(LineGeometry(width=ratio * 1e-6, height=1e-6, thickness=1e-9, permittivity=1.0), 1e9, 1.0)
        worst = max(worst, abs(capacitance_matrix(0, 1e-6, ratio * 1e-6, 0)[0, 0] / wanted.c - 1))
        worst = max(worst, abs(inductance_matrix(0, 1e-6, ratio * 1e-6, 0)[0, 0] / wanted.l - 1))
    return float(worst)


def _media_error() -> float:
    """Impedance of a thick strip against skrf.media.MLine; attenuation against DistributedCircuit; skin effect."""
    import skrf

    band, worst = skrf.Frequency.from_f([5e9], unit="Hz"), 0.0
    for ratio, thick in ((0.5, 0.01), (1.0, 0.02), (3.0, 0.05), (8.0, 0.1)):
        shape = {"w": ratio * 1e-6, "h": 1e-6, "t": thick * 1e-6, "ep_r": 1 + 1e-6}
        medium = skrf.media.MLine(band, **shape, rho=1e-30, rough=0.0, diel="frequencyinvariant")
        c = capacitance_matrix(0, 1e-6 + thick * 0.5e-6, ratio * 1e-6, thick * 1e-6)[0, 0]
        worst = max(worst, abs(1 / (LIGHT * c) / medium.z0_characteristic[0].real - 1))
    line = strip_line(Geometry(), 5e9, 1e-3)
    circuit = skrf.media.DistributedCircuit(band, C=line.c, L=line.l, R=line.r, G=line.g)
    loss = 20 * np.log10(np.e) * circuit.gamma[0].real * 1e-3
    for f in (1e8, 5e9, 2e10):
        delta = skin_depth(f, 2e-8)
        exact = ((1 + 1j) * 2e-8 / delta / np.tanh((1 + 1j) * 1e-6 / delta)).real
        worst = max(worst, abs(float(slab_resistance(f, 2e-8, 1e-6)) / exact - 1))
    return float(max(worst, abs(attenuation(line, 5e9) / loss - 1)))


def _coupling_error() -> float:
    """Mutual inductance against wires over a plane; coplanar strips against the conformal map."""
    c = capacitance_matrix([-1e-6, 1e-6], 2e-4, 1e-6, 0)
    k = 1 / 3  # gap over gap plus both strips
    worst = abs((c[0, 0] - c[0, 1]) / 2 / (EPSILON0 * ellipk(1 - k**2) / ellipk(k**2)) - 1)
    for apart in (2e-6, 5e-6):
        wire = MU0 / (4 * np.pi) * np.log(1 + (2e-6 / apart) ** 2)
        worst = max(worst, abs(inductance_matrix([0, apart], 1e-6, WIDTH, 1e-7)[0, 1] / wire - 1))
    return float(worst)


def _difference_error() -> float:
    """A chain, the line over it and the chain beside it, against finite differences: the large entries."""
    wanted, got = by_differences(STRIPS), capacitance_matrix(*np.array(STRIPS).T)
    return float(max(np.abs(np.diag(got) / np.diag(wanted) - 1).max(), abs(got[0, 1] / wanted[0, 1] - 1)))


def _strip_lines() -> Iterator[Line]:
    for what, error in (
        ("strip field, both components, and whole routes against Biot-Savart", _field_error()),
        ("L and C of one strip against Hammerstad-Jensen, w/h 0.3 ... 20", _isolated_error()),
        ("Z, loss, skin effect against skrf.media and closed forms", _media_error()),
        ("coupled strips against conformal map and wires over a plane", _coupling_error()),
        ("chain, line, next chain against finite differences", _difference_error()),
    ):
        yield what, f"{100 * error:.2g} %", "<= 1 %", error <= 0.01


def _large() -> Synapses:
    weight = np.ones((7, 1, 3, 3))
    return Synapses("conv1", "conv", "conv", weight, np.zeros(7), (1, 130, 130), (7, 128, 128))


def _layouts() -> Iterator[Line]:
    for synapses in read_cnn(MODEL).synapses:
        for kind in ARRANGEMENTS:
            usage = layer_usage(synapses, ARRANGEMENTS[kind].parallel)
            key = usage.chain.astype(np.int64) * usage.tones + usage.tone
            good = (
                usage.weights == synapses.weight.size
                and usage.tones == synapses.taps
                and len(np.unique(key)) == len(key)
            )
            placement = place(usage, kind)
            good = good and len(placement.tuning.counts) == synapses.weight.size
            figure = f"{usage.weights:,} for {len(key):,}"
            yield f"{synapses.name} {kind}: tuning lines for resonators; tones differ", figure, "= shared weights", good
    start = time.perf_counter()
    usage = layer_usage(_large())
    place(usage, "planar")
    took = time.perf_counter() - start
    yield f"{len(usage.tap):,} resonators placed", f"{took:.2f} s", "<= 5 s", took <= 5
    off = extract_parasitics(place(layer_usage(read_cnn(MODEL).synapses[0]), "planar"), 5e9, ())
    left = max(
        float(np.max(getattr(off, name))) for name in ("chain_ground", "line_chain", "line_crossing", "substrate")
    )
    yield "parasitics that are switched off", f"{left:g}", "= 0", left == 0 and off.line.r == 0


def _notes() -> Iterator[tuple[str, str]]:
    for synapses in read_cnn(MODEL).synapses[:2]:
        for kind in ARRANGEMENTS:
            facts = layout_facts(place_layer(synapses, kind), 4.47e9)
            name = f"{synapses.name} {kind}"
            yield f"{name}: area", f"{facts.area * 1e6:.3g} mm²"
            yield (
                f"{name}: longest line, resistance, loss",
                (
                    f"{facts.line_length.longest * 1e6:.0f} µm, {facts.longest_resistance:.0f} Ohm, "
                    f"{facts.longest_loss:.1f} dB"
                ),
            )
            yield f"{name}: own drive along it", f"{facts.own_drive[0]:.2f} ... {facts.own_drive[1]:.2f}"
    yield "peak memory of all this", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"


def claims(quick: bool = False) -> None:
    """Print every claim with its bar; `quick` leaves out the figures of the layouts that have none."""
    from _show import info, show

    for line in (*_strip_lines(), *_layouts()):
        show(*line)
    for note in () if quick else _notes():
        info(*note)


if __name__ == "__main__":
    claims()
