"""Measured N-ports as parts of a block: Touchstone -> vector fit -> passive rational model -> subcircuit.

S(f) = D + Σ_k R_k / (j2πf - p_k), poles common to all entries (Gustavsen and Semlyen, IEEE Trans. Power Delivery 14,
1052), by `skrf.vectorFitting`. More poles than the data have resonances fit its noise and break the passivity between
the points, so the smallest number that reaches the wanted error is taken. Passivity is enforced on the residues
(Dhaene et al., IEEE Trans. Adv. Packag. 32, 418) where it is far off, and by dividing the model by its largest singular
value for the rest; it is tested on the model itself (no imaginary eigenvalue of its Hamiltonian matrix), not only at
the points of the file. All engines use the model, so that they see the same part.
"""

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex
from resonet.sparams.block import Block, Measured, Port
from resonet.sparams.touchstone import read_touchstone

if TYPE_CHECKING:
    from skrf import Network
    from skrf.vectorFitting import VectorFitting

__all__ = ["FittedPart", "fit_part", "largest_gain", "measured_block", "one_thread", "part_from_file"]

MOST_PAIRS = 60  # of complex poles
TARGET = 1e-4  # RMS error at which the search for poles ends
USABLE = 0.05  # RMS error beyond which a fit is refused
PASSIVE = 1e-6  # how far above 1 a singular value of data may lie: rounding of a file of six digits
GRID = 2001  # points on which the gain of a model is looked at
FIT_POINTS = 800
LOEWNER_POINTS = 300
CLEAN = 1e-7  # RMS error, of S scaled to 1, at which more poles fit rounding
ITERATIONS = 8  # of the pole relocation: it has settled after five, or does not


def one_thread() -> AbstractContextManager[object]:
    """BLAS on one thread: a fit is thousands of small matrices, on a busy machine 80 times slower with several."""
    from threadpoolctl import threadpool_limits

    return cast("AbstractContextManager[object]", threadpool_limits(1))


def largest_gain(s: Complex) -> float:
    """Largest singular value of S-matrices [..., n, n]: above 1 more power leaves than enters."""
    return float(np.linalg.svd(s, compute_uv=False).max())


@dataclass(frozen=True, eq=False)
class FittedPart:
    """A passive rational model of an N-port; `band` (Hz) is what the file covers."""

    name: str
    ports: tuple[str, ...]
    impedance: Array  # [n] ohm
    band: tuple[float, float]
    poles: Complex  # [poles], rad/s, one of each conjugate pair
    residues: Complex  # [n, n, poles]
    constant: Array  # [n, n]
    rms_error: float  # of the model against the file, over all entries and frequencies, after enforcement
    max_error: float
    fit_error: float  # RMS before enforcement
    passive_before: bool

    def s(self, f: Array) -> Complex:
        """S of the model, [frequencies, n, n]. InputError outside the band of the file."""
        f = np.asarray(f, float)
        low, high = self.band
        if f.min() < low * (1 - 1e-9) or f.max() > high * (1 + 1e-9):
            raise InputError(
                f"part {self.name}: {f.min():g} ... {f.max():g} Hz asked for; possible: {low:g} ... {high:g} Hz"
            )
        return self.model(f)

    def model(self, f: Array) -> Complex:
        """S of the model at any frequency."""
        s = 2j * np.pi * np.asarray(f, float)[:, None]
        pair = self.poles.imag != 0
        own = 1 / (s - self.poles)
        mirror = np.where(pair, 1 / (s - self.poles.conj()), 0)
        found = np.einsum("fk,ijk->fij", own, self.residues) + np.einsum("fk,ijk->fij", mirror, self.residues.conj())
        return np.asarray(found + self.constant)

    def has_admittance(self, least: float) -> bool:
        """Whether 1 + S is well away from singular all over the band."""
        return self._smallest > least

    @cached_property
    def _smallest(self) -> float:
        f = np.linspace(*self.band, GRID)
        return float(np.linalg.svd(np.eye(len(self.ports)) + self.model(f), compute_uv=False).min())

    def admittance(self, f: Array) -> Complex:
        """(1 + S)⁻¹ (1 - S) between diagonals of 1/√z, [frequencies, n, n], S."""
        s, root, one = self.s(f), np.sqrt(self.impedance), np.eye(len(self.ports))
        return np.asarray(np.linalg.solve(one + s, one - s) / root[:, None] / root)

    def at_dc(self) -> Array:
        """Conductances of the model at 0 Hz, [n, n], S: what an operating point sees, within the file's band or not."""
        s, root, one = self.model(np.zeros(1))[0].real, np.sqrt(self.impedance), np.eye(len(self.ports))
        return np.asarray(np.linalg.pinv(one + s) @ (one - s) / root[:, None] / root)

    def wave_equations(self, f: Array) -> tuple[Complex, Complex]:
        """Matrices A, B [frequencies, n, n] of A v + B i = 0: (1 - S)/√z v - (1 + S)√z i = 0, i into the ports."""
        s, root, one = self.s(f), np.sqrt(self.impedance), np.eye(len(self.ports))
        return np.asarray((one - s) / root), np.asarray(-(one + s) * root)

    def subcircuit(self, name: str) -> Iterator[str]:
        """Lines of a SPICE subcircuit of that name (made by the caller, not from a file); pins in port order."""
        vf = _empty(self)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "part.sp"
            vf.write_spice_subcircuit_s(str(path), fitted_model_name=name)
            yield from path.read_text(encoding="utf-8").splitlines()


def _empty(part: FittedPart) -> "VectorFitting":
    """scikit-rf's object with the model of a part."""
    import skrf
    from skrf.vectorFitting import VectorFitting

    n = len(part.ports)
    f = np.linspace(*part.band, 3)
    network = skrf.Network(frequency=skrf.Frequency.from_f(f, unit="hz"), s=part.model(f), z0=part.impedance)
    vf = VectorFitting(network)
    vf.poles, vf.residues = part.poles, part.residues.reshape(n * n, -1)
    vf.constant_coeff, vf.proportional_coeff = part.constant.ravel(), np.zeros(n * n)
    return vf


def _taken(vf: "VectorFitting", network: "Network", name: str) -> FittedPart:
    n = network.nports
    names = network.port_names or [f"p{k + 1}" for k in range(n)]
    part = FittedPart(
        name,
        tuple(names),
        network.z0[0].real.copy(),
        (float(network.f[0]), float(network.f[-1])),
        np.array(vf.poles, complex),
        np.array(vf.residues, complex).reshape(n, n, -1),
        np.array(vf.constant_coeff, float).reshape(n, n),
        0.0,
        0.0,
        0.0,
        False,
    )
    return _measured_error(part, network)


def _thinned(network: "Network") -> "Network":
    """At most FIT_POINTS of the frequencies: the fit costs that much less; its error is taken over all of them."""
    return network[:: -(-len(network.f) // FIT_POINTS)] if len(network.f) > FIT_POINTS else network


def _fitted(network: "Network", pairs: int, spacing: str) -> "VectorFitting":
    from skrf.vectorFitting import VectorFitting

    vf = VectorFitting(_thinned(network))
    vf.max_iterations = ITERATIONS
    vf.vector_fit(n_poles_real=2, n_poles_cmplx=pairs, init_pole_spacing=spacing, enforce_dc=False)
    return vf


def pole_pairs(network: "Network") -> list[int]:
    """Numbers of pole pairs that are worth a try, rising.

    The order of a rational function is the rank of the Loewner matrix (g(x) - g(y)) / (x - y) of its samples (Mayo and
    Antoulas, Linear Algebra Appl. 425, 634), here of a random mix of all entries; a noise floor cuts the rank off.
    """
    most = max(1, min(MOST_PAIRS, len(network.f) // 6))
    mix = np.random.default_rng(1).normal(size=network.nports**2)
    thin = network[:: max(1, len(network.f) // LOEWNER_POINTS)]
    g, x = thin.s.reshape(len(thin.f), -1) @ mix, 2j * np.pi * thin.f / thin.f[-1]
    g, x = np.stack([g, g.conj()], 1).ravel(), np.stack([x, x.conj()], 1).ravel()
    left, right = np.arange(len(x)) % 4 < 2, np.arange(len(x)) % 4 >= 2
    strength = np.linalg.svd((g[left, None] - g[right]) / (x[left, None] - x[right]), compute_uv=False)
    ranks = {int((strength > tolerance * strength[0]).sum()) for tolerance in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)}
    found = {rank // 2 + more for rank in ranks for more in (0, 1)}
    return sorted(n for n in found if 1 <= n <= most) or [most]


def _peak_gain(part: FittedPart, bands: Array | None = None) -> float:
    """Largest singular value of a model over all frequencies, or within bands (Hz), as far as sampling shows it."""
    if bands is not None:
        ends = [(low, high if np.isfinite(high) else 100 * max(low, part.band[1])) for low, high in bands]
        return largest_gain(part.model(np.concatenate([np.linspace(*end, 60) for end in ends])))
    low, high = max(part.band[0], 1e-6 * part.band[1]), part.band[1]
    centre, width = np.abs(part.poles.imag) / (2 * np.pi), np.abs(part.poles.real) / (2 * np.pi)
    near = (centre[:, None] + width[:, None] * np.linspace(-4, 4, 33)).ravel()
    f = np.concatenate([[0.0], np.geomspace(low / 1e3, 1e3 * high, GRID), np.abs(near)])
    return max(largest_gain(part.model(f)), float(np.linalg.norm(part.constant, 2)))


def _scaled(part: FittedPart, factor: float) -> FittedPart:
    return replace(part, residues=part.residues * factor, constant=part.constant * factor)


def _lowered(part: FittedPart) -> FittedPart | None:
    """The model over its largest gain, which makes it passive everywhere at once; None if its own test denies that."""
    margin = 1e-9
    lowered = part
    for _ in range(8):
        gain = _peak_gain(lowered)
        lowered = _scaled(lowered, 1 / (gain * (1 + margin))) if gain > 1 - margin else lowered
        bands = _empty(lowered).passivity_test()
        if len(bands) == 0:
            return lowered
        gain = _peak_gain(lowered, bands)
        lowered, margin = _scaled(lowered, 1 / max(gain, 1.0) / (1 + margin)), 10 * margin
    return None


def _enforced(part: FittedPart) -> FittedPart:
    """Residues perturbed until singular values at the grid's points stay below 1 (scikit-rf)."""
    vf = _empty(part)
    vf.passivity_enforce(n_samples=400, f_max=1.2 * part.band[1])
    return replace(part, residues=np.array(vf.residues).reshape(part.residues.shape))


def _measured_error(part: FittedPart, network: "Network") -> FittedPart:
    off = np.abs(part.model(network.f) - network.s)
    return replace(part, rms_error=float(np.sqrt((off**2).mean())), max_error=float(off.max()))


def _candidates(network: "Network", name: str, pairs: int | None, target: float) -> Iterator[FittedPart]:
    """Fits of several orders, with their errors."""
    most = max(1, min(MOST_PAIRS, len(network.f) // 6))
    if pairs is not None and not 1 <= pairs <= most:
        raise InputError(f"{pairs} pole pairs at {len(network.f)} frequencies; possible: 1 ... {most}")
    for order in [pairs] if pairs else pole_pairs(network):
        for spacing in ("lin", "log"):
            try:
                found = _taken(_fitted(network, order, spacing), network, name)
            except (np.linalg.LinAlgError, ValueError, ZeroDivisionError):
                continue
            yield found
            if found.rms_error <= target:
                break


def _passive_fit(network: "Network", name: str, pairs: int | None, target: float) -> FittedPart | None:
    """The fit that is closest to the data once it is passive; the first that reaches the target ends the search."""
    best: FittedPart | None = None
    for raw in _candidates(network, name, pairs, target):
        if best is not None and raw.rms_error >= best.rms_error:
            continue
        passive_before = len(_empty(raw).passivity_test()) == 0
        tries: list[FittedPart | None] = [raw] if passive_before else [_lowered(raw)]
        if not passive_before and _peak_gain(raw) > 1 + 10 * target:
            tries.append(_lowered(_enforced(raw)))
        for one in tries:
            if one is None:
                continue
            one = replace(_measured_error(one, network), fit_error=raw.rms_error, passive_before=passive_before)
            if best is None or one.rms_error < best.rms_error:
                best = one
        if best is not None and best.rms_error <= target:
            return best
    return best


def fit_part(network: "Network", name: str = "part", pairs: int | None = None, target: float = TARGET) -> FittedPart:
    """Passive rational model of a measured network. `pairs`: complex pole pairs; by default as few as do.

    Raises InputError where the data themselves are active, no model fits, or passivity cannot be enforced.
    """
    gain = np.linalg.svd(network.s, compute_uv=False).max(1)
    if gain.max() > 1 + PASSIVE:
        raise InputError(
            f"part {name}: not passive, {gain.max():.6g} times the amplitude comes out at "
            f"{network.f[gain.argmax()]:g} Hz; "
            f"possible: a passive part (singular values of S up to 1)"
        )
    if len(network.f) < 8:
        raise InputError(f"part {name}: {len(network.f)} frequencies; possible: 8 and more, to fit a model")
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether a fit converged and is passive is measured here, not believed
        found = _passive_fit(network, name, pairs, target)
    if found is None or found.rms_error > USABLE:
        error = "none" if found is None else f"RMS error {found.rms_error:.2g}"
        raise InputError(
            f"part {name}: no passive rational model fits ({error}); "
            f"possible: more frequencies, less noise, shorter lines"
        )
    return found


def rational_model(network: "Network", i: int, j: int, resonances: int) -> FittedPart:
    """Model of one entry S_ij (ports from 0) as a one-port, passive or not, for reading its poles."""
    import skrf

    s = network.s[:, i : i + 1, j : j + 1]
    entry = skrf.Network(frequency=network.frequency, s=s / np.abs(s).max(), z0=50.0)
    best: FittedPart | None = None
    with one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        orders = [n for n in pole_pairs(entry) if n >= resonances] or [resonances, resonances + 2]
        for order in orders:
            if 1 <= order <= len(network.f) // 6:
                vf = _fitted(entry, order, "log")
                found = _taken(vf, entry, network.name or "")
                if best is None or found.rms_error < best.rms_error / 2:  # more poles must be worth it
                    best = found
                if best.rms_error < CLEAN:
                    break
    if best is None:
        raise InputError(f"network {network.name}: {len(network.f)} frequencies; possible: 6 and more a resonance")
    return _scaled(best, float(np.abs(s).max()))


def measured_block(part: FittedPart, names: Sequence[str] | None = None) -> Block:
    """A fitted part as a block. Its port names are p1, p2, ... or given by us; those of the file go into no deck."""
    count = len(part.ports)
    names = list(names or [f"p{k + 1}" for k in range(count)])
    if len(names) != count:
        raise InputError(f"part {part.name}: {count} ports; possible: {len(names)} ({', '.join(names)})")
    nodes = np.arange(1, count + 1)
    ports = tuple(Port(n, int(k), float(z)) for n, k, z in zip(names, nodes, part.impedance, strict=True))
    return Block("measured", ports, (Measured(nodes, part),))


PORTS_OF = {"tee": ("rf", "dc", "head"), "line": ("a", "b"), "package": ("a", "b")}


def part_from_file(kind: str, path: Path, tones: int = 0) -> tuple[Block, FittedPart]:
    """A Touchstone file for a model: tee (ports rf, dc, head), combiner (in0 ..., bus), line or package (a, b)."""
    if kind not in (*PORTS_OF, "combiner"):
        raise InputError(f"part {kind[:40]!r}: unknown; possible: {', '.join([*PORTS_OF, 'combiner'])}")
    names: Any = PORTS_OF.get(kind, (*(f"in{k}" for k in range(tones)), "bus"))
    part = fit_part(read_touchstone(path, len(names)), f"{kind} {path.name[:40]}")
    return measured_block(part, names), part
