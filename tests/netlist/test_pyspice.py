"""The hand-over to PySpice gives the same circuit, run in process by libngspice."""

import subprocess
import sys

import numpy as np
import pytest

from resonet.cosim.ngspice.run import run_deck
from resonet.netlist.bus.deck import rf_deck
from resonet.netlist.bus.linear_chain import PRECESSION, SENSE

# In a process of its own: PySpice loads libngspice, changes the locale and warns about versions.
SCRIPT = """
import logging, pathlib, sys
import numpy as np
logging.disable(logging.WARNING)
from resonet.cosim.ngspice.in_process import in_process_ngspice
from resonet.netlist import compile_cnn
from resonet.netlist.bus.deck import rf_deck
from resonet.netlist.spice.pyspice import to_pyspice
model, folder, sweep = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
circuit = to_pyspice(rf_deck(compile_cnn(model).hardware("conv1", "coupled")[0]), folder / "lib")
engine = in_process_ngspice()
engine.load_circuit(str(circuit) + f".{sweep}\\n.end\\n")
engine.run()
plot = engine.plot(None, engine.last_plot)
np.savez(folder / "out.npz", **{name: np.asarray(wave.to_waveform()) for name, wave in plot.items()})
print((float(circuit["L2_3"].inductance) * float(circuit["C2_3"].capacitance)) ** -0.5 / (2 * np.pi))
"""


@pytest.mark.parametrize("name", ["plain", "a b;c'd"])
def test_the_pyspice_circuit_is_the_deck(small_model, small_design, tmp_path, name, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    (home / ".spiceinit").write_text("set temp=400\nquit\n")
    tmp_path = tmp_path / name
    tmp_path.mkdir()
    monkeypatch.setenv("HOME", str(home))
    if name != "plain":
        monkeypatch.delenv("HOME")
    deck = rf_deck(small_design.hardware("conv1", "coupled")[0])
    sweep = next(line for line in deck.text.splitlines() if line.startswith("ac dec "))
    command = [sys.executable, "-c", SCRIPT, str(small_model), str(tmp_path), sweep]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    f_res = small_design.programs["coupled"].layers[0].f_res[0][2, 3]
    assert abs(float(done.stdout.split()[-1]) / f_res - 1) < 1e-12
    batch = run_deck(deck)[0]
    with np.load(tmp_path / "out.npz") as found:
        for j, k in ((0, 0), (3, 8), (1, 4)):
            for ours, theirs in ((PRECESSION, "l{j}_{k}#branch"), (SENSE, "v{j}_{k}#branch")):
                names = (name.format(j=j, k=k) for name in (theirs, ours))
                assert np.allclose(found[next(names)], batch.columns([next(names)])[:, 0], rtol=1e-9, atol=0)
