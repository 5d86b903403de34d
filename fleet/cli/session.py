"""What one call of the program has: its screen, and the state in which it must leave the terminal."""

from __future__ import annotations

import sys
from typing import Any

from fleet.console import Screen, screen


class Session:
    """Made once at the start; the verb's options adjust its screen. ``words`` are those after `--`."""

    def __init__(self) -> None:
        self.verbose = 0
        self.words: tuple[str, ...] = ()
        self.screen: Screen = screen(sys.stdout, sys.stderr)
        self._terminal: tuple[int, list[Any]] | None = None

    def show(self, *, verbose: int, json: bool, color: bool) -> Screen:
        """The screen as the options want it."""
        self.screen = screen(sys.stdout, sys.stderr, verbose=self.verbose + verbose, json=json, color=color)
        return self.screen

    def flush(self) -> None:
        """Hand over what was printed; raises OSError when it can't be written, for instance to a full disk."""
        self.screen.out.flush()
        self.screen.err.flush()

    def remember_terminal(self) -> None:
        """Before a password is asked for: the echo must come back whatever happens."""
        import termios

        try:
            number = sys.stdin.fileno()
            self._terminal = (number, termios.tcgetattr(number))
        except (termios.error, OSError, ValueError):
            self._terminal = None

    def close(self) -> None:
        """Leave the terminal as it was found."""
        if self._terminal:
            import termios

            termios.tcsetattr(self._terminal[0], termios.TCSADRAIN, self._terminal[1])
