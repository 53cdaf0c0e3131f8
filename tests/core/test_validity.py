"""Warnings of validity are collected once each, or become Python's own."""

import pytest

from resonet.core.validity import CODES, ValidityWarning, Warned, collected, warn


def test_warnings_are_collected_in_order_each_once():
    with collected() as outer:
        warn("tone-power", "layer conv1", 2e-9, 1e-9, "W")
        with collected() as inner:
            warn("fit-residual", "curve.csv", 0.7, 0.9)
        warn("tone-power", "layer conv1", 2e-9, 1e-9, "W")
        warn("tone-power", "layer conv2", 2e-9, 1e-9, "W")
    assert outer == [Warned("tone-power", f"layer conv{n}", 2e-9, 1e-9, "W") for n in (1, 2)]
    assert [warned.code for warned in inner] == ["fit-residual"]


def test_a_warning_that_nobody_collects_is_pythons():
    with pytest.warns(ValidityWarning, match="tone-power: layer conv1"):
        warn("tone-power", "layer conv1", 2e-9, 1e-9, "W")


def test_a_code_must_be_known():
    with pytest.raises(KeyError):
        warn("nonsense", "", 1, 0)
    assert all(code == code.lower() and " " not in code for code in CODES)
