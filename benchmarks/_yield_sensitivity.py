"""Which spread matters: Sobol's indices and linear response; the loosest spreads that keep a yield."""

import tempfile
from pathlib import Path

import numpy as np
from _show import info, show

from resonet.cosim.calibration.chip_tuning import TuningOptions
from resonet.cosim.robust.sensitivity import SensitivityRun, rank_sources, run_sensitivity, sobol_indices
from resonet.cosim.robust.tolerances import ToleranceRun, rows_of, run_tolerances, tolerated
from resonet.netlist.chips.spread import SpreadOptions
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import write_design

__all__ = ["claims"]

EXAMPLES = Path(__file__).parents[1] / "examples"
DIGITS, MNIST = EXAMPLES / "digits", EXAMPLES / "mnist"
PARTS = np.array([3.0, 2.0, 1.0, 0.5])


def _additive() -> None:
    """A model whose indices are known."""
    a, b = np.random.default_rng(3).standard_normal((2, 4096, len(PARTS)))
    columns = [a @ PARTS]
    for n in range(len(PARTS)):
        changed = a.copy()
        changed[:, n] = b[:, n]
        columns.append(changed @ PARTS)
    found = sobol_indices(np.stack([*columns, b @ PARTS], 1), [f"x{n}" for n in range(len(PARTS))]) or []
    shares = PARTS**2 / (PARTS**2).sum()
    off = max(abs(one.first - share) / one.first_within for one, share in zip(found, shares, strict=True))
    show("additive model, 4 inputs: first indices off variance shares", f"{off:.2f} of their 95 %", "<= 2", off <= 2)


def _ranked(name: str, folder: Path, data: Path, run: SensitivityRun, bar: bool) -> None:
    _, outcomes = run_sensitivity(run, folder, 2)
    rows = rank_sources(run, outcomes)
    for one in rows:
        told = [f"{one.linear:.3f}"]
        for result in ("output", "output_error", "accuracy"):
            found = one.indices.get(result)
            told.append("-" if found is None else f"{found.first:.2f}/{found.total:.2f}")
        info(f"{name}, {one.source.name}: linear share; first/total of {data.stem}", "; ".join(told))
    if bar:
        off = max(
            abs(one.indices["output"].first - one.linear_output)
            / (one.indices["output"].first_within + 2 * np.sqrt(2 / run.samples) * one.linear_output)
            for one in rows
        )
        label = f"  {name}: first indices off linear response, by what both leave open"
        show(label, f"{off:.2f}", "<= 1.5", off <= 1.5)


def _small(folder: Path, data: Path, quick: bool) -> None:
    spread = SpreadOptions(f_res=2e-5, resistance=1e-3, damping=1e-3)
    run = SensitivityRun(source=str(folder), data=str(data), spread=spread, samples=64 if quick else 256, images=60)
    _ranked("digits, small spreads", folder, data, run, True)


def _table(folder: Path, data: Path) -> None:
    """What keeps a yield on the digits network."""
    run = ToleranceRun(
        source=str(folder),
        data=str(data),
        samples=20,
        accuracy=0.95,
        target=0.9,
        spread=SpreadOptions(f_res=0.003, resistance=0.05),
        tuning=TuningOptions(4.0),
    )
    _, outcomes = run_tolerances(run, folder, 2)
    rows = tolerated(outcomes)
    for one in rows:
        value = "none" if one.value is None else f"{one.value:.4g}"
        told = f"{value}; {one.passed} of {one.chips}, {100 * one.low:.0f} ... {100 * one.high:.0f} %"
        info(f"digits, 95 % by 90 % of the chips: {one.what}", told)
    kept = all(one.value is None or one.passed >= run.needed for one in rows)
    show(
        f"  {len(rows_of(run))} rows: enough chips pass at every value",
        str(kept),
        "True",
        kept and len(rows) == len(rows_of(run)),
    )


def claims(quick: bool) -> None:
    """Print all claims; `quick` takes fewer pairs, and leaves out MNIST."""
    _additive()
    with tempfile.TemporaryDirectory() as name:
        folder, data = Path(name) / "digits", DIGITS / "digits_test.npz"
        write_design(compile_cnn(DIGITS / "digits_relu.onnx"), DIGITS / "digits_relu.onnx", folder)
        _small(folder, data, quick)
        _table(folder, data)
        if quick:
            return
        folder = Path(name) / "mnist"
        write_design(compile_cnn(MNIST / "mnist.onnx"), MNIST / "mnist.onnx", folder)
        run = SensitivityRun(
            source=str(folder),
            data=str(MNIST / "mnist_test.npz"),
            spread=SpreadOptions(f_res=1e-4, resistance=0.01, damping=0.01, tone_level=0.01),
            samples=48,
            images=500,
        )
        _ranked("MNIST", folder, MNIST / "mnist_test.npz", run, False)
