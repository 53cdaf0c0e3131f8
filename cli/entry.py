"""Entry point of the `resonet` command: what was run before on the same things is shown again, the rest is run.

What it buys and what it takes to be believed: docs/sweeps.md. An interrupt while all this is being imported ends in one
line too, hence the order here.
"""

import sys

__all__ = ["main"]

SELDOM = 0.3  # s: what takes less is not worth a record


def _command_line() -> None:
    from resonet.cli.rerun import known_or_run

    known_or_run(SELDOM)


def main() -> None:
    """Show what is known, run what is not. Raises SystemExit."""
    try:
        from resonet.cli.faults import guarded

        guarded(_command_line)
    except KeyboardInterrupt:
        sys.stderr.write("resonet: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
