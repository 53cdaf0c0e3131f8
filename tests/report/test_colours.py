"""The colours stay apart for people without green cones too: Machado, Oliveira and Fernandes 2009, severity 1."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from resonet.report import style

DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)  # of linear RGB
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)  # of linear sRGB, IEC 61966-2-1
APART = 20.0  # CIE 1976 ΔE; 2.3 is just noticeable between large patches, lines are thin
NAMES = ("FORMULA", "COUPLED", "CALIBRATED", "SHARED", "AGGRESSOR", "SOFTWARE", "MUTED")


def lab(colour: str, seen: np.ndarray) -> np.ndarray:
    """CIE Lab of an sRGB colour, white sRGB's, after a matrix on linear RGB."""
    c = np.array(to_rgb(colour))
    linear = np.clip(seen @ np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4), 0, 1)
    t = XYZ @ linear / XYZ.sum(1)
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def apart(a: str, b: str, seen: np.ndarray) -> float:
    return float(np.linalg.norm(lab(a, seen) - lab(b, seen)))


def test_lab_is_right():
    """White, black, and the published red of sRGB."""
    assert lab("#ffffff", np.eye(3)) == pytest.approx([100, 0, 0], abs=1e-3)
    assert lab("#000000", np.eye(3)) == pytest.approx([0, 0, 0], abs=1e-9)
    assert lab("#ff0000", np.eye(3)) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    assert DEUTERANOPIA.sum(1) == pytest.approx(1, abs=1e-5)  # greys stay greys


@pytest.mark.parametrize(("a", "b"), list(combinations(NAMES, 2)))
def test_any_two_colours_are_apart(a, b):
    for seen in (np.eye(3), DEUTERANOPIA):
        assert apart(getattr(style, a), getattr(style, b), seen) > APART


def test_programs_differ_by_mark_and_dash_too():
    for looks in (style.COLOURS, style.MARKS, style.DASHES):
        assert len(set(looks.values())) == len(looks) == 4
