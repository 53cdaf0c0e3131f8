"""Blocks as SPICE decks: `.sp` up to five ports, beyond that one `.ac` per excitation in one process.

The cost of `.sp` is factorial in the ports (ngspice 39: 0.4 ms a point for 5 ports, 236 ms for 8). In `.ac` port k is
an EMF of 2 √z_k behind its impedance and every other EMF is silent, so S_jk = v_j / √z_j - δ_jk. Node names are
made here from numbers; a part's subcircuit text holds numbers only.
"""

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.models.line.lines import Line, LosslessLine, RlcLine
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE, Dialect, numbers
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

__all__ = ["MOST_SP_PORTS", "block_deck", "sweeps"]

MOST_SP_PORTS = 5
RUN_MOST = 2000  # sweeps in one deck
LEAK = 1e-8  # siemens at 0 Hz: 0.03 % of what a chain of 25 resonators conducts
SMALL = 1e-12  # ohm or siemens below which a value is left out of a section


def _node(n: int) -> str:
    return f"n{n}" if n else "0"


def _line_device(line: Line) -> tuple[str, dict[str, str]]:
    """Subcircuit of a line and its parameters."""
    if isinstance(line, LosslessLine):
        return "line_lossless", numbers(17, z0=line.z0, td=line.td)
    if isinstance(line, RlcLine):
        return "line_rlc", numbers(17, r=line.r, l=line.l, c=line.c, length=line.length)
    return "line_rlgc", numbers(17, r=line.r, l=line.l, g=line.g, c=line.c, length=line.length)


def _coils(tag: str, a: list[str], b: list[str], inductance: Array, d: Dialect) -> Iterator[str]:
    """Inductors and their coupling factors k = M / √(L1 L2)."""
    own = np.sqrt(np.diag(inductance))
    for i, value in enumerate(np.diag(inductance)):
        yield d.format_element(f"l{tag}_{i}", (a[i], b[i]), f"{value:.17g}")
    for i, j in zip(*np.nonzero(np.triu(inductance, 1)), strict=True):
        factor = f"{inductance[i, j] / (own[i] * own[j]):.17g}"
        yield d.format_coupling(f"k{tag}_{i}_{j}", f"l{tag}_{i}", f"l{tag}_{j}", factor)


def _shunts(tag: str, nodes: list[str], c: Array, g: Array, d: Dialect) -> Iterator[str]:
    """Capacitors and conductances of Maxwell matrices, farad and siemens, between nodes and to ground."""
    for i in range(len(nodes)):
        for j in range(i, len(nodes)):
            farad, siemens = (m[i].sum() if i == j else -m[i, j] for m in (c, g))
            other = "0" if i == j else nodes[j]
            if farad:
                yield d.format_element(f"c{tag}_{i}_{j}", (nodes[i], other), f"{farad:.17g}")
            if abs(siemens) > SMALL:
                pair = (nodes[i], other)
                yield d.format_element(f"g{tag}_{i}_{j}", (*pair, *pair), f"{siemens:.17g}")


def _coupled(tag: str, element: CoupledLines, d: Dialect) -> Iterator[str]:
    """Ladder of pi sections; where a matrix of resistances has mutual parts they are current-controlled sources."""
    n, step = len(element.a), element.length / element.sections
    here = [_node(k) for k in element.a]
    for m in range(element.sections):
        last = m == element.sections - 1
        there = [_node(k) for k in element.b] if last else [f"m{tag}_{m}_{k}" for k in range(n)]
        middle = [f"r{tag}_{m}_{k}" for k in range(n)]
        part = step * (0.5 if m == 0 else 1)
        yield from _shunts(f"{tag}_{m}", here, element.c * part, element.g * part, d)
        yield from _coils(f"{tag}_{m}", here, middle, element.l * step, d)
        for k in range(n):
            yield d.format_ammeter(f"v{tag}_{m}_{k}", middle[k], f"{middle[k]}s")
            chain = f"{middle[k]}s"
            for j in np.flatnonzero(element.r[k]):
                end = f"{middle[k]}_{j}"
                ohm = f"{element.r[k, j] * step:.17g}"
                yield d.format_transresistance(f"h{tag}_{m}_{k}_{j}", chain, end, f"v{tag}_{m}_{j}", ohm)
                chain = end
            yield d.format_ammeter(f"v{tag}_{m}_{k}e", chain, there[k])
        here = there
    yield from _shunts(f"{tag}_{element.sections}", here, element.c * step / 2, element.g * step / 2, d)


def _combiner(tag: str, element: Combiner, d: Dialect) -> Iterator[str]:
    bus, last = _node(element.bus), len(element.inputs) - 1
    z0 = numbers(17, z0=element.z0)
    for k, node in enumerate(element.inputs):
        low, high = ("0" if k == 0 else f"s{tag}_{k}"), (f"e{tag}" if k == last else f"s{tag}_{k + 1}")
        pins = (_node(int(node)), low, high, bus, f"e{tag}")
        yield d.format_instance(f"xarm{tag}_{k}", pins, "combiner_arm", z0 | numbers(17, gain=element.gain))
    yield d.format_instance(f"xout{tag}", (bus, f"e{tag}"), "combiner_out", z0)


def _format(tag: str, element: Element, d: Dialect) -> Iterator[str]:
    """Lines of one element; `tag` makes its names unique."""
    match element:
        case Lumped(kind=kind, a=a, b=b, value=value):
            for n, (p, q, x) in enumerate(zip(a, b, value, strict=True)):
                yield d.format_element(f"{kind}{tag}_{n}", (_node(p), _node(q)), f"{x:.17g}")
        case Resonators(a=a, b=b, f0=f0, q=q, r0=r0, k=k):
            for n in range(len(a)):
                values = numbers(17, f0=f0[n], q=q[n], r0=r0[n], k=k[n])
                yield d.format_instance(f"xr{tag}_{n}", (_node(a[n]), _node(b[n]), f"x{tag}_{n}"), "resonator", values)
        case LineBranch(a=a, b=b, line=line):
            yield d.format_instance(f"xl{tag}", (_node(a), _node(b)), *_line_device(line))
        case Coils(a=a, b=b, inductance=inductance):
            yield from _coils(tag, [_node(n) for n in a], [_node(n) for n in b], inductance, d)
        case CoupledLines():
            yield from _coupled(tag, element, d)
        case Combiner():
            yield from _combiner(tag, element, d)
        case Measured(nodes=nodes, part=part):
            yield from d.write_subcircuit(f"part{tag}", *part.circuit())
            yield d.format_instance(f"xm{tag}", [_node(n) for n in nodes], f"part{tag}")
        case Drive(node=node, current=current):
            yield d.format_source(f"ib{tag}", "0", _node(node), dc=f"{current:.17g}")
        case _:
            raise TypeError(f"no SPICE form of {type(element).__name__}")


def _needs(elements: tuple[Element, ...]) -> set[str]:
    """Devices of the library that the elements need."""
    devices = {"resonator": Resonators, "combiner_arm": Combiner}
    found = {name for name, kind in devices.items() if any(isinstance(e, kind) for e in elements)}
    return found | {_line_device(e.line)[0] for e in elements if isinstance(e, LineBranch)}


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


def sweeps(f: Array) -> list[tuple[Literal["lin"], int, float, float]]:
    """`lin` sweeps (kind, points, first, last) that hit the frequencies f (Hz, rising) one after the other.

    ngspice takes `lin 2` for one point, so two points in a row are two sweeps.
    """
    found: list[tuple[Literal["lin"], int, float, float]] = []
    at = 0
    while at < len(f):
        end = at
        step = f[at + 1] - f[at] if at + 1 < len(f) else 0.0
        while end + 1 < len(f) and abs(f[end + 1] - f[end] - step) <= 1e-9 * step + 1e-15 * f[end]:
            end += 1
        end = end if end - at >= 2 else at
        found.append(("lin", end - at + 1, float(f[at]), float(f[end])))
        at = end + 1
    if len(found) > RUN_MOST:
        raise InputError(
            f"{len(f)} frequencies in {len(found)} runs of equal steps; possible: at most {RUN_MOST} runs in ngspice"
        )
    return found


def _ac_commands(name: str, ports: list[float], f: Array, saved: list[str], d: Dialect) -> list[str]:
    """Every port in turn drives, one sweep after the other."""
    lines = []
    for k, impedance in enumerate(ports):
        if k:
            lines.append(d.format_alter(f"vp{k - 1}", "0", "ac"))
        lines.append(d.format_alter(f"vp{k}", f"{2 * math.sqrt(impedance):.17g}", "ac"))
        for run in sweeps(f):
            lines += [d.format_ac(*run), d.format_write(name, saved), d.format_append(), d.format_forget()]
    return lines


def block_deck(
    block: Block, f: Array, method: str | None = None, lib: str = "../lib", dialect: Dialect = NGSPICE
) -> Deck:
    """Deck of a block over the frequencies f (Hz, rising); method "sp", "ac" or by the number of ports.

    Raises InputError where a port would draw the bias, or `.sp` is asked for with too many ports.
    """
    check_band(block, f)
    whole = flat(block)
    _check_bias(whole)
    ports, d = [port.impedance for port in whole.ports], dialect
    method = method or ("sp" if 2 <= len(ports) <= MOST_SP_PORTS else "ac")
    if method == "sp" and not 2 <= len(ports) <= MOST_SP_PORTS:
        raise InputError(f"block {block.name}: .sp with {len(ports)} ports; possible: 2 ... {MOST_SP_PORTS}")
    name = f"{block.name}_{method}"
    lines = d.write_head(name, f"S-parameters of {len(ports)} ports", lib, _needs(whole.elements))
    shown = enumerate(whole.ports, 1)
    lines += [d.format_comment(f"port {k}: {_node(p.node)}, {p.impedance:g} ohm") for k, p in shown]
    for k, port in enumerate(whole.ports):
        here, ohm = _node(port.node), f"{port.impedance:.17g}"
        if method == "sp":
            lines.append(d.format_port(f"vp{k}", here, k + 1, ohm))
        else:
            lines.append(d.format_source(f"vp{k}", f"emf{k}", "0", dc="0", ac="0"))
            lines.append(d.format_element(f"rp{k}", (f"emf{k}", here), ohm))
    for n, element in enumerate(whole.elements):
        lines += _format(str(n), element, d)
    if method == "sp":
        vectors, commands = d.write_scattering(len(ports)), list[str]()
        for run in sweeps(f):
            commands += [d.format_sp(*run), d.format_write(name, vectors), d.format_append()]
    else:
        saved = [d.voltage_of(_node(port.node)) for port in whole.ports]
        lines.append(d.format_save(saved))
        commands = _ac_commands(name, ports, f, saved, d)
    return Deck(name, "\n".join(lines + d.write_control(commands)))
