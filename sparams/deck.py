"""Blocks as SPICE decks: `.sp` up to five ports, beyond that one `.ac` per excitation in one process.

The cost of `.sp` is factorial in the ports (ngspice 39: 0.4 ms a point for 5 ports, 236 ms for 8). In `.ac` port k is
an EMF of 2 √z_k behind its impedance and every other EMF is silent, so S_jk = v_j / √z_j - δ_jk. Node names are
made here from numbers; a part's subcircuit text holds numbers only.
"""

import math
from collections.abc import Iterator

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.models.line.lines import Line, LosslessLine, RlcLine
from resonet.netlist.spice.deck import Deck
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
    Resonators,
    check_band,
    flat,
    top_node,
)
from resonet.spice_lib.library import library

__all__ = ["MOST_SP_PORTS", "block_deck", "sweeps"]

MOST_SP_PORTS = 5
RUN_MOST = 2000  # sweeps in one deck
LEAK = 1e-8  # siemens at 0 Hz: 0.03 % of what a chain of 25 resonators conducts
SMALL = 1e-12  # ohm or siemens below which a value is left out of a section


def _node(n: int) -> str:
    return f"n{n}" if n else "0"


def _line_device(line: Line) -> str:
    if isinstance(line, LosslessLine):
        return f"line_lossless z0={line.z0:.17g} td={line.td:.17g}"
    if isinstance(line, RlcLine):
        return f"line_rlc r={line.r:.17g} l={line.l:.17g} c={line.c:.17g} length={line.length:.17g}"
    return f"line_rlgc r={line.r:.17g} l={line.l:.17g} g={line.g:.17g} c={line.c:.17g} length={line.length:.17g}"


def _coils(tag: str, a: list[str], b: list[str], inductance: Array) -> Iterator[str]:
    """Inductors and their coupling factors k = M / √(L1 L2)."""
    own = np.sqrt(np.diag(inductance))
    for i, value in enumerate(np.diag(inductance)):
        yield f"l{tag}_{i} {a[i]} {b[i]} {value:.17g}"
    for i, j in zip(*np.nonzero(np.triu(inductance, 1)), strict=True):
        yield f"k{tag}_{i}_{j} l{tag}_{i} l{tag}_{j} {inductance[i, j] / (own[i] * own[j]):.17g}"


def _shunts(tag: str, nodes: list[str], c: Array, g: Array) -> Iterator[str]:
    """Capacitors and conductances of Maxwell matrices, farad and siemens, between nodes and to ground."""
    for i in range(len(nodes)):
        for j in range(i, len(nodes)):
            farad, siemens = (m[i].sum() if i == j else -m[i, j] for m in (c, g))
            other = "0" if i == j else nodes[j]
            if farad:
                yield f"c{tag}_{i}_{j} {nodes[i]} {other} {farad:.17g}"
            if abs(siemens) > SMALL:
                yield f"g{tag}_{i}_{j} {nodes[i]} {other} {nodes[i]} {other} {siemens:.17g}"


def _coupled(tag: str, element: CoupledLines) -> Iterator[str]:
    """Ladder of pi sections; where a matrix of resistances has mutual parts they are current-controlled sources."""
    n, step = len(element.a), element.length / element.sections
    here = [_node(k) for k in element.a]
    for m in range(element.sections):
        last = m == element.sections - 1
        there = [_node(k) for k in element.b] if last else [f"m{tag}_{m}_{k}" for k in range(n)]
        middle = [f"r{tag}_{m}_{k}" for k in range(n)]
        yield from _shunts(
            f"{tag}_{m}", here, element.c * step * (0.5 if m == 0 else 1), element.g * step * (0.5 if m == 0 else 1)
        )
        yield from _coils(f"{tag}_{m}", here, middle, element.l * step)
        for k in range(n):
            yield f"v{tag}_{m}_{k} {middle[k]} {middle[k]}s 0"
            chain = f"{middle[k]}s"
            for j in np.flatnonzero(element.r[k]):
                end = f"{middle[k]}_{j}"
                yield f"h{tag}_{m}_{k}_{j} {chain} {end} v{tag}_{m}_{j} {element.r[k, j] * step:.17g}"
                chain = end
            yield f"v{tag}_{m}_{k}e {chain} {there[k]} 0"
        here = there
    yield from _shunts(f"{tag}_{element.sections}", here, element.c * step / 2, element.g * step / 2)


def _combiner(tag: str, element: Combiner) -> Iterator[str]:
    bus, last = _node(element.bus), len(element.inputs) - 1
    for k, node in enumerate(element.inputs):
        low, high = ("0" if k == 0 else f"s{tag}_{k}"), (f"e{tag}" if k == last else f"s{tag}_{k + 1}")
        yield (
            f"xarm{tag}_{k} {_node(int(node))} {low} {high} {bus} e{tag} combiner_arm "
            f"z0={element.z0:.17g} gain={element.gain:.17g}"
        )
    yield f"xout{tag} {bus} e{tag} combiner_out z0={element.z0:.17g}"


def _format(tag: str, element: Element) -> Iterator[str]:
    """Lines of one element; `tag` makes its names unique."""
    match element:
        case Lumped(kind=kind, a=a, b=b, value=value):
            for n, (p, q, x) in enumerate(zip(a, b, value, strict=True)):
                yield f"{kind}{tag}_{n} {_node(p)} {_node(q)} {x:.17g}"
        case Resonators(a=a, b=b, f0=f0, q=q, r0=r0, k=k):
            for n in range(len(a)):
                yield (
                    f"xr{tag}_{n} {_node(a[n])} {_node(b[n])} x{tag}_{n} resonator "
                    f"f0={f0[n]:.17g} q={q[n]:.17g} r0={r0[n]:.17g} k={k[n]:.17g}"
                )
        case LineBranch(a=a, b=b, line=line):
            yield f"xl{tag} {_node(a)} {_node(b)} {_line_device(line)}"
        case Coils(a=a, b=b, inductance=inductance):
            yield from _coils(tag, [_node(n) for n in a], [_node(n) for n in b], inductance)
        case CoupledLines():
            yield from _coupled(tag, element)
        case Combiner():
            yield from _combiner(tag, element)
        case Measured(nodes=nodes, part=part):
            yield from part.subcircuit(f"part{tag}")
            yield f"xm{tag} {' '.join(_node(n) for n in nodes)} part{tag}"
        case Drive(node=node, current=current):
            yield f"ib{tag} 0 {_node(node)} dc {current:.17g}"
        case _:
            raise TypeError(f"no SPICE form of {type(element).__name__}")


def _needs(elements: tuple[Element, ...]) -> set[str]:
    """Library files that the elements need."""
    devices = {"resonator": Resonators, "combiner_arm": Combiner}
    found = {name for name, kind in devices.items() if any(isinstance(e, kind) for e in elements)}
    found |= {_line_device(e.line).split()[0] for e in elements if isinstance(e, LineBranch)}
    return {library()[name].file for name in found}


def _conducting(block: Block) -> tuple[list[tuple[int, int]], set[int]]:
    """Pairs of nodes that direct current flows between, and nodes from which a measured part lets it into ground."""
    pairs: list[tuple[int, int]] = []
    leaks: set[int] = set()
    for e in block.elements:
        if isinstance(e, Measured):
            y = e.part.at_dc()
            pairs += [(int(e.nodes[i]), int(e.nodes[j])) for i, j in zip(*np.nonzero(np.abs(y) > LEAK), strict=True)]
            leaks |= {int(node) for node, out in zip(e.nodes, y.sum(1), strict=True) if abs(out) > LEAK}
        elif isinstance(e, Coils | Resonators | LineBranch | CoupledLines) or (isinstance(e, Lumped) and e.kind != "c"):
            pairs += zip(np.atleast_1d(e.a).tolist(), np.atleast_1d(e.b).tolist(), strict=True)
    return [(a, b) for a, b in pairs if a and b], leaks  # ground is no way for a bias to reach a port


def _check_bias(block: Block) -> None:
    """A biased block must hold its current: no port or measured part may draw from it, and it must reach a chain."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    driven = [e.node for e in block.elements if isinstance(e, Drive)]
    if not driven:
        return
    pairs, leaks = _conducting(block)
    rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
    size = 1 + top_node(block)
    _, label = connected_components(
        coo_array((np.ones(len(pairs)), (rows, columns)), shape=(size, size)), directed=False
    )
    live = {label[node] for node in driven}
    for port in block.ports:
        if label[port.node] in live:
            raise InputError(
                f"block {block.name}: port {port.name} would draw the DC bias; possible: a port behind a DC block"
            )
    reached = {label[node] for e in block.elements if isinstance(e, Resonators) for node in (*e.a, *e.b) if node}
    if live & {label[node] for node in leaks} or not live <= reached:
        raise InputError(
            f"block {block.name}: the model of a measured part draws from the DC bias or cuts it off at 0 Hz; "
            "possible: a file that reaches down to where its DC block shows, or the engines linear and scikit-rf"
        )


def sweeps(f: Array) -> list[str]:
    """`lin` sweeps (kind, points, first, last) that hit the frequencies f (Hz, rising) one after the other.

    ngspice takes `lin 2` for one point, so two points in a row are two sweeps.
    """
    found, at = [], 0
    while at < len(f):
        end = at
        step = f[at + 1] - f[at] if at + 1 < len(f) else 0.0
        while end + 1 < len(f) and abs(f[end + 1] - f[end] - step) <= 1e-9 * step + 1e-15 * f[end]:
            end += 1
        end = end if end - at >= 2 else at
        found.append(f"lin {end - at + 1} {float(f[at])!r} {float(f[end])!r}")
        at = end + 1
    if len(found) > RUN_MOST:
        raise InputError(
            f"{len(f)} frequencies in {len(found)} runs of equal steps; possible: at most {RUN_MOST} runs in ngspice"
        )
    return found


def _ac_control(name: str, ports: list[float], runs: list[str], saved: str) -> list[str]:
    lines = []
    for k in range(len(ports)):
        if k:
            lines.append(f"alter vp{k - 1} ac = 0")
        lines.append(f"alter vp{k} ac = {2 * math.sqrt(ports[k]):.17g}")
        for run in runs:
            lines += [f"ac {run}", f"write {name}.raw {saved}", "set appendwrite", "destroy"]
    return lines


def block_deck(block: Block, f: Array, method: str | None = None, lib: str = "../lib") -> Deck:
    """Deck of a block over the frequencies f (Hz, rising); method "sp", "ac" or by the number of ports.

    Raises InputError where a port would draw the bias, or `.sp` is asked for with too many ports.
    """
    check_band(block, f)
    whole = flat(block)
    _check_bias(whole)
    ports, runs = [port.impedance for port in whole.ports], sweeps(f)
    method = method or ("sp" if 2 <= len(ports) <= MOST_SP_PORTS else "ac")
    if method == "sp" and not 2 <= len(ports) <= MOST_SP_PORTS:
        raise InputError(f"block {block.name}: .sp with {len(ports)} ports; possible: 2 ... {MOST_SP_PORTS}")
    name = f"{block.name}_{method}"
    lines = [f"* resonet {name}: S-parameters of {len(ports)} ports"]
    lines += [f'.include "{lib}/{file}"' for file in sorted(_needs(whole.elements))]
    lines += [f"* port {k + 1}: {_node(p.node)}, {p.impedance:g} ohm" for k, p in enumerate(whole.ports)]
    for k, port in enumerate(whole.ports):
        here = _node(port.node)
        if method == "sp":
            lines.append(f"vp{k} {here} 0 dc 0 ac 1 portnum {k + 1} z0 {port.impedance:.17g}")
        else:
            lines += [f"vp{k} emf{k} 0 dc 0 ac 0", f"rp{k} emf{k} {here} {port.impedance:.17g}"]
    for n, element in enumerate(whole.elements):
        lines += _format(str(n), element)
    lines += [".control", "set filetype=binary"]
    if method == "sp":
        numbers = range(1, len(ports) + 1)
        vectors = " ".join(f"s_{i}_{j}" for i in numbers for j in numbers)
        for run in runs:
            lines += [f"sp {run}", f"write {name}.raw {vectors}", "set appendwrite"]
    else:
        saved = " ".join(f"v({_node(port.node)})" for port in whole.ports)
        lines[-2:-2] = [f".save {saved}"]
        lines += _ac_control(name, ports, runs, saved)
    return Deck(name, "\n".join([*lines, "quit", ".endc", ".end", ""]))
