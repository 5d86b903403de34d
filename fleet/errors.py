"""Everything that can go wrong, one class per stage, each with a remedy.

An error is a sentence that names what is wrong, and a ``hint``: what to type or do about it.
"""

from __future__ import annotations


class FleetError(Exception):
    """Base of all errors that `fleet` raises on purpose; anything else is a bug."""

    stage = "fleet"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(FleetError):
    """The command line asks for something that can't be (exit code 2)."""

    stage = "usage"


class FileError(FleetError):
    """A file that the user wrote is wrong; says where (exit code 2).

    ``path`` and ``line`` (counted from 1) may be unknown for text that comes from the command line.
    """

    stage = "files"

    def __init__(self, message: str, hint: str = "", *, path: str = "", line: int | None = None) -> None:
        where = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        super().__init__(where + message, hint)
        self.path = path
        self.line = line


class InventoryError(FileError):
    """The inventory can't be read or says something that is not allowed."""

    stage = "inventory"


class RecipeError(FileError):
    """A recipe can't be read or says something that is not allowed."""

    stage = "recipe"


class PlanError(FileError):
    """A saved plan can't be used."""

    stage = "plan"


class LockError(FileError):
    """The lock of the images can't be read or written."""

    stage = "lock"


class SelectionError(UsageError):
    """The words on the command line select no host."""

    stage = "selection"


class Unreachable(FleetError):
    """No connection came about, however often it was tried: a result of its own."""

    stage = "connect"


class HostKeyError(FleetError):
    """The host's key is not the one that is on record, or an unknown one is not accepted."""

    stage = "host key"


class AuthenticationError(FleetError):
    """The host was reached and did not let us in."""

    stage = "login"


class SudoError(FleetError):
    """Logged in, but root rights are missing or the password is wrong."""

    stage = "sudo"


class RemoteError(FleetError):
    """Something that ran on the host failed or gave an answer that makes no sense."""

    stage = "host"


class ConnectionLost(RemoteError):
    """The connection broke while something ran on the host."""

    stage = "connection"


class CommandTimeout(RemoteError):
    """A command on the host took longer than it may."""

    stage = "timeout"


class RebootFailed(RemoteError):
    """A host was told to reboot and did not come back as another boot in time."""

    stage = "reboot"


class CatalogError(FleetError):
    """The laptop could not look up what only the network knows."""

    stage = "catalog"


class NotSelected(FleetError):
    """The host's facts don't match the selection: it was not meant, so it is not reported."""

    stage = "selection by facts"


class Interrupted(FleetError):
    """The person at the keyboard stopped the run."""

    stage = "interrupted"
