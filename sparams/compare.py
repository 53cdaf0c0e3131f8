"""A simulated network against a measured one, entry by entry."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resonet.core.decibel import level
from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.core.validity import warn
from resonet.sparams.fixture import on_grid
from resonet.sparams.interpolate import COARSE, sampling_error
from resonet.sparams.reference import constant_reference

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["Comparison", "compare_networks"]

UNCERTAIN = 0.1  # dB of gain that a measurement's uncertainty explains, as of parts


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Differences over the common band; arrays are [ports, ports]."""

    simulated: "Network"  # both on the same frequencies, in the simulation's impedances
    measured: "Network"
    rms: Array  # of |ΔS|
    largest: Array  # of |ΔS|
    where: Array  # Hz, of the largest
    largest_db: Array  # dB, of the levels
    sampling: float = 0.0  # |ΔS| by which the measurement's samples may be too coarse; 0 where none had to be made up

    @property
    def total_rms(self) -> float:
        """Over all entries and frequencies."""
        return float(np.sqrt((self.rms**2).mean()))


def _warn_of_gain(ours: "Network", theirs: "Network") -> None:
    """Warn where the measurement amplifies, beyond its uncertainty, and the block does not (dB read as magnitudes?)."""
    gain, own = (np.linalg.svd(network.s, compute_uv=False).max(1) for network in (theirs, ours))
    limit = 10 ** (UNCERTAIN / 20) * np.maximum(own, 1.0)
    at = int((gain / limit).argmax())
    if gain[at] > limit[at]:
        words = f"network {theirs.name}: {gain[at]:.4g} times the amplitude comes out at {theirs.f[at]:g} Hz"
        warn("measured-gain", f"{words}, of the block {own[at]:.4g} times", gain[at], limit[at])


def compare_networks(simulated: "Network", measured: "Network") -> Comparison:
    """Both on the simulation's frequencies inside the measured band. InputError where ports or bands do not match."""
    if simulated.nports != measured.nports:
        raise InputError(
            f"network {measured.name}: {measured.nports} ports to compare; possible: {simulated.nports}, "
            f"those of {simulated.name}"
        )
    f = simulated.f[(simulated.f >= measured.f[0]) & (simulated.f <= measured.f[-1])]
    if len(f) < 2:
        raise InputError(
            f"network {measured.name}: {measured.f[0]:g} ... {measured.f[-1]:g} Hz; possible: a band that overlaps "
            f"{simulated.f[0]:g} ... {simulated.f[-1]:g} Hz"
        )
    measured = constant_reference(measured)
    ours = on_grid(simulated, f)
    sampling = 0.0
    if not np.all(np.isin(f, measured.f)):
        sampling = sampling_error(measured.f, measured.s.reshape(len(measured.f), -1))
        if sampling > COARSE:
            step = float(np.diff(measured.f).max())
            text = f"network {measured.name}: steps of {step:g} Hz are coarse: interpolated between them, S may be off"
            warn("coarse-grid", text, min(sampling, 2.0), COARSE)
    theirs = on_grid(measured, f)
    _warn_of_gain(ours, theirs)
    theirs.renormalize(ours.z0)
    off = np.abs(ours.s - theirs.s)
    n = np.indices(off.shape[1:])
    levels = np.abs(level(ours.s) - level(theirs.s)).max(0)
    where = f[off.argmax(0)]
    return Comparison(ours, theirs, np.sqrt((off**2).mean(0)), off.max(0), where + 0 * n[0], levels, sampling)
