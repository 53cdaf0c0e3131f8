from .chain import TransientResult as TransientResult
from .chain import transient as transient
from .device import current_points as current_points
from .device import impedance_points as impedance_points
from .mixing import three_tones as three_tones
