"""Where the `resonet` command starts: signals are heeded before anything else is imported."""

import contextlib
import sys
from pathlib import Path

from resonet.core.heap import keep_memory
from resonet.core.signals import heed_signals

__all__ = ["main"]


def main() -> None:
    """Run the command."""
    heed_signals()
    keep_memory()
    _sweep(sys.argv[1:])
    from resonet.cli.entry import main as run

    run()


def _sweep(words: list[str]) -> None:
    """Take away what killed commands left in and beside the folders that the words name, replayed or not."""
    from resonet.core.leftovers import sweep_design

    for word in ("", *words):
        path = Path(word.rpartition("=")[2][:1000].replace("\0", ""))
        with contextlib.suppress(OSError):
            if path.is_dir() or (path.parent != Path() and path.parent.is_dir()):
                sweep_design(path)


if __name__ == "__main__":
    main()
