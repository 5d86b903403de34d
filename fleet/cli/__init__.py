"""The command line: one file per verb. `main` is what the command `fleet` runs.

A verb imports what is heavy (pydantic's models, SSH) inside its function, so that `fleet --help` and the shell's completion
are quick; a test holds that.
"""

from fleet.cli.app import main

__all__ = ["main"]
