"""Paramiko logs whole tracebacks as errors of things that we report in a sentence; here they become debug lines."""

from __future__ import annotations

import logging

_ours = logging.getLogger("fleet.ssh")


class _Demoted(logging.Handler):
    """Passes a record on as a debug line of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        _ours.debug("%s: %s", record.name, record.getMessage())


def quiet_paramiko() -> None:
    """Nothing of paramiko's reaches the screen; `-vv` (debug level for `fleet.ssh`) shows it after `show_paramiko`."""
    logger = logging.getLogger("paramiko")
    logger.propagate = False
    if not any(isinstance(h, _Demoted) for h in logger.handlers):
        logger.addHandler(_Demoted())
    logger.setLevel(logging.CRITICAL)


def show_paramiko() -> None:
    """Let paramiko's own log lines through, as debug lines."""
    logging.getLogger("paramiko").setLevel(logging.DEBUG)
