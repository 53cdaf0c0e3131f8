"""Part of show_networks.py: a residual network in parallel hardware, from pixel tones to logits in one transient."""

import json
import tempfile
from pathlib import Path

import numpy as np
from _networks_data import EXAMPLES
from _networks_examples import run
from _show import info, show

__all__ = ["claims"]

DIGITS = EXAMPLES / "digits"
MODEL = DIGITS / "digits_residual.onnx"
IMAGES = (0,)  # a quarter of an hour each
RESONATORS, APART = 1500, 0.01  # at most; of the largest logit that the two passes give
STOP = "400 ns"  # the slowest layer has settled


def claims(quick: bool) -> None:
    """`resonet run` on the residual network: one ngspice deck against the two passes."""
    if not MODEL.is_file():
        show("residual network in one ngspice transient", "not there", f"{MODEL.name}", False)
        return
    with tempfile.TemporaryDirectory() as scratch:
        build = Path(scratch) / "residual"
        calibration = DIGITS / "digits_calibration.npz"
        made = run(
            "compile", MODEL, "--design", DIGITS / "design.toml", "--calibration", calibration, "-o", build, "--json"
        )
        rows = json.loads(made.out)["layers"]
        info("residual network: layers", ", ".join(row["name"] for row in rows))
        engines = "two-pass,envelope" if quick else "two-pass,envelope,transient"
        for image in IMAGES:
            found = json.loads(run("run", build, "--image", image, "--engine", engines, "--stop", STOP, "--json").out)
            counts = sum(stage["synapses"] for stage in found["energy"]["stages"])
            show(f"image {image}: resonators", f"{counts:,}", f"<= {RESONATORS:,}", counts <= RESONATORS)
            logits = {name: np.array(values) for name, values in found["logits"].items()}
            full = float(np.abs(logits["two-pass"]).max())
            off = {name: float(np.abs(values - logits["two-pass"]).max() / full) for name, values in logits.items()}
            info(
                f"image {image}: software and envelopes against two passes",
                f"{off['software']:.1e}, {off['envelope']:.1e}",
            )
            if "transient" in off:
                seconds = found["seconds"]["transient"]
                what = f"image {image}: one ngspice transient against two passes, {seconds:.0f} s"
                show(what, f"{100 * off['transient']:.2f} %", "<= 1 %", off["transient"] <= APART)
