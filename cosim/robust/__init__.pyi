from .fault_study import FaultRun as FaultRun
from .fault_study import fault_curves as fault_curves
from .fault_study import run_faults as run_faults
from .refit import refitted as refitted
