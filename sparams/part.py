"""A measured N-port as a part: a passive rational model with what it was made from, the same in every engine."""

import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Complex
from resonet.sparams.passivity import Rational

__all__ = ["FittedPart"]

GRID = 2001


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
    data_gain: float = 0.0  # largest singular value of the file's S
    change: float = 0.0  # largest |ΔS| that enforcement made at the file's frequencies
    ended: str = ""  # what ended the search for poles: target, noise, orders or time

    @property
    def rational(self) -> Rational:
        """Poles, residues and constant alone."""
        return Rational(self.poles, self.residues, self.constant)

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
        return self.rational.at(f)

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

    def circuit(self) -> tuple[list[str], list[str]]:
        """Pins, in port order, and lines of elements of a SPICE subcircuit that is this model."""
        import skrf
        from skrf.vectorFitting import VectorFitting

        n, f = len(self.ports), np.array([0.5, 1.0]) * self.band[1]
        z0 = np.tile(self.impedance, (len(f), 1))  # [frequencies, ports]: one dimension would be ambiguous
        network = skrf.Network(frequency=skrf.Frequency.from_f(f, unit="hz"), s=self.model(f), z0=z0)
        vf = VectorFitting(network)
        vf.poles, vf.residues = self.poles, self.residues.reshape(n * n, -1)
        vf.constant_coeff, vf.proportional_coeff = self.constant.ravel(), np.zeros(n * n)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "part.sp"
            vf.write_spice_subcircuit_s(str(path), fitted_model_name="part")
            lines = path.read_text(encoding="utf-8").splitlines()
        lines = [line for line in lines if line and not line.startswith("*")]
        return lines[0].split()[2:], lines[1:-1]  # what defines the subcircuit is the dialect's
