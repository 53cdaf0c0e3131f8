"""Compiled transients against ngspice: chains, and the whole digit network; same decks, same time points.

Times are of the processor, ngspice's with its parsing, ours with everything from the deck's text on; the compiled code
is loaded before the clock starts, and what compiling it costs is printed.
"""

import os
import resource
import subprocess
import sys
import tempfile

import numpy as np
from _neurons_networks import MNIST, digits
from _show import info, show

from resonet.core.types import Array
from resonet.cosim.cascade.transient import cascade_timing
from resonet.cosim.cascade.two_pass import pixel_tones
from resonet.cosim.fixed_step.readings import Readings
from resonet.cosim.fixed_step.transients import TransientEngine, read_transient
from resonet.cosim.referee.chain import transient
from resonet.netlist.cascade.deck import cascade_deck
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.spice.deck import Deck

__all__ = ["claims"]

TIMES = 3  # of the short runs
RUN = (  # n steps of a small circuit
    "from resonet.cosim.fixed_step.engine import fixed_step; from resonet.netlist.spice.deck import Deck; "
    "fixed_step(Deck('rc', f'*\\nv1 a 0 sin(0 1 1e9)\\nr1 a b 1k\\nc1 b 0 1e-12\\n.save v(b)\\n"
    ".tran 1e-11 {n * 1e-11!r} 0 1e-11\\n'), 1e-9)"
)


def _alone(code: str, *arguments: str, cache: str = "") -> float:
    """The number that some code prints in a process of its own; `cache`: folder of compiled code."""
    environment = os.environ | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    command = [sys.executable, "-c", code, *arguments]
    return float(subprocess.run(command, capture_output=True, check=True, text=True, env=environment).stdout)


def _processor() -> float:
    """Processor time of this process and of those that it has waited for, s."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _timed(deck: Deck, step: float, steps: int, window: float, engine: TransientEngine) -> tuple[float, Readings]:
    begin = _processor()
    found = read_transient(deck, step, steps, window, engine, 7200)
    return _processor() - begin, found


def _pair(deck: Deck, step: float, steps: int, window: float) -> tuple[float, float, Readings, Readings]:
    """Processor time of ngspice and ours, s, and what both give."""
    slow, wanted = _timed(deck, step, steps, window, "ngspice")
    runs = [_timed(deck, step, steps, window, "fixed_step") for _ in range(TIMES)]
    return slow, float(np.median([spent for spent, _ in runs])), wanted, runs[-1][1]


def _chain(design: Design, resonators: int, bar: bool) -> None:
    """One chain of conv1, tones of random powers."""
    powers = design.plan.options.p_max * np.random.default_rng(resonators).uniform(0, 1, resonators)
    result, deck = transient(design, "conv1", "coupled", powers, engine="fixed_step")
    steps = result.points - 8
    slow, fast, wanted, found = _pair(deck, result.dt, steps, result.window)
    what, ratio = f"chain of {resonators}, {steps:,} steps: ngspice over fixed_step", slow / fast
    if bar:
        show(what, f"{ratio:.1f}", ">= 20", ratio >= 20)
    else:
        info(what, f"{ratio:.1f}")
    info("  ngspice; fixed_step; of it a step", f"{slow:.2f} s; {fast:.3f} s; {1e6 * fast / steps:.2f} us")
    off = float(np.abs(found.means - wanted.means).max() / result.full_scale)
    show("  DC output, difference, of full scale", f"{off:.1e}", "<= 1e-6", off <= 1e-6)
    info("  at any point, of the largest value", f"{_apart(found.data, wanted.data):.1e}")
    info("  compiled steps against the whole system, of the largest", f"{found.checked:.1e}")


def _apart(found: Array, wanted: Array) -> float:
    """Largest difference, part of the largest value."""
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def _network(kind: str, stop: float) -> None:
    """The digit network, 684 resonators, one image."""
    hardware, images = digits(kind)
    levels, timing = hardware.levels, cascade_timing(hardware.levels, stop)
    tones = pixel_tones(levels.parallel, np.asarray(images.images[3:4], float))[0]
    deck = cascade_deck(levels, tones, timing, "network")
    steps = round(timing.stop / timing.step)
    read_transient(deck, timing.step, steps, stop / 3, "fixed_step")
    slow, fast, wanted, found = _pair(deck, timing.step, steps, stop / 3)
    what = f"digits, {kind.replace('_', ' ')}, {hardware.design.resonators} resonators, {steps:,} steps"
    info(f"{what}: ngspice over fixed_step", f"{slow / fast:.0f}")
    info("  ngspice; fixed_step", f"{slow:.1f} s; {fast:.2f} s")
    off = _apart(found.means, wanted.means)
    show("  readings, difference, of the largest", f"{off:.1e}", "<= 1e-6", off <= 1e-6)
    info("  at any point, of the largest value", f"{_apart(found.data, wanted.data):.1e}")


def _memory(steps: tuple[int, int]) -> None:
    """Peak memory of a short and of a long run of one circuit, each in a process of its own."""
    code = (
        "import resource, sys; n = int(sys.argv[1]); "
        f"{RUN}; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    peaks = [_alone(code, str(n)) for n in steps]
    more = peaks[1] - peaks[0]
    show(f"peak memory, {steps[1]:,} steps over {steps[0]:,}", f"{more:.0f} MiB", "<= 200 MiB", more <= 200)
    info("  both", f"{peaks[0]:.0f}, {peaks[1]:.0f} MiB")


def _compiling() -> None:
    """What the first run on a machine costs, and the first of a process."""
    code = f"import time; n = 200; b = time.process_time(); {RUN}; print(time.process_time() - b)"
    with tempfile.TemporaryDirectory() as folder:
        spent = [_alone(code, cache=folder) for _ in range(2)]
    info("first run on a machine, compiling; first of a process, loading", f"{spent[0]:.1f} s; {spent[1]:.2f} s")


def claims(quick: bool) -> None:
    """Print all claims; `quick` follows the networks for 20 ns instead of 100."""
    design = compile_cnn(MNIST / "mnist.onnx")
    _compiling()
    for resonators in (9, 25):
        _chain(design, resonators, resonators == 25)
    for kind in ("relu",) if quick else ("relu", "three_terminal"):
        _network(kind, 20e-9 if quick else 100e-9)
    _memory((200_000, 4_000_000) if quick else (200_000, 20_000_000))
