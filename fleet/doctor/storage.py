"""Where Docker's data goes: room on both folders, file systems that can be written, a card that is not dying."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.doctor.words import as_root, error, lines, warning
from fleet.facts import BOARD, DISK
from fleet.facts.packages import PACKAGES
from fleet.model import Facts, Finding, Probe
from fleet.steps.engine import DATA_FOLDERS, NEEDED_KIB
from fleet.steps.images import NEEDED_KIB as IMAGE_KIB

LITTLE_KIB = 2_000_000
"""A few images more and it is full."""


def disk(facts: Facts) -> Finding | None:
    """Too little room for the packages or a first image, in /usr or one of the two folders that Docker keeps data in."""
    free = {folder: facts[DISK].free_for(folder) for folder in ("/usr", *DATA_FOLDERS)}
    known = {folder: kib for folder, kib in free.items() if kib is not None}
    needed = IMAGE_KIB if facts[PACKAGES].find("docker-ce") else NEEDED_KIB
    least = min(known.values(), default=LITTLE_KIB)
    if least >= LITTLE_KIB:
        return None
    make = error if least < needed else warning
    return make(
        "disk",
        f"only {least // 1024} MiB are free for Docker, {'too' if least < needed else 'soon too'} little",
        ", ".join(f"{folder}: {kib // 1024} MiB" for folder, kib in known.items()),
        _make_room(facts),
    )


def _make_room(facts: Facts) -> str:
    docker = ["docker image prune --all"] if facts[PACKAGES].find("docker-ce") else []
    room = [as_root("apt-get clean; journalctl --vacuum-size=50M")]
    card = ["Is the file system as large as the card?", as_root("raspi-config --expand-rootfs")]
    return lines(*room, *map(as_root, docker), *(card if facts[BOARD].is_raspberry_pi else []))


# ── file systems ─────────────────────────────────────────────────────────────────────────────────────────────────────

WRITTEN = ("/", "/etc", "/usr", "/var/lib", "/var/lib/dpkg", *DATA_FOLDERS)
"""Where packages and Docker write to."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of /proc/mounts."""

    path: str
    type: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mounts:
    """The mounts that concern Docker, in their order; ``overlay`` is the word of the kernel's command line by which all that
    is written stays in memory (raspi-config, "Overlay File System"; Ubuntu's overlayroot)."""

    mounts: tuple[Mount, ...] = ()
    overlay: str = ""

    def of(self, path: str) -> Mount | None:
        """What a path is on: the deepest mount that holds it, the last of several at the same place."""
        holding = [m for m in self.mounts if m.path in ("/", path) or path.startswith(m.path + "/")]
        return max(reversed(holding), key=lambda m: len(m.path), default=None)


def read_mounts(text: str) -> Mounts:
    """Read ``path<TAB>type<TAB>options`` lines, and ``overlay<TAB>word``."""
    rows = [line.split("\t") for line in text.splitlines()]
    return Mounts(
        tuple(Mount(r[0], r[1], tuple(r[2].split(","))) for r in rows if len(r) == 3),
        next((r[1] for r in rows if r[0] == "overlay" and len(r) == 2), ""),
    )


MOUNTS = Probe(
    name="mounts",
    script=r"""
awk '$2 ~ "^/$|^/(boot|etc|usr|var)$|^/var/lib$|^/var/lib/(dpkg|docker|containerd)$" { print $2 "\t" $3 "\t" $4 }' /proc/mounts
grep -oE '(boot=overlay|overlayroot=[a-z]+)' /proc/cmdline | sed 's/^/overlay\t/'
""",
    parse=read_mounts,
    unknown=Mounts(),
)


def read_only(facts: Facts) -> Finding | None:
    """A file system that can't be written, or one that forgets."""
    mounts = facts[MOUNTS]
    stuck = sorted({m.path for m in map(mounts.of, WRITTEN) if m and "ro" in m.options})
    if stuck:
        return error(
            "read-only",
            "a file system is mounted read-only, so that nothing can be installed there",
            ", ".join(stuck),
            lines(
                "Is there an error of its disk in the kernel's log, or a line in /etc/fstab?",
                as_root("dmesg | tail -n 30; grep -v '^#' /etc/fstab"),
                "If not:",
                as_root(f"mount -o remount,rw {stuck[0]}"),
            ),
        )
    if mounts.overlay:
        why = "what is written is kept in memory and gone after the next boot (overlay file system)"
        off = as_root("raspi-config nonint disable_overlayfs && systemctl reboot")
        return warning("read-only", why, f"the kernel's command line has {mounts.overlay}", off)
    return None


# ── the kernel's log ─────────────────────────────────────────────────────────────────────────────────────────────────

_DEVICE = "(mmcblk|nvme|sd)[0-9a-z]+"
BAD_LINES = (
    r"mmc[0-9]+: ([Tt]imeout waiting for hardware|[Cc]ard stuck|cache flush error|Controller never released)",
    r"mmcblk[0-9a-z]+: (error|recovery failed)",
    rf"(I/O error|critical (medium|target) error).* dev {_DEVICE}",
    rf"EXT4-fs error \(device {_DEVICE}\)",
    r"Remounting filesystem read-only",
)
"""What the kernel says when a card or disk fails (torvalds/linux: drivers/mmc, block/blk-core.c, fs/ext4/super.c; as people
report it in raspberrypi/linux#280, #2392, #2802)."""


def read_lines(text: str) -> tuple[str, ...]:
    """Lines that are not empty."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


KERNEL_LOG: Probe[tuple[str, ...]] = Probe(
    name="kernel_log",
    script=f"""
{{ timeout -k 1 10 dmesg || timeout -k 1 20 journalctl -k -b -q --no-pager; }} | grep -aE '{"|".join(BAD_LINES)}' | tail -n 30
""",
    parse=read_lines,
    unknown=(),
    as_root=True,
)


def storage(facts: Facts) -> Finding | None:
    """Errors of an SD card or disk in the kernel's log since the boot."""
    bad = facts[KERNEL_LOG]
    if not bad:
        return None
    return error(
        "storage",
        "the kernel reports errors of the SD card or disk, which may be dying",
        f"{f'{len(bad)} lines, the last: ' if len(bad) > 1 else ''}{bad[-1][:160]}",
        lines(
            "Save what is on it, check power supply and cable, and write the system to a new card:", as_root("dmesg | tail -n 50")
        ),
    )
