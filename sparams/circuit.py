"""S-parameters of a block by scikit-rf: lines from its media, ladders by its cascade, all else by its Circuit.

Independent of the linear engine but for the resonator's and the inductors' impedances. A Circuit is a dense matrix over
all its ports at every frequency, so parts are solved one by one, and frequencies in slices.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from resonet.core.types import Array, Complex
from resonet.models.line.lines import SECTIONS, Line, LosslessLine, RlgcLine
from resonet.sparams.block import (
    Block,
    Coils,
    Combiner,
    CoupledLines,
    Drive,
    Element,
    LineBranch,
    Lumped,
    Measured,
    Part,
    Resonators,
    check_band,
)
from resonet.sparams.elements import LineForm, branch_admittance

if TYPE_CHECKING:
    from skrf import Frequency, Network

__all__ = ["circuit_s"]

SLICE_BYTES = 60e6  # of one dense matrix over a slice of the frequencies
Wired = tuple["Network", Sequence[int]]  # a network and the node of each of its ports


def _network(frequency: "Frequency", s: Complex, z0: float | Array = 50.0) -> "Network":
    import skrf

    z0 = np.tile(np.broadcast_to(z0, s.shape[-1:]), (len(s), 1))  # one dimension would be ambiguous
    return skrf.Network(frequency=frequency, s=s, z0=z0)


def _from_y(frequency: "Frequency", y: Complex) -> "Network":
    import skrf

    return _network(frequency, skrf.network.y2s(y, 50.0))


def _line(frequency: "Frequency", line: Line, form: LineForm) -> "Network":
    """Two-port of a line from scikit-rf's media; a leaky line in its deck's form is cascaded by sections."""
    from skrf import media

    r, ind, g, c, length = line.rlgc
    if isinstance(line, RlgcLine) and form == "spice":
        s, step = 2j * np.pi * frequency.f, length / SECTIONS
        z, y = np.array([[(r + s * ind) * step]]), np.array([[(g + s * c) * step]])
        return _ladder(frequency, np.moveaxis(z, -1, 0), np.moveaxis(y, -1, 0), SECTIONS)
    if isinstance(line, LosslessLine):
        medium: Any = media.DefinedGammaZ0(frequency, z0=line.z0, gamma=2j * np.pi * frequency.f * line.td)
        found = medium.line(1, "m")
    else:
        found = media.DistributedCircuit(frequency, C=c, L=ind, R=r, G=g).line(length, "m")
    found.renormalize(50.0)
    return found


def _ladder(frequency: "Frequency", z: Complex, y: Complex, sections: int) -> "Network":
    """Cascade of equal pi sections with the series impedances z and shunt admittances y [frequencies, n, n]."""
    through = np.linalg.inv(z)
    own = through + y / 2
    section = _from_y(
        frequency,
        np.concatenate([np.concatenate([own, -through], -1), np.concatenate([-through, own], -1)], -2),
    )
    for _ in range(sections.bit_length() - 1):
        section = section**section
    return section


def _coupled(frequency: "Frequency", lines: CoupledLines, form: LineForm) -> "Network":
    sections = lines.sections if form == "spice" else 4096 * lines.sections
    s, step = (2j * np.pi * frequency.f)[:, None, None], lines.length / sections
    return _ladder(frequency, (lines.r + s * lines.l) * step, (lines.g + s * lines.c) * step, sections)


def _combiner(frequency: "Frequency", element: Combiner) -> "Network":
    n = len(element.inputs)
    s = np.zeros((len(frequency), n + 1, n + 1), complex)
    s[:, -1, :-1] = s[:, :-1, -1] = element.gain
    found = _network(frequency, s, element.z0)
    found.renormalize(50.0)
    return found


def _floating(frequency: "Frequency", element: Coils) -> "Network":
    """Coils as a 2n-port, all ends a first."""
    y = np.linalg.inv(element.inductance) / (2j * np.pi * frequency.f)[:, None, None]
    y = np.concatenate([np.concatenate([y, -y], -1), np.concatenate([-y, y], -1)], -2)
    return _from_y(frequency, y)


def _branches(frequency: "Frequency", elements: Sequence[Element]) -> list[Wired]:
    """Two-terminal elements: those in parallel are one network, those to ground a one-port."""
    total: dict[tuple[int, int], Complex] = {}
    for element in elements:
        if isinstance(element, Lumped | Resonators):
            for a, b, y in zip(element.a, element.b, branch_admittance(element, frequency.f), strict=True):
                key = (int(min(a, b)), int(max(a, b)))
                total[key] = total.get(key, 0) + y
    found: list[Wired] = []
    for (a, b), y in total.items():
        if a == b:
            continue
        if a == 0:
            found.append((_from_y(frequency, y[:, None, None]), [b]))
        else:  # S of the series impedance 1/y in 50 ohm, which has no pole where y is 0
            s = np.array([[1 + 0 * y, 100 * y], [100 * y, 1 + 0 * y]]) / (1 + 100 * y)
            found.append((_network(frequency, np.moveaxis(s, -1, 0)), [a, b]))
    return found


def _wired(frequency: "Frequency", element: Element, form: LineForm, known: dict[int, "Network"]) -> Wired | None:
    """Network of an element that is no two-terminal branch."""
    match element:
        case LineBranch(a=a, b=b, line=line):
            return _line(frequency, line, form), [a, b]
        case CoupledLines(a=a, b=b):
            return _coupled(frequency, element, form), [*a, *b]
        case Coils(a=a, b=b):
            return _floating(frequency, element), [*a, *b]
        case Combiner(inputs=inputs, bus=bus):
            return _combiner(frequency, element), [*inputs, bus]
        case Measured(nodes=nodes, part=part):
            found = _network(frequency, part.s(frequency.f), part.impedance)
            found.renormalize(50.0)
            return found, list(nodes)
        case Part(block=block, nodes=nodes):
            if id(block) not in known:
                known[id(block)] = _solve(frequency, block, form, known)
            return known[id(block)].copy(), list(nodes)
        case Drive() | Lumped() | Resonators():
            return None


def _solve(frequency: "Frequency", block: Block, form: LineForm, known: dict[int, "Network"]) -> "Network":
    """The block as one network, in 50 ohm at every port."""
    from skrf.circuit import Circuit

    wired = _branches(frequency, block.elements)
    wired += [found for one in block.elements if (found := _wired(frequency, one, form, known)) is not None]
    at: dict[int, list[tuple[Any, int]]] = {}
    for n, port in enumerate(block.ports):
        at[port.node] = [(Circuit.Port(frequency, name=f"port{n}", z0=50.0), 0)]
    for n, (network, nodes) in enumerate(wired):
        network.name = f"e{n}"
        for k, node in enumerate(nodes):
            at.setdefault(int(node), []).append((network, k))
    if 0 in at:
        at[0].append((Circuit.Ground(frequency, name="ground", z0=50.0), 0))
    return Circuit(list(at.values()), name=block.name).network


def _dense(block: Block) -> int:
    """Size of the largest dense matrix that a Circuit of this block, or of a part, takes."""
    own, inner = len(block.ports), 0
    for e in block.elements:
        match e:
            case Part(block=part, nodes=nodes):
                own, inner = own + len(nodes), max(inner, _dense(part))
            case Combiner(inputs=nodes) | Measured(nodes=nodes):
                own += len(nodes) + 1
            case Drive():
                pass
            case _:
                own += 2 * np.size(e.a)
    return max(own, inner)


def circuit_s(block: Block, f: Array, lines: LineForm = "spice") -> Complex:
    """S-parameters of a block, [frequencies, ports, ports], in its ports' impedances. f in Hz, positive."""
    import skrf

    check_band(block, f)
    at_once = max(1, int(SLICE_BYTES / (16 * _dense(block) ** 2)))
    found = []
    for n in range(0, len(f), at_once):
        frequency = skrf.Frequency.from_f(f[n : n + at_once], unit="hz")
        network = _solve(frequency, block, lines, {})
        network.renormalize(np.tile([port.impedance for port in block.ports], (len(frequency), 1)))
        found.append(network.s)
    return np.asarray(np.concatenate(found))
