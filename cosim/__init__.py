"""Engines run on decks: RF pass, rectification, DC pass, effective weights, images through the circuit, transient."""

from resonet.cosim.calibration import calibrate
from resonet.cosim.effective import effective_weights
from resonet.cosim.inference import accuracy, forward
from resonet.cosim.ngspice import EngineError
from resonet.cosim.passes import dc_pass, rectify, rf_pass
from resonet.cosim.referee import transient

__all__ = [
    "EngineError",
    "accuracy",
    "calibrate",
    "dc_pass",
    "effective_weights",
    "forward",
    "rectify",
    "rf_pass",
    "transient",
]
