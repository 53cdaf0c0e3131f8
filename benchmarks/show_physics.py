"""Show whole networks with real resonators and real noise (topic: physics): each part against its bar.

    python benchmarks/show_physics.py            # all of it
    python benchmarks/show_physics.py --quick    # what ends within a minute

Prints what, figure, bar and "holds" or "FALLS SHORT", then measurements without a bar; exit status 1 if any falls
short. Nothing is stored between runs.
"""

from _show import run_parts

# One a line: `claims(quick)` of the file _physics_<part>.py.
PARTS = (
    "network_noise",
    "precession",
    "saturation",
    "saturating_networks",
    "operate",
    "training",
    "rf",
    "strip",
)  # fmt: skip

if __name__ == "__main__":
    run_parts(str(__doc__), "_physics_", PARTS, "numpy", "scipy")
