"""S-parameters of a block as `skrf.Network`, by any of three engines."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from resonet.core.errors import EngineError, InputError
from resonet.core.types import Array, Complex
from resonet.sparams.block import Block, Drive, flat
from resonet.sparams.circuit import circuit_s
from resonet.sparams.grid import check_grid
from resonet.sparams.linear import linear_s
from resonet.sparams.ngspice import ngspice_s
from resonet.sparams.witness import check_s

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["ENGINES", "Engine", "engine_difference", "extract", "mixed_mode", "to_network"]

Engine = Literal["linear", "ngspice", "scikit-rf"]
ENGINES: dict[str, Callable[[Block, Array], Complex]] = {
    "linear": linear_s,
    "ngspice": ngspice_s,
    "scikit-rf": circuit_s,
}
MOST_BYTES = 2e9  # of one result
ACTIVE = 1e-6  # of gain above 1 that rounding of an engine explains


def _checked(block: Block, f: Array) -> Array:
    f = check_grid(f)
    if 16 * len(f) * len(block.ports) ** 2 > MOST_BYTES:
        raise InputError(
            f"block {block.name}: {len(f)} frequencies of {len(block.ports)} ports are over {MOST_BYTES / 1e9:g} GB; "
            f"possible: fewer frequencies or ports"
        )
    return f


def to_network(block: Block, f: Array, s: Complex, note: str = "") -> "Network":
    """S [frequencies, ports, ports] of a block as a network with port names and reference impedances."""
    import skrf

    z0 = np.tile([port.impedance for port in block.ports], (len(f), 1))  # one dimension would be ambiguous
    network = skrf.Network(frequency=skrf.Frequency.from_f(f, unit="hz"), s=s, z0=z0, name=block.name)
    network.port_names = block.port_names
    network.comments = note
    return network


def _check_passive(block: Block, f: Array, s: Complex, engine: str) -> None:
    """EngineError where more power leaves than enters; under a bias the block may draw that from its source."""
    if any(isinstance(element, Drive) for element in flat(block).elements):
        return
    gain = np.linalg.svd(s, compute_uv=False)[:, 0]
    if not gain.max() <= 1 + ACTIVE:
        raise EngineError(
            f"{engine} on block {block.name}: {gain.max():.9g} times the amplitude comes out at "
            f"{f[gain.argmax()]:g} Hz of a block without a source"
        )


def extract(block: Block, f: Array, engine: Engine = "linear") -> "Network":
    """S-parameters of a block at f (Hz, rising) as a network that names its ports. Raises InputError, EngineError."""
    if engine not in ENGINES:
        raise InputError(f"engine {engine!r}: unknown; possible: {', '.join(get_args(Engine))}")
    f = _checked(block, f)
    s = ENGINES[engine](block, f)
    if engine == "ngspice":
        check_s(block, f, s)
    _check_passive(block, f, s, engine)
    return to_network(block, f, s, f"engine: {engine}")


def engine_difference(block: Block, f: Array, reference: Engine = "ngspice") -> dict[str, float]:
    """Largest |ΔS| of every other engine against the reference, over all ports and frequencies."""
    f = _checked(block, f)
    wanted = ENGINES[reference](block, f)
    return {name: float(np.abs(solve(block, f) - wanted).max()) for name, solve in ENGINES.items() if name != reference}


def mixed_mode(network: "Network", pairs: int) -> "Network":
    """Differential and common modes of the first `pairs` pairs of ports (1-2, 3-4, ...); single ports follow.

    Ports of the result: d0 ... , c0 ... , then the rest; by scikit-rf's `se2gmm`, power waves, 2 z0 differential and
    z0/2 common (z0 of the pair). InputError where the ports of a pair have different impedances.
    """
    ports = network.nports
    if not 1 <= pairs <= ports // 2:
        raise InputError(f"network {network.name}: {pairs} pairs of {ports} ports; possible: 1 ... {ports // 2}")
    z0 = network.z0[0, : 2 * pairs].reshape(-1, 2)
    if not np.allclose(z0[:, 0], z0[:, 1]):
        raise InputError(f"network {network.name}: a pair needs equal impedances at both of its ports")
    found = network.copy()
    found.se2gmm(p=pairs)
    names = network.port_names or [f"p{k + 1}" for k in range(ports)]
    found.port_names = [f"d{k}" for k in range(pairs)] + [f"c{k}" for k in range(pairs)] + list(names[2 * pairs :])
    return found
