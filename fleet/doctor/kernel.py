"""The running kernel: is it the installed one, and can it do what containers need?"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fleet.doctor.words import HOST, as_root, as_user, error, lines, note, warning
from fleet.facts import BOARD, MACHINE, OS
from fleet.facts.framing import pairs
from fleet.model import Facts, Finding, Probe

MODULES = ("overlay", "bridge", "veth", "nf_nat", "xt_addrtype", "xt_conntrack")
"""Of "Generally Necessary" in moby/moby, contrib/check-config.sh, those that distributions make modules of."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """``hierarchies`` are version 1 control groups; ``missing`` are modules that Docker needs and this kernel does not have."""

    hierarchies: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def read_kernel(text: str) -> Kernel:
    """Read ``key=value`` lines."""
    found = pairs(text)
    return Kernel(tuple(found.get("v1", "").split()), tuple(found.get("missing", "").split()))


# `modprobe -n` loads nothing, and knows what is built in.
KERNEL = Probe(
    name="kernel",
    script=f"""
for c in memory cpu pids; do [ -d "/sys/fs/cgroup/$c" ] && v1="${{v1:-}} $c"; done
printf 'v1=%s\\n' "${{v1:-}}"
if command -v modprobe >/dev/null && [ -d "/lib/modules/$(uname -r)" ]; then
  for m in {" ".join(MODULES)}; do modprobe -n -q "$m" || missing="${{missing:-}} $m"; done
  printf 'missing=%s\\n' "${{missing:-}}"
fi
""",
    parse=read_kernel,
    unknown=Kernel(),
)


def reboot(facts: Facts) -> Finding | None:
    """An update waits for a boot."""
    if not facts[MACHINE].reboot_required:
        return None
    return warning("reboot", "an update waits for a reboot", "/run/reboot-required is there", as_root("systemctl reboot"))


def modules(facts: Facts) -> Finding | None:
    """The modules of the running kernel are gone, or some that containers need were never there."""
    machine, kernel = facts[MACHINE], facts[KERNEL]
    if not machine.modules_present:
        why = "the kernel was upgraded and not booted yet: its modules are gone, so that no container gets a network"
        return error("modules", why, f"there is no /lib/modules/{machine.kernel}", as_root("systemctl reboot"))
    if not kernel.missing:
        return None
    extra = "linux-modules-extra-raspi" if facts[BOARD].is_raspberry_pi else f"linux-modules-extra-{machine.kernel}"
    install = as_root(
        f"apt-get -y install {extra}" if facts[OS].id == "ubuntu" else "apt-get -y full-upgrade && systemctl reboot"
    )
    return error(
        "modules",
        "the kernel lacks modules that Docker needs",
        f"{machine.kernel} has no {', '.join(kernel.missing)}",
        lines("Bring them, or boot a kernel of the distribution's own:", install),
    )


def cgroups(facts: Facts) -> Finding | None:
    """The memory controller is off, so that limits are not kept; or control groups are of the old kind, of which dockerd says
    that it goes by May 2029 (moby/moby, daemon/info_unix.go)."""
    controllers, old = facts[MACHINE].cgroup_controllers, facts[KERNEL].hierarchies
    present = controllers or old
    if present and "memory" not in present:
        return warning(
            "cgroups",
            "the memory controller is off: docker run -m limits nothing, and says so in a line that nobody reads",
            f"controllers: {' '.join(present)}",
            _enable_memory(facts),
        )
    if old and not controllers:
        return note(
            "cgroups",
            "control groups of version 1, which Docker gives up by May 2029",
            f"hierarchies in /sys/fs/cgroup: {' '.join(old)}",
            lines("Take systemd.unified_cgroup_hierarchy=0 out of the kernel's command line:", as_user("cat /proc/cmdline")),
        )
    return None


def _enable_memory(facts: Facts) -> str:
    """A Pi's firmware switches it off by cgroup_disable=memory (raspberrypi/linux#6980), which a step takes back."""
    if not facts[BOARD].is_raspberry_pi:
        return lines("Take cgroup_disable=memory out of the kernel's command line:", as_user("cat /proc/cmdline"))
    return f"fleet provision {HOST} --recipe pi --step memory --allow-reboot"


# ── iptables ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Firewall:
    """``version`` is iptables' own line, its back end in brackets; ``legacy_rules`` counts the rules in the old tables."""

    version: str = ""
    legacy_rules: int = 0

    @property
    def backend(self) -> str:
        """nf_tables or legacy; empty where there is no iptables, which docker-ce brings along."""
        found = re.search(r"\((nf_tables|legacy)\)", self.version)
        return found[1] if found else ""


def read_firewall(text: str) -> Firewall:
    """Read ``key=value`` lines."""
    found = pairs(text)
    rules = found.get("legacy_rules", "")
    return Firewall(found.get("version", ""), int(rules) if rules.isdecimal() else 0)


# The old tables are looked into only where the kernel has them already: to ask for them would load their modules.
FIREWALL = Probe(
    name="firewall",
    script="""
command -v iptables >/dev/null && { printf 'version='; iptables --version || echo; }
if grep -q . /proc/net/ip_tables_names; then printf 'legacy_rules='; timeout -k 1 10 iptables-legacy-save | grep -c '^-A'; fi
""",
    parse=read_firewall,
    unknown=Firewall(),
    as_root=True,
)


def iptables(facts: Facts) -> Finding | None:
    """Rules in both back ends at once: packets must pass both, and Docker sees only one of them."""
    found = facts[FIREWALL]
    if found.backend == "nf_tables" and found.legacy_rules:
        return warning(
            "iptables",
            "there are rules in the old iptables tables beside nftables: Docker does not see them, and packets must pass both",
            f"{found.version}; rules in iptables-legacy: {found.legacy_rules}",
            lines(
                "See who set them, and set them by iptables; they are gone after a reboot if nobody sets them again:",
                as_root("iptables-legacy-save"),
            ),
        )
    if found.backend == "legacy":
        return note(
            "iptables",
            "iptables uses its old back end, which works, and which new kernels give up",
            found.version,
            as_root("update-alternatives --set iptables /usr/sbin/iptables-nft && systemctl reboot"),
        )
    return None
