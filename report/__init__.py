"""Figures of what was simulated, and the page of a design, which the package itself writes: `resonet.report(folder)`.

Of a package and a verb of one name Python would keep the one that was imported last, so this one is both.
"""

import sys
from types import ModuleType
from typing import Any


class _Report(ModuleType):
    """A package that can be called as `resonet.write_report`."""

    def __call__(self, *given: Any, **keywords: Any) -> Any:
        import resonet

        return resonet.write_report(*given, **keywords)


sys.modules[__name__].__class__ = _Report
