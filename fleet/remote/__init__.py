"""Connections to hosts, and scripts run over them; the one room (with the tasks) that knows Fabric and paramiko."""

from fleet.remote.connection import FleetConnection, connect, harden
from fleet.remote.execute import Way, check_sudo, execute, probe, way_of
from fleet.remote.latency import round_trip
from fleet.remote.local import LocalConnection
from fleet.remote.logs import quiet_paramiko
from fleet.remote.settings import Settings, default_known_hosts
from fleet.remote.target import SshTarget, resolve_ssh
from fleet.remote.upload import stage, upload

quiet_paramiko()

__all__ = [
    "FleetConnection",
    "LocalConnection",
    "Settings",
    "SshTarget",
    "Way",
    "check_sudo",
    "connect",
    "default_known_hosts",
    "execute",
    "harden",
    "probe",
    "resolve_ssh",
    "round_trip",
    "stage",
    "upload",
    "way_of",
]
