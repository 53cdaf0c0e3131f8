"""One tree at work, for `_house_numbers`: what it makes of each job, whichever of two trees it is.

Every deck is caught where it is made, whatever made it, or read where it is written, so one list of jobs serves both
trees; what moved between them is in `MOVED`. Nothing of `resonet` is imported before it is asked for.
"""

import importlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Probe"]

# Name -> module of the earlier tree and of this one, below `resonet.`.
MOVED = {
    "Deck": ("netlist.deck", "netlist.spice.deck"),
    "compile_cnn": ("netlist.design", "netlist.design.design"),
    "read_parameters": ("netlist.design", "netlist.design.parameters"),
    "read_images": ("netlist.images", "netlist.network.images"),
    "write_design": ("netlist.folder", "netlist.design.folder"),
    "effective_weights": ("cosim.effective", "cosim.weights.effective"),
    "ENGINES": ("cosim.engines", "cosim.weights.engines"),
    "accuracy": ("cosim.inference", "cosim.weights.inference"),
    "run_deck": ("cosim.ngspice", "cosim.ngspice.run"),
    "transient": ("cosim.referee", "cosim.referee.chain"),
    "three_tones": ("cosim.mixing_check", "cosim.referee.mixing"),
    "device_check": ("cosim.device_check", "cosim.referee.device"),
    "SpiceChip": ("cosim.simulated_chips", "cosim.bench.simulated_chips"),
    "Voltmeter": ("cosim.simulated_chips", "cosim.bench.simulated_chips"),
    "SpinDiode": ("models.resonator", "models.resonator.linear"),
    "examine": ("cli.doctor", "cli.doctor"),
    "parallel_hardware": ("cosim.hardware", "cosim.cascade.hardware"),
    "cascade": ("cosim.cascade", "cosim.cascade.two_pass"),
    "pixel_tones": ("cosim.cascade", "cosim.cascade.two_pass"),
    "envelope": ("cosim.envelope", "cosim.cascade.envelopes"),
    "cascade_timing": ("cosim.cascade_transient", "cosim.cascade.transient"),
    "cascade_deck": ("netlist.cascade_deck", "netlist.cascade.deck"),
    "CrossbarArray": ("models.crossbar", "models.circuit.crossbar"),
    "crossbar_weights": ("cosim.crossbar", "cosim.crossbar.crossbar"),
    "crossbar_forward": ("cosim.crossbar", "cosim.weights.inference"),
    "first_array": ("cosim.crossbar", "cosim.crossbar.crossbar"),
    "crossbar_deck": ("netlist.crossbar_deck", "netlist.crossbar.deck"),
    "layer_usage": ("netlist.usage", "netlist.strip.usage"),
    "wired_usage": ("netlist.usage", "netlist.strip.usage"),
    "place": ("netlist.placement", "netlist.strip.placement"),
    "strip_program": ("netlist.strip_drive", "netlist.strip.drive"),
    "extract_parasitics": ("netlist.parasitics", "netlist.strip.parasitics"),
    "strip_circuit": ("netlist.strip_circuit", "netlist.strip.circuit"),
    "strip_response": ("cosim.strip_engine", "cosim.strip.engine"),
    "strip_dc_pass": ("cosim.strip_transient", "cosim.strip.transient"),
    "strip_transient": ("cosim.strip_transient", "cosim.strip.transient"),
    "EXACT": ("cosim.strip_sweep", "cosim.strip.tree_solver"),
    "solve_layer_windows": ("cosim.strip_layer", "cosim.strip.layer"),
    "solve_shared": ("netlist.sharing", "netlist.programming.sharing"),
    "strip_weights": ("cosim.strip_layer", "cosim.strip.layer"),
    "design_block": ("sparams.window", "sparams.window"),
    "extract": ("sparams.extract", "sparams.extract"),
    "block_deck": ("sparams.deck", "sparams.deck"),
    "RowOfLines": ("sparams.build", "sparams.build"),
    "Stand": ("sparams.build", "sparams.build"),
    "row_block": ("sparams.build", "sparams.build"),
    "line_block": ("sparams.build", "sparams.build"),
    "BusCircuit": ("models.bus", "models.circuit.bus"),
    "RlcLine": ("models.lines", "models.line.lines"),
}


class _Dry(Exception):
    """A deck was made that is not to be run."""


RENAMED = {"crossbar_forward": "forward"}  # one law of a layer now serves all hardware


class Probe:
    """One tree at work: what it makes of each job, by name."""

    def __init__(self, earlier: bool, folder: Path, quick: bool) -> None:
        self._earlier, self._folder, self.quick = earlier, folder, quick
        self.numbers: dict[str, NDArray[Any]] = {}
        self.decks: dict[str, int] = {}
        self._job, self._dry, self._written = "", False, False
        kind, begin = self.get("Deck"), self.get("Deck").__init__

        def caught(deck: Any, name: str, text: str) -> None:
            begin(deck, name, text)
            if not self._written:
                self._keep(name, text)

        kind.__init__ = caught

    def get(self, name: str) -> Any:
        """What that name stands for in this tree."""
        module = MOVED[name][0 if self._earlier else 1]
        found = importlib.import_module(f"resonet.{module}")
        if name == "device_check":
            return found
        return getattr(found, name if self._earlier else RENAMED.get(name, name))

    def results_of(self, name: str, used_by: str) -> list[Any]:
        """A list that gets every result of one function of those that the module of another calls."""
        work, results = self.get(name), list[Any]()

        def kept(*arguments: Any) -> Any:
            results.append(work(*arguments))
            return results[-1]

        setattr(sys.modules[self.get(used_by).__module__], name, kept)
        return results

    def _keep(self, name: str, text: str) -> None:
        job = f"{self._job}/{name}"
        self.decks[job] = self.decks.get(job, 0) + 1
        path = self._folder / f"{job.replace('/', '__')}__{self.decks[job]}.cir"
        path.write_text(text, encoding="utf-8")
        if self._dry:
            raise _Dry

    def note(self, name: str, values: Any) -> None:
        """Keep numbers, real or complex."""
        self.numbers[f"{self._job}/{name}"] = np.asarray(values)

    @contextmanager
    def written(self, name: str) -> Iterator[Path]:
        """A folder for what a job writes; its decks, in folders by program, are the job's."""
        with self.job(name), tempfile.TemporaryDirectory() as scratch:
            self._written = True
            yield Path(scratch)
            self._written = False
            for path in sorted(Path(scratch).rglob("*.cir")):
                self._keep(f"{path.parent.name}/{path.stem}", path.read_text(encoding="utf-8"))

    @contextmanager
    def job(self, name: str, dry: bool = False) -> Iterator[None]:
        """Decks made in here belong to that job; `dry` ones are not run."""
        self._job, self._dry = name, dry
        with suppress(_Dry):
            yield
        self._dry = False
