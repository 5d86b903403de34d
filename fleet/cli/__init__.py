"""The command line: one file per verb. `main` is what the command `fleet` runs."""

from fleet.cli.app import main

__all__ = ["main"]
