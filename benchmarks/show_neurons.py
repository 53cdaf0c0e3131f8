"""Show oscillator neurons (topic: neurons): layers cascaded in one netlist, every claim recomputed, with its bar.

    python benchmarks/show_neurons.py            # all of it, half an hour on two idle cores
    python benchmarks/show_neurons.py --quick    # what ends within a minute

Prints what, figure, bar and "holds" or "FALLS SHORT", then measurements without a bar; exit status 1 if any falls
short. Nothing is stored between runs.
"""

from _show import run_parts

PARTS = ("transient", "time", "mnist")

if __name__ == "__main__":
    run_parts(str(__doc__), "_neurons_", PARTS, "numpy", "scipy", "onnx", "onnxruntime")
