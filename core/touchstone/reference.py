"""The impedances that S is in: keywords, comments of programs, option line, in this order; contradictions are said."""

import numpy as np

from resonet.core.errors import InputError
from resonet.core.touchstone.comments import Comments, ImpedanceBlock
from resonet.core.touchstone.option_line import Options
from resonet.core.touchstone.record import Waves, fault
from resonet.core.touchstone.scan import Scan
from resonet.core.types import Array, Complex
from resonet.core.validity import given, warn

__all__ = ["reference"]

DEFAULT = 50.0
CLOSE = 1e-4  # relative: files write R with few digits
CODE = "touchstone-impedance"


def _ohm(z: complex) -> str:
    return f"{z.real:.6g}" + (f"{z.imag:+.4g}j" if z.imag else "")


def _option(options: Options, ports: int) -> Complex:
    """Impedances of the option line [ports]."""
    given = options.resistance or (complex(DEFAULT),)
    if len(given) not in (1, ports):
        raise fault(options.line, f"option line: {len(given)} resistances for {ports} ports; possible: 1 or {ports}")
    return np.full(ports, given[0]) if len(given) == 1 else np.array(given)


def _block(block: ImpedanceBlock, ports: int, terminal: bool) -> list[complex]:
    """Impedances of one comment [ports]: a pair a port, or a matrix of pairs whose diagonal they are."""
    z = np.array(block.values[0::2]) + 1j * np.array(block.values[1::2]) if len(block.values) % 2 == 0 else np.empty(0)
    if len(z) == ports:
        return list(z)
    if len(z) == ports**2:
        full = z.reshape(ports, ports)
        off = np.abs(full - np.diag(np.diag(full))).max()
        if off > CLOSE * np.abs(full).max():
            raise fault(block.line, "port impedances are a matrix of coupled terminals; possible: uncoupled ones")
        return list(np.diag(full))
    if not terminal and len(block.values) == 1:
        return [complex(block.values[0])] * ports
    if not terminal and len(block.values) == ports:
        return [complex(value) for value in block.values]
    text = f"{len(block.values)} numbers in `Port Impedance`; possible: {2 * ports} for {ports} ports"
    raise fault(block.line, text)


def _by_frequency(found: Scan, ports: int, points: int) -> Complex | None:
    """Impedances [frequencies, ports] of `Port Impedance` comments."""
    comments = found.comments
    blocks = [block for block in comments.blocks if block.values]
    if not blocks:
        return None
    if len(blocks) == 1:
        return np.broadcast_to(np.array(_block(blocks[0], ports, comments.terminal)), (points, ports)).copy()
    if len(blocks) != points:
        text = f"{len(blocks)} `Port Impedance` comments for {points} frequencies"
        raise fault(blocks[min(points, len(blocks) - 1)].line, text)
    return np.array([_block(block, ports, comments.terminal) for block in blocks])


def _by_port(comments: Comments, ports: int, otherwise: Complex) -> Complex | None:
    """Impedances [ports] of comments that name them port by port; others as in the option line."""
    named = {port: z for port, z in comments.named[1].items() if 1 <= port <= ports}
    if not named:
        return None
    return np.array([named.get(port + 1, otherwise[port]) for port in range(ports)])


def _checked(z0: Complex, waves: Waves, line: int) -> None:
    if not np.isfinite(z0).all() or not np.abs(z0).min() > 0 or z0.real.min() < 0:
        raise fault(line, "reference impedances must not be zero, negative or infinite (`Port Impedance`)")
    if waves != "traveling" and not z0.real.min() > 0:
        raise fault(line, "reference impedances must have a positive real part (`Port Impedance`)")


def _chosen(words: str, found: Complex, other: Complex) -> None:
    """Warn that impedances had to be chosen: what was found first, and what else stands or is taken."""
    first, second = (abs(complex(np.ravel(z)[0])) for z in (found, other))
    warn(CODE, words, first, second, "Ohm")


def _far(a: Complex | Array, b: Complex | Array) -> bool:
    return bool(np.any(np.abs(a - b) > CLOSE * np.abs(b)))


def reference(found: Scan, ports: int, points: int) -> tuple[Complex, Waves]:
    """Impedances [frequencies, ports] of S and what its waves are; warns where one was chosen. InputError."""
    options, comments = found.options, found.comments
    stated = found.keywords.reference(ports)
    option = _option(options, ports)
    waves: Waves = comments.waves or ("traveling" if comments.blocks else "power")  # type: ignore[assignment]
    own = np.array(stated, complex) if len(stated) != 1 else np.full(ports, complex(stated[0]))
    if len(stated) == 1 < ports:
        _chosen(f"[Reference] names one impedance: taken for all {ports} ports", own, own)
    by_frequency, by_port = _by_frequency(found, ports, points), _by_port(comments, ports, option)
    in_comments = by_frequency if by_frequency is not None else by_port
    if stated:
        if in_comments is not None and _far(in_comments, own):
            _chosen("comments name other port impedances than [Reference], which is taken", in_comments, own)
        in_comments = None
    z0 = np.broadcast_to(own if stated else option, (points, ports)).astype(complex)
    if in_comments is not None:
        line = comments.blocks[0].line if by_frequency is not None else comments.named[0]
        if options.resistance and _far(in_comments, option):
            every = np.broadcast_to(in_comments, (points, ports))
            row, port = np.argwhere(np.abs(every - option) > CLOSE * np.abs(option))[0]
            words = (
                f"line {line}: comments give port impedances ({_ohm(complex(every[row, port]))} ohm at port {port + 1} "
                f"first), the option line {_ohm(complex(option[port]))} ohm; those of the comments are taken"
            )
            _chosen(words, in_comments, option)
        z0 = np.broadcast_to(in_comments, (points, ports)).astype(complex)
        _checked(z0, waves, line)
    elif not stated:
        _warn_unknown(options, comments, option)
        if comments.whole and not options.resistance:
            z0 = np.full((points, ports), comments.whole[1])
            _checked(z0, waves, comments.whole[0])
    _warn_other(comments, z0, ports)
    if np.any(z0.imag) and not np.all(z0.real > 0) and waves == "power":
        raise InputError("reference impedances must have a positive real part")
    return z0, waves


def _warn_other(comments: Comments, z0: Complex, ports: int) -> None:
    """Warn where a comment names an impedance that is not used, of its port or, where it names none, of any port.

    What was said of the choice between the option line and comments is not said again.
    """
    if any(warned.code == CODE for warned in given()):
        return
    for line, (port, value) in comments.words:
        used = z0[0, port - 1 : port] if 1 <= port <= ports else z0[0]
        if np.all(np.abs(used - value) > CLOSE * abs(value)):
            of = f"port {port}" if port else "the ports"
            words = f"the comment in line {line} gives {of} {_ohm(value)} ohm; {_ohm(complex(used[0]))} ohm is taken"
            _chosen(words, np.array(value), used)
            return


def _warn_unknown(options: Options, comments: Comments, option: Complex) -> None:
    """Warn where nothing but the option line, or its default, tells the impedance."""
    taken = f"{_ohm(complex(option[0]))} ohm of the option line taken" if options.resistance else "50 ohm taken"
    if comments.unnormalised:
        line, words = comments.unnormalised
        _chosen(f"line {line} says {words!r}, and no comment gives the port impedances: {taken}", option, option)
    elif options.bare:
        _chosen(f"line {options.line}: R without a number: 50 ohm taken", option, option)
    if comments.whole:
        line, z = comments.whole
        if not options.resistance and _far(np.array(z), option):
            words = f"the option line gives no R: {_ohm(z)} ohm of the comment in line {line} taken"
            _chosen(words, np.array(z), option)
        elif options.resistance and _far(option, np.array(z)):
            words = f"the comment in line {line} says {_ohm(z)} ohm, the option line {_ohm(complex(option[0]))} ohm"
            _chosen(f"{words}, which is taken", np.array(z), option)
