"""fleet: from a bare OS to the same running Docker environment on every host, over SSH."""

__version__ = "0.1.0"
