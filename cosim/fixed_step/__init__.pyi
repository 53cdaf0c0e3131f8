from .readings import Readings as Readings
from .transients import TransientEngine as TransientEngine
from .transients import read_transient as read_transient
