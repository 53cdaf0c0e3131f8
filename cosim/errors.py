"""The error that a simulator's failure ends in."""

from pathlib import Path

__all__ = ["EngineError"]


class EngineError(RuntimeError):
    """An engine is missing, failed, hung, or returned nothing usable. Carries the log and the run folder."""

    def __init__(self, message: str, log: str = "", folder: Path | None = None) -> None:
        super().__init__(message)
        self.log, self.folder = log, folder
