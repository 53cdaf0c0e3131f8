"""Show that any trained CNN that the hardware can hold is read and held (topic: networks).

    python benchmarks/show_networks.py            # all of it, a quarter of an hour
    python benchmarks/show_networks.py --quick    # what ends within a minute or so, on fewer cases

Prints what, figure, bar and "holds" or "FALLS SHORT"; exit status 1 if any falls short. Networks of others are those in
../shared/cases/onnx, beside the checkout, or in RESONET_CASES. All test images of Fashion-MNIST come from the folder
RESONET_FASHION with the IDX files, or from Debian's package dataset-fashion-mnist, installed or fetched.
"""

from _show import run_parts

PARTS = ("cases", "examples", "cascade", "scales", "fuzz")

if __name__ == "__main__":
    run_parts(str(__doc__), "_networks_", PARTS, "numpy", "onnx", "onnxruntime", "networkx")
