"""Try the box by hand: ``python -m tests.lab.box ADDRESS [COMMAND...]``.

It starts on the address (127.0.0.2 will do), runs the command (a shell by default) as on a laptop that
reaches the box by its production names, and stops.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.lab import laptop
from tests.lab.box import Box


def main() -> int:
    """Run the command and return its exit status."""
    address, *command = sys.argv[1:] or ["127.0.0.2"]
    with tempfile.TemporaryDirectory(prefix="box-") as folder:
        box = Box(address, Path(folder))
        box.start()
        try:
            return laptop.run(command or [os.environ.get("SHELL", "/bin/sh")], box=box).returncode
        finally:
            box.stop()


if __name__ == "__main__":
    sys.exit(main())
