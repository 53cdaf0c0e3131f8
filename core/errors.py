"""The two errors that a user meets: the command line prints each as one line."""

from pathlib import Path

__all__ = ["EngineError", "InputError", "PluginError"]


class InputError(ValueError):
    """Something given from outside cannot be used. The text names the file, layer or value, and what is possible."""


class PluginError(InputError):
    """A package of somebody else cannot be used: nothing that a user gave is to blame. The text names the package."""


class EngineError(RuntimeError):
    """An engine is missing, failed, hung, or returned nothing usable. Carries the log and the run folder."""

    def __init__(self, message: str, log: str = "", folder: Path | None = None) -> None:
        super().__init__(message)
        self.log, self.folder = log, folder
