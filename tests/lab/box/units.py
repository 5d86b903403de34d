"""Maintainer scripts of a package with systemd units, as debhelper would generate them (man dh_installsystemd)."""

from __future__ import annotations

_GROUP = """\
if [ -z "$2" ] && ! getent group {group} >/dev/null; then
    groupadd --system {group}
fi
"""

_POSTINST = """\
#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
{group}
for unit in {units}; do
    deb-systemd-helper unmask "$unit" >/dev/null || true
    if deb-systemd-helper --quiet was-enabled "$unit"; then
        deb-systemd-helper enable "$unit" >/dev/null || true
    else
        deb-systemd-helper update-state "$unit" >/dev/null || true
    fi
done
if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
    verb=start
    [ -z "$2" ] || verb=restart
    deb-systemd-invoke $verb {units} >/dev/null || true
fi
"""

_PRERM = """\
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    deb-systemd-invoke stop {units} >/dev/null || true
fi
"""

_POSTRM = """\
#!/bin/sh
set -e
if [ "$1" = purge ] && [ -x /usr/bin/deb-systemd-helper ]; then
    for unit in {units}; do
        deb-systemd-helper purge "$unit" >/dev/null || true
        deb-systemd-helper unmask "$unit" >/dev/null || true
    done
fi
if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
fi
"""


def enable_scripts(*units: str, group: str = "") -> dict[str, str]:
    """Return maintainer scripts that enable and start the units and, on first install, make a group."""
    words = {"units": " ".join(units), "group": _GROUP.format(group=group) if group else ""}
    return {
        "postinst": _POSTINST.format(**words),
        "prerm": _PRERM.format(**words),
        "postrm": _POSTRM.format(**words),
    }
