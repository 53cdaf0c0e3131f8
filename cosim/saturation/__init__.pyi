from .accuracy import SaturatingAccuracy as SaturatingAccuracy
from .accuracy import at_power as at_power
from .accuracy import saturating_accuracy as saturating_accuracy
from .data_fit import DataFit as DataFit
from .data_fit import fit_on_data as fit_on_data
from .fit import FitOptions as FitOptions
from .held import SaturatingWeights as SaturatingWeights
from .held import saturating_weights as saturating_weights
