"""Show the main job: every claim about it, recomputed from scratch, with its bar.

    python benchmarks/show_main_job.py            # all of it, some minutes
    python benchmarks/show_main_job.py --quick    # what ends within a minute

Prints what, figure, bar and "holds" or "FALLS SHORT", then measurements without a bar; exit status 1 if any falls
short. Nothing is stored between runs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _show import header, info, show, stop

from resonet.cosim.feed.store import stored_effective_weights
from resonet.cosim.ngspice.run import find_ngspice, run_decks
from resonet.cosim.referee.chain import chain_bus, patch_powers, transient, two_pass_voltage
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import ngspice
from resonet.netlist.design.design import Design
from resonet.netlist.design.folder import load_design
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import read_images
from resonet.netlist.programming.methods import COMPILED

ROOT = Path(__file__).parent.parent
MNIST = ROOT / "examples" / "mnist"
RESONET = [sys.executable, "-m", "resonet.cli.main"]
LAYER_KEYS = {
    "name",
    "chains",
    "resonators",
    "channels",
    "rms_error_formula",
    "rms_error_coupled",
    "worst_aggressor_db",
}
ACCURACY_KEYS = {"software", "circuit_formula", "circuit_coupled", "images"}


def seconds(command: list[str], **options: object) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Wall time of a command, and how it ended."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    return time.perf_counter() - start, done


def demo(folder: Path) -> dict[str, object]:
    """Run the demo; its JSON."""
    took, done = seconds([*RESONET, "demo", "--json", "-o", str(folder)])
    if done.returncode != 0:
        print(done.stderr)
        sys.exit(1)
    result = json.loads(done.stdout)
    show("resonet demo, wall time", f"{took:.0f} s", "< 180 s", took < 180)
    keys = all(set(row) >= LAYER_KEYS for row in result["layers"]) and set(result["accuracy"]) >= ACCURACY_KEYS
    show("demo --json has the agreed keys", str(keys), "True", keys)
    for row in result["layers"]:
        formula, coupled = row["rms_error_formula"], row["rms_error_coupled"]
        size = f"{row['chains']} chains, {row['resonators']} resonators, {row['channels']} channels"
        info(f"{row['name']}: {size}", f"worst {row['worst_aggressor_db']:.1f} dB")
        show(
            f"{row['name']}: RMS weight error, coupled (formula {formula:.2%})",
            f"{coupled:.2%}",
            "< formula",
            coupled < formula,
        )
    accuracy = result["accuracy"]
    show(
        "software accuracy, 10,000 test images",
        f"{accuracy['software']:.2%}",
        ">= 99.00 %",
        accuracy["software"] >= 0.99,
    )
    show("  images", str(accuracy["images"]), "10000", accuracy["images"] == 10_000)
    info("circuit accuracy, formula", f"{accuracy['circuit_formula']:.2%}")
    info("circuit accuracy, coupled", f"{accuracy['circuit_coupled']:.2%}")
    for row in result["transient"]:
        off = row["difference_of_full_scale"]
        show(
            f"two-pass vs transient, {row['resonators']} resonators of conv1",
            f"{off:.4%}",
            "<= 0.5 %",
            abs(off) <= 0.005,
        )
    sizes = [row["resonators"] for row in result["transient"]]
    show("transient chains", str(sizes), "[9, 25]", sizes == [9, 25])
    return result


def second_opinion(folder: Path, result: dict[str, object]) -> None:
    """The demo's numbers by other means: closed forms for the weights, onnxruntime for the software."""
    import onnxruntime

    design = load_design(folder)
    data = read_images(MNIST / "mnist_test.npz", design.cnn.input_shape)
    worst = 0.0
    for method in COMPILED:
        for layer_name, weights in stored_effective_weights(folder, design, method).items():
            off = weights.values - effective_weights(design, layer_name, method, engine=ngspice).values
            worst = max(worst, float(np.abs(off).max() / np.abs(weights.trained).max()))
    show(
        "effective weights, closed form vs ngspice, of full scale",
        f"{worst:.1e}",
        "<= 1e-6",
        worst <= 1e-6,
    )
    for store in (folder / "results").glob("effective_*.nc"):
        store.unlink()
    again = {m: stored_effective_weights(folder, design, m) for m in COMPILED}
    rms = {row["name"]: row["rms_error_coupled"] for row in result["layers"]}  # type: ignore[attr-defined]
    same = all(abs(again["coupled"][name].rms_error - value) < 1e-12 for name, value in rms.items())
    show("weights come out of the engines: recomputed without the store", str(same), "equal", same)
    session = onnxruntime.InferenceSession(MNIST / "mnist.onnx", providers=["CPUExecutionProvider"])
    logits = np.concatenate(
        [session.run(None, {"image": data.images[n : n + 500].astype(np.float32)})[0] for n in range(0, 10_000, 500)]
    )
    off = float(np.abs(logits - propagate(design.cnn, data.images)).max())
    show("software logits, ours vs onnxruntime, largest difference", f"{off:.1e}", "<= 1e-4", off <= 1e-4)


def bare_decks(folder: Path, quick: bool) -> None:
    """Every deck with a bare `ngspice -b` in an empty folder."""
    decks = sorted(folder.glob("decks/*/*.cir"))
    chosen = [d for d in decks if not quick or ("_tran" not in d.name and d.name.startswith("conv1"))]
    bad = []
    for deck in chosen:
        with tempfile.TemporaryDirectory() as empty:
            _, done = seconds([find_ngspice(), "-b", str(deck)], cwd=empty)
            raw = Path(empty) / f"{deck.stem}.raw"
            fine = (
                done.returncode == 0 and raw.is_file() and "No. Points: 0" not in raw.read_text(errors="ignore")[:600]
            )
            bad += [] if fine and "rror" not in done.stderr else [deck.name]
    show(
        f"decks that run with a bare ngspice -b, of {len(chosen)} ({len(decks)} in all)",
        str(len(chosen) - len(bad)),
        "all",
        not bad,
    )


def bad_input(folder: Path) -> None:
    """One line, exit status 1, no folder left."""
    model = MNIST / "mnist.onnx"
    whole = model.read_bytes()
    cases: dict[str, bytes] = {
        "empty": b"",
        "truncated": whole[: len(whole) // 2],
        "not ONNX": b"hello, hardware",
        "unknown operator": whole.replace(b"Relu", b"Rely"),
    }
    bad = []
    for name, content in cases.items():
        path = folder / f"{name}.onnx"
        path.write_bytes(content)
        _, done = seconds([*RESONET, "compile", str(path), "-o", str(folder / "never")])
        lines = done.stderr.strip().splitlines()
        fine = done.returncode == 1 and len(lines) == 1 and path.name in lines[0] and not (folder / "never").exists()
        bad += [] if fine else [name]
    _, done = seconds([*RESONET, "accuracy", str(folder / "demo"), "--data", str(model)])
    bad += [] if done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1 else ["wrong data"]
    _, done = seconds([*RESONET, "doctor"], env={**os.environ, "RESONET_NGSPICE": "no-such-ngspice"})
    bad += [] if done.returncode == 1 and "apt-get install ngspice" in " ".join(done.stdout.split()) else ["no ngspice"]
    show(
        f"bad input: one line, exit 1, nothing half-written ({len(cases) + 2} cases)",
        ", ".join(bad) or "all",
        "all",
        not bad,
    )


def prewarps(design: Design) -> None:
    """What each pre-warp leaves, and what there is without."""
    images = read_images(MNIST / "mnist_calibration.npz", design.cnn.input_shape).images[:16]
    for size in (9, 25):
        powers = patch_powers(design, "conv1", images, size)
        for prewarp in ("tank", "none"):
            result, _ = transient(design, "conv1", "coupled", powers, prewarp=prewarp)  # type: ignore[arg-type]
            info(
                f"transient, {size} resonators, pre-warp {prewarp}, off by, of full scale",
                f"{result.difference_of_full_scale:.3%}",
            )


def power_range(design: Design) -> None:
    """How far the second-order method reaches: all tones at one power, relative to the chain's own output."""
    for size in (9, 25):
        for watts in (0.5e-9, 5e-9, 50e-9, 200e-9, 1e-6):
            powers = np.full(size, watts)
            result, _ = transient(design, "conv1", "coupled", powers)
            off = result.transient / result.two_pass - 1
            info(f"transient / two-pass - 1, {size} tones of {watts * 1e9:g} nW each", f"{off:.3%}")


def programs_cost(design: Design) -> None:
    """One `.ac` sweep against one analysis a channel, on the same deck."""
    from resonet.netlist.bus.deck import rf_deck
    from resonet.netlist.spice.deck import Deck

    deck = rf_deck(design.hardware("conv1", "coupled")[0])
    sweep = next(line for line in deck.text.splitlines() if line.startswith("ac dec"))
    channels = design.plan.layer("conv1").buses[0].frequencies
    single = "\n".join(f"ac lin 1 {float(f)!r} {float(f)!r}\nwrite {deck.raw}\nset appendwrite" for f in channels)
    slow = Deck(deck.name, deck.text.replace(f"{sweep}\nwrite {deck.raw}", single))
    took = {}
    for name, played_deck in (("sweep", deck), ("single", slow)):
        start = time.perf_counter()
        run_decks([played_deck], 1)
        took[name] = time.perf_counter() - start
    info("conv1 RF pass: one sweep against one .ac a channel, ratio", f"{took['single'] / took['sweep']:.0f} x")


def linearity(design: Design) -> None:
    """The two passes must be linear in the tone powers."""
    alone = chain_bus(design, "conv1", "coupled")
    a, b = np.random.default_rng(0).uniform(0, 50e-9, (2, 25))
    v = [two_pass_voltage(alone, p) for p in (a, b, a + b)]
    off = abs(v[2] - v[0] - v[1]) / abs(v[2])
    show("two-pass output is linear in the tone powers, relative", f"{off:.1e}", "<= 1e-9", off <= 1e-9)


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="what ends within a minute")
    quick = parser.parse_args().quick
    header("numpy", "scikit-rf", "onnx")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        result = demo(folder / "demo")
        steps: list[Callable[[], None]] = [
            lambda: second_opinion(folder / "demo", result),
            lambda: bare_decks(folder / "demo", quick),
            lambda: bad_input(folder),
        ]
        design = load_design(folder / "demo")
        steps.append(lambda: linearity(design))
        if not quick:
            steps += [lambda: programs_cost(design), lambda: prewarps(design), lambda: power_range(design)]
        for step in steps:
            step()
    if not quick:
        for target, limit in (("demo", 180), ("test", 300)):
            with tempfile.TemporaryDirectory() as temporary:
                arguments = {"demo": f"ARGS=-o {temporary}/demo", "test": ""}[target]
                took, done = seconds(["make", target, *filter(None, [arguments])], cwd=ROOT)
            show(
                f"make {target}, wall time after set-up",
                f"{took:.0f} s",
                f"< {limit} s",
                done.returncode == 0 and took < limit,
            )
    stop()


if __name__ == "__main__":
    main()
