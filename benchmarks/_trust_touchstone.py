"""Part of show_trust.py: the Touchstone files that come with scikit-rf, against scikit-rf."""

import warnings
from pathlib import Path

import numpy as np
import skrf
from _show import info, show

from resonet.core.errors import InputError
from resonet.core.touchstone import read
from resonet.core.validity import collected

ENDINGS = ("*.s[0-9]p", "*.s[0-9][0-9]p", "*.ts")


def claims(quick: bool) -> None:
    """Print the claims."""
    files = sorted({path for ending in ENDINGS for path in Path(skrf.__file__).parent.rglob(ending)})
    equal, refused, other = 0, [], []
    for path in files:
        try:
            with collected():
                ours = read(path)
        except InputError as error:
            refused.append(f"{path.name}: {str(error).removeprefix(f'{path}: ')}")
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = skrf.Network(str(path))
        same = ours.s.shape == theirs.s.shape and np.allclose(ours.f, theirs.f, rtol=1e-12)
        same = same and np.allclose(ours.s, theirs.s, rtol=0, atol=1e-9) and np.allclose(ours.z0, theirs.z0, rtol=1e-9)
        equal += same
        other += [] if same else [path.name]
    show(f"{len(files)} Touchstone files of scikit-rf: read otherwise than scikit-rf", str(len(other)), "0", not other)
    info("  read the same, S, f and port impedances", str(equal))
    for line in refused:
        info(f"  refused: {line}"[:150], "")
