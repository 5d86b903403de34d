"""Hosts from where people have them already: each source is a file of this folder and a line in SOURCES."""

from __future__ import annotations

from fleet.importing import ansible, mdns, ssh_config, vagrant

SOURCES = (vagrant.SOURCE, ssh_config.SOURCE, ansible.SOURCE, mdns.SOURCE)
"""In the order of the help."""
