"""A Raspberry Pi keeps the memory limits of containers.

The Pi's firmware gives its kernel `cgroup_disable=memory` by the device tree; `cgroup_enable=memory` in cmdline.txt takes
it back, in Raspberry Pi's own kernels (raspberrypi/linux#6980). Whether it helped is told by cgroup.controllers after a
boot, and not by /proc/cgroups, where new kernels leave memory out even when it is on.
"""

from __future__ import annotations

import re
from dataclasses import replace

from fleet.facts.board import BOARD
from fleet.facts.cmdline import CMDLINE, PLACES, Cmdline, enables_memory
from fleet.facts.system import MACHINE
from fleet.model import Action, Blocked, Change, Facts, Reboot, Run, Satisfied, Situation, Step, Verdict
from fleet.shell import diff_lines, quote, script_of
from fleet.steps.kernel import RebootOptions, busy, rebooted

WORD = "cgroup_enable=memory"
BACKUP = ".fleet-backup"
"""Behind the name of cmdline.txt: what it was before the first change."""

IS_ON = "grep -qw memory /sys/fs/cgroup/cgroup.controllers || [ -d /sys/fs/cgroup/memory ]"
"""An sh test: the memory controller is there."""

_DISABLED = re.compile(r"(?<![^ \t])cgroup_disable=([^ \t]+)[ \t]*")


class MemoryStep(Step[RebootOptions]):
    """Switches the memory controller on where a Pi's firmware has switched it off."""

    name = "memory"
    title = "memory limits are kept"
    requires = ("apt",)
    probes = (CMDLINE,)
    options = RebootOptions

    def verdict(self, situation: Situation[RebootOptions]) -> Verdict:
        """Satisfied, also with a warning where this is no Pi; else a word in a file, and a reboot."""
        facts, cmdline = situation.facts, situation.facts[CMDLINE]
        if is_on(facts):
            return Satisfied("memory limits work")
        if not facts[BOARD].is_raspberry_pi:
            return Satisfied("not a Raspberry Pi", warnings=(_NOT_KEPT,))
        refused = _cannot(cmdline) or busy(facts)
        if refused:
            return refused
        if not situation.options.allow_reboot:
            return Blocked(
                f"the memory controller is off, so that memory limits are not kept; {_todo(cmdline)}",
                "Allow it with --allow-reboot (or memory: {allow_reboot: true} in the recipe); containers stop meanwhile.",
            )
        return _change(cmdline, situation.options.reboot_timeout)


_NOT_KEPT = (
    "the memory controller is off, so that memory limits are not kept: take cgroup_disable=memory out of the kernel's"
    " command line (cat /proc/cmdline; /etc/default/grub), and reboot"
)


def is_on(facts: Facts) -> bool:
    """The controller is there, in control groups of either version."""
    return "memory" in facts[MACHINE].cgroup_controllers or facts[CMDLINE].old_memory


def with_memory(line: str) -> str:
    """The kernel command line with the memory controller asked for; every other word stays as it is."""
    kept = _DISABLED.sub(_others, line.strip(" \t\r")).rstrip(" \t")
    return kept if enables_memory(kept) else f"{kept} {WORD}".lstrip()


def _others(found: re.Match[str]) -> str:
    """A word cgroup_disable= without memory in it; nothing when nothing else is in it."""
    names = found[1].split(",")
    others = [name for name in names if name != "memory"]
    if others == names:
        return found[0]
    return f"cgroup_disable={','.join(others)} " if others else ""


def _cannot(cmdline: Cmdline) -> Blocked | None:
    """What no reboot would help against, in words."""
    if not cmdline.path:
        return Blocked(
            f"the memory controller is off, and there is no cmdline.txt to switch it on by (looked for {', '.join(PLACES)})",
            "Mount the boot partition (sudo mount /boot/firmware), or add cgroup_enable=memory to the kernel's command line.",
        )
    if not cmdline.text.strip() or "\n" in cmdline.text:
        return Blocked(
            f"{cmdline.path} is not one line, and the firmware reads no more than the first",
            f"Make it one line by hand (sudo nano {cmdline.path}; compare with: cat /proc/cmdline), and run again.",
        )
    if enables_memory(cmdline.running) and _is_right(cmdline):
        return Blocked(
            f"this kernel can't: it was started with {WORD}, and the memory controller is off all the same",
            "Boot a kernel of Raspberry Pi's that knows the word (sudo apt full-upgrade), or take memory: out of the recipe.",
        )
    if not cmdline.writable:
        return Blocked(
            f"{cmdline.path} can't be written: its file system is mounted read-only",
            "Make it writable (sudo mount -o remount,rw /boot/firmware; with an overlay: sudo raspi-config), and run again.",
        )
    return None


def _is_right(cmdline: Cmdline) -> bool:
    return with_memory(cmdline.text) == cmdline.text.strip(" \t\r")


def _todo(cmdline: Cmdline) -> str:
    if _is_right(cmdline):
        return f"{cmdline.path} says {WORD} already, so it takes only a boot"
    return f"it takes {WORD} in {cmdline.path}, and a reboot"


def _change(cmdline: Cmdline, timeout: int) -> Change:
    line = with_memory(cmdline.text)
    actions: list[Action] = []
    if not _is_right(cmdline):
        actions.append(Run(f"add {WORD} to {cmdline.path}", edit_script(cmdline.path, cmdline.text, line)))
    actions.append(Reboot("the memory controller is switched on at boot", IS_ON, _UNMET, timeout))
    return Change(
        f"switch the memory controller on: {_todo(cmdline)}",
        tuple(actions),
        diff=diff_lines([cmdline.text], [line], cmdline.path),
        after=lambda facts: _switched_on(facts, line),
    )


_UNMET = f"rebooted with {WORD}, and the memory controller is still off: this kernel can't switch it on"


def _switched_on(facts: Facts, line: str) -> Facts:
    machine = facts[MACHINE]
    on = replace(machine, cgroup_controllers=(*machine.cgroup_controllers, "memory"))
    return rebooted(facts.but(MACHINE, on).but(CMDLINE, replace(facts[CMDLINE], text=line)))


def edit_script(path: str, was: str, line: str) -> str:
    """A script that puts one line into a file in place of its text, all or nothing, also on FAT when the plug is pulled.

    The old text is kept beside it once. Exit code 65 says that the file is not what the plan saw.
    """
    return script_of(
        f"target={quote(path)}",
        'now=$(cat "$target")',
        f'[ "$now" != {quote(line)} ] || exit 0',
        f'if [ "$now" != {quote(was)} ]; then echo "$target has changed since the plan was made" >&2; exit 65; fi',
        'temporary=$(mktemp "$(dirname "$target")/.fleet.XXXXXX")',
        "trap 'rm -f \"$temporary\"' EXIT",
        "trap 'exit 1' HUP INT TERM",
        f'backup="$target{BACKUP}"',
        'if [ ! -e "$backup" ]; then',
        '  cat "$target" > "$temporary"; sync "$temporary"; mv -f "$temporary" "$backup"',
        "fi",
        f"printf '%s\\n' {quote(line)} > \"$temporary\"",
        'chmod --reference="$target" "$temporary" 2>/dev/null || :  # FAT has no modes',
        'sync "$temporary"',
        'mv -f "$temporary" "$target"',
        'sync -f "$target"',
    )
