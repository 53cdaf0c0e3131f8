"""S-parameters of a layer's blocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from resonet.api.inputs import DesignOrFolder, PathText, as_design, one_of, refuse, whole
from resonet.core.tabled import Table, Tabled
from resonet.core.watching import Progress, unwatched

if TYPE_CHECKING:
    from pandas import DataFrame
    from skrf import Network
    from xarray import Dataset

    from resonet.sparams.build import Stand
    from resonet.sparams.extract import Engine
    from resonet.sparams.measured import FittedPart
    from resonet.sparams.request import Options, SolvedBlock
    from resonet.sparams.window import Kind

__all__ = ["SParameters", "sparameters"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SParameters(Tabled):
    """S-parameters of a block; S[i, j] is into port i, out of a wave at port j."""

    options: "Options"
    solved: "SolvedBlock"
    stand: "Stand"
    parts: "tuple[FittedPart, ...]"  # measured ones that stand in it

    def to_skrf(self, unbiased: bool = False) -> "Network":
        """The network, s [frequencies, ports, ports], f in Hz; `unbiased`: of a chain under bias the same without."""
        network = self.solved.unbiased if unbiased else self.solved.network
        return network.copy()

    def to_xarray(self) -> "Dataset":
        """`s` (frequency, into, out_of), complex, and `z0` (frequency, into), ohm; frequency in Hz, ports by name."""
        import numpy as np
        import xarray as xr

        network, names = self.solved.network, np.array(self.solved.block.port_names, np.str_)
        data = {
            "s": (("frequency", "into", "out_of"), network.s, {"units": "1", "long_name": "S-parameters"}),
            "z0": (("frequency", "into"), network.z0, {"units": "ohm", "long_name": "reference impedance"}),
        }
        at = {"frequency": ("frequency", network.f, {"units": "Hz"}), "into": names, "out_of": names}
        return xr.Dataset(data, coords=at, attrs={"title": network.name, "engine": self.solved.engine})

    def to_pandas(self) -> "DataFrame":
        """Of a chain, a row a channel: channel and resonance in Hz, |S21| and |S11| in dB at the nearest frequency."""
        import pandas as pd

        return pd.DataFrame(self.solved.rows, columns=["channel_hz", "resonance_hz", "s21_db", "s11_db"])

    @property
    def table(self) -> Table:
        """Ports and frequencies, and of a chain its channels."""
        network = self.solved.network
        rows = [
            (f"{f / 1e9:.4f}", f"{f_res / 1e9:.4f}", f"{s21:.3f}", f"{s11:.2f}")
            for f, f_res, s21, s11 in self.solved.rows
        ]
        names = ("channel GHz", "resonance GHz", "|S21| dB", "|S11| dB") if rows else ()
        span = f"{network.f[0] / 1e9:.3g} ... {network.f[-1] / 1e9:.3g} GHz"
        ports = ", ".join(self.solved.block.port_names)
        title = f"{network.name}: ports {ports}; {len(network.f):,} frequencies, {span}; by {self.solved.engine}"
        return Table(title, names, rows, self.solved.notes)


def _impedances(z0: float | str | Mapping[str, float | str] | None) -> tuple[str, ...]:
    if z0 is None:
        return ()
    return tuple(f"{name}={value}" for name, value in z0.items()) if isinstance(z0, Mapping) else (str(z0),)


def sparameters(
    design: DesignOrFolder,
    layer: str,
    *,
    block: "Kind" = "chain",
    chain: int = 0,
    bus: str | None = None,
    bias: float | str = 0.0,
    program: Literal["formula", "coupled", "calibrated"] | None = None,
    engine: "Engine | None" = None,
    ports: Sequence[str] = (),
    z0: float | str | Mapping[str, float | str] | None = None,
    start: float | str | None = None,
    stop: float | str | None = None,
    points: int = 1000,
    parts: Mapping[str, PathText] | None = None,
    passive_tolerance: float | str = 0.1,
    progress: Progress = unwatched,
) -> SParameters:
    """S-parameters of a chain (two-port), a whole `bus`, its `combiner` or a bias `tee` of a layer.

    `bias`: DC current, A, of the chain or of every chain of a bus; `z0`: ohm, of all ports or by port; `ports`: in this
    order (default: all); frequencies from `start` to `stop`, Hz, `points` a decade, refined where they miss a
    resonance. Numbers are SI, text has a unit ("5 uA", "75 Ohm"). `parts`: Touchstone files of measured parts by kind
    (tee, combiner, line, package), with gain of `passive_tolerance`, dB, explained. `engine`: linear, ngspice,
    scikit-rf (default: ngspice up to 5 ports); `program`: default calibrated, where
    there is one. Raises InputError, EngineError.

    >>> found = rn.sparameters(rn.load(build), "conv1", engine="linear", points=200)
    >>> found.to_skrf().nports, bool((abs(found.to_skrf().s) <= 1 + 1e-9).all())
    (2, True)
    """
    from resonet.cosim.feed.feeds import best_program
    from resonet.sparams.measured import STEPS
    from resonet.sparams.request import Options, Units, check_parts, layer_parts, solve_block

    one_of("block", block, ("chain", "bus", "combiner", "tee"))
    points, chain = whole("points", points, 1, 1_000_000), whole("chain", chain, 0)
    given, words = as_design(design), tuple(f"{kind}={Path(file)}" for kind, file in (parts or {}).items())
    current, tolerance = Units.si("bias", bias), Units.si("tolerance", passive_tolerance)
    refuse("chain", chain != 0 and block != "chain", 'with block="chain"')
    refuse("bias", current != 0 and block not in ("chain", "bus"), 'with block="chain" or block="bus"')
    refuse("passive_tolerance", passive_tolerance != 0.1 and not words, "with parts")
    ends = tuple(None if value is None else Units.si(name, value) for name, value in (("start", start), ("stop", stop)))
    held = check_parts(words, block, False)
    method = best_program(given, program)
    options = Options(layer, method, block, bus, chain, current, engine, tuple(ports), _impedances(z0), parts=held)
    with progress("fit measured parts", STEPS * len(words)) as done:
        stand, fitted = layer_parts(given, layer, bus, words, tolerance, done)
    solved = solve_block(given, options, stand, (ends[0], ends[1], points))
    return SParameters(options, solved, stand, tuple(fitted))
