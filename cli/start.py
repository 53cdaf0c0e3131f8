"""Where the `resonet` command starts: signals are heeded before anything else is imported."""

from resonet.core.signals import heed_signals

__all__ = ["main"]


def main() -> None:
    """Run the command."""
    heed_signals()
    from resonet.cli.entry import main as run

    run()


if __name__ == "__main__":
    main()
