"""The small steps of a board: what keeps its clock, its swap, and the modules of its kernel."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleet.facts.board import BOARD
from fleet.facts.packages import PACKAGES
from fleet.facts.swap import DPHYS, RPI_DROP_IN, SWAP, ZRAM_TOOLS, Area, TextFile, read_swap
from fleet.facts.system import DISK, MACHINE, OS, Disk
from fleet.facts.timesync import TIMESYNC, read_timesync
from fleet.model import Blocked, Change, Facts, Reboot, Run, Satisfied, Verdict, Write, title_of
from fleet.steps.apt import off_by
from fleet.steps.clock import waiting
from fleet.steps.swapping import file_script, on_script, rpi_conf, with_settings
from tests.support.golden import golden
from tests.support.planning import effects, plan, verdict

JAMMY = golden("pi3-ubuntu-jammy").facts
ZRAM = golden("pi4-rpi-swap").facts
DPHYS_HOST = golden("pi4-dphys-swapfile").facts
BARE = JAMMY.but(BOARD, replace(JAMMY[BOARD], memory_kib=4_000_000))
FILE = Area("/swapfile", "file", 1024 * 1024 - 4)


def look(facts: Facts, step: str, **options: Any) -> Verdict:
    """The verdict of one step with these options; with its effects, the step is satisfied."""
    recipe = {step: options}
    found = plan(facts, recipe)
    shown = verdict(found, step)
    if isinstance(shown, Change):
        assert isinstance(verdict(plan(effects(facts, found), recipe), step), Satisfied)
    return shown


def actions(shown: Verdict) -> list[str]:
    """What a change does, in words."""
    assert isinstance(shown, Change), shown
    return [title_of(action) for action in shown.actions]


# ── clock ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def block(name: str, load: str, active: str, enabled: str) -> str:
    """What systemctl show says of a unit."""
    return f"Result=success\nId={name}.service\nLoadState={load}\nActiveState={active}\nUnitFileState={enabled}\n"


def clock(*blocks: str, words: str = "", skew: int = 0) -> Verdict:
    """The verdict of the step `clock` where systemd says this."""
    said = JAMMY.but(TIMESYNC, read_timesync(words + "\n" + "\n".join(blocks)))
    return look(said.but(MACHINE, replace(said[MACHINE], clock_skew=skew)), "clock")


CHRONY = ("chrony", "loaded", "active", "enabled")
TIMESYNCD = ("systemd-timesyncd", "loaded", "inactive", "disabled")
MASKED = ("systemd-timesyncd", "masked", "inactive", "masked")


def test_any_service_that_runs_will_do() -> None:
    """Another one beside it is not started; systemd's own is warned of when it has reached nobody."""
    kept = clock(block(*CHRONY), block(*TIMESYNCD))
    assert kept == Satisfied("chrony.service is active and enabled")
    running = block("systemd-timesyncd", "loaded", "active", "enabled")
    late = clock(running)
    assert isinstance(late, Satisfied)
    assert "has not reached a time server" in late.warnings[0]
    assert clock(running, words="synchronized\n") == Satisfied("systemd-timesyncd.service is active and enabled")


def test_a_container_has_no_clock_of_its_own() -> None:
    """It is the host's, and no service in it may set it."""
    assert clock(block(*TIMESYNCD), words="container\n") == Satisfied("a container has the clock of its host")


def test_a_service_that_is_there_is_started() -> None:
    """The package that somebody chose comes before systemd's own; what is masked stays so."""
    chosen = clock(block("chrony", "loaded", "inactive", "disabled"), block(*TIMESYNCD))
    assert actions(chosen) == ["start chrony.service"]
    assert actions(clock(block("ntpsec", "loaded", "active", "disabled"))) == ["start ntpsec.service"]
    assert actions(clock(block(*MASKED), block("chrony", "loaded", "failed", "enabled"))) == ["start chrony.service"]
    refused = clock(block(*MASKED))
    assert isinstance(refused, Blocked)
    assert "systemctl unmask systemd-timesyncd.service" in refused.hint


def test_without_any_service_systemds_is_installed() -> None:
    """The index first, then the package, then its start."""
    none = [block(name, "not-found", "inactive", "") for name in ("chrony", "systemd-timesyncd")]
    assert actions(clock(*none)) == ["refresh the package index", "install systemd-timesyncd", "start systemd-timesyncd.service"]


def test_a_clock_that_is_far_off() -> None:
    """Is waited for where a service can be started; told where one runs and does not help, or none can be installed."""
    started = clock(block(*TIMESYNCD), skew=-4000)
    assert isinstance(started, Change)
    assert isinstance(started.actions[0], Run)
    assert "time server" in started.actions[0].script
    near = clock(block(*TIMESYNCD), skew=-20)
    assert isinstance(near, Change)
    assert isinstance(near.actions[0], Run)
    assert "time server" not in near.actions[0].script
    for shown, words in ((clock(block(*CHRONY), skew=4000), "UDP port 123"), (clock(skew=-4000), "from here")):
        assert isinstance(shown, Blocked)
        assert "4000 s" in shown.why
        assert words in shown.hint
        assert "--sudo -- date -s @$(date +%s)" in shown.hint


@pytest.mark.parametrize(
    ("skew", "jump", "code"),
    [(-4000, 4000, 0), (-4000, 3800, 0), (-4000, 0, 1), (86400, -86400, 0), (86400, 0, 1), (86400, 86400, 1)],
)
def test_the_wait_for_a_clock_ends_when_it_is_about_right(tmp_path: Path, skew: int, jump: int, code: int) -> None:
    """However it was set, and not before; and after some time with what is the matter."""
    for name, text in {
        "date": f"echo $(($(/bin/date +%s) + $(cat {tmp_path}/off)))",
        "start": f"echo {skew + jump} >{tmp_path}/off",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "off").write_text(str(skew))
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", waiting("start", skew, 1)], env={"PATH": path}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "UDP port 123" in done.stderr) == (code, bool(code)), done


def test_a_skew_of_days_is_told_in_days_too() -> None:
    """Seconds alone are hard to read then."""
    assert off_by(-730 * 86400) == "63072000 s (730 days) behind this machine's"
    assert off_by(400) == "400 s ahead of this machine's"


# ── modules ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kernel", "codename", "why"),
    [
        ("5.15.0-1061-raspi", "jammy", ""),
        ("6.5.0-1005-raspi", "mantic", ""),
        ("6.8.0-1010-raspi", "noble", "noble has them in its kernel's own package"),
        ("5.4.0-1100-raspi", "focal", "focal has them in its kernel's own package"),
        ("5.15.0-100-generic", "jammy", "not Ubuntu's kernel for the Raspberry Pi"),
        ("6.12.47+rpt-rpi-v8", "trixie", "not Ubuntu's kernel for the Raspberry Pi"),
    ],
)
def test_modules_are_installed_where_ubuntu_leaves_them_out(kernel: str, codename: str, why: str) -> None:
    """By the running kernel's flavour and the release, whatever the board says."""
    facts = JAMMY.but(MACHINE, replace(JAMMY[MACHINE], kernel=kernel))
    facts = facts.but(OS, replace(JAMMY[OS], codename=codename, ubuntu_codename=codename))
    shown = look(facts, "modules") if codename not in ("mantic", "focal") else verdict_alone(facts)
    assert isinstance(shown, Satisfied if why else Change)
    assert shown.why == why or shown.why.startswith("install linux-modules-extra-raspi: ")


def verdict_alone(facts: Facts) -> Verdict:
    """The verdict of `modules` for a release that Docker has dropped, so that its plan stops before it."""
    from fleet.model import Catalog, Situation
    from fleet.steps.modules import ModulesOptions, ModulesStep

    return ModulesStep().verdict(Situation(facts, ModulesOptions(), Catalog()))


def test_modules_that_are_there() -> None:
    """Nothing to do, however it was installed."""
    there = JAMMY.but(PACKAGES, JAMMY[PACKAGES].plus({"linux-modules-extra-raspi": "5.15.0.1061.59"}))
    assert look(there, "modules") == Satisfied("linux-modules-extra-raspi is installed")


# ── swap: what there is ──────────────────────────────────────────────────────────────────────────────────────────────


def having(facts: Facts, *areas: Area, packages: tuple[str, ...] = (), files: dict[str, str] | None = None, **more: Any) -> Facts:
    """The facts with this swap, these packages and these files."""
    texts = {path: TextFile(text, "0" * 64) for path, text in (files or {}).items()}
    swap = replace(facts[SWAP], areas=areas, files=texts, **more)
    return facts.but(SWAP, swap).but(PACKAGES, facts[PACKAGES].plus(dict.fromkeys(packages, "1")))


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (BARE, "no swap, and enough memory without"),
        (having(JAMMY, FILE), "1023 MiB of swap (/swapfile)"),
        (having(JAMMY, packages=("rpi-swap",)), "no swap, as rpi-swap is set up"),
        (having(JAMMY, container=True), "a container has the swap of its host"),
        (ZRAM, "2047 MiB of swap (/dev/zram0)"),
    ],
)
def test_without_options_what_there_is_stays(facts: Facts, why: str) -> None:
    """Also none at all, where somebody has set it up so or memory is enough."""
    assert look(facts, "swap") == Satisfied(why)


def test_a_little_memory_and_no_swap() -> None:
    """As much as there is memory, in a file; blocked where the disk has no room for it."""
    assert actions(look(JAMMY, "swap")) == ["make /swapfile, and switch it on"]
    full = look(JAMMY.but(DISK, Disk((("/", 1_000_000),))), "swap")
    assert isinstance(full, Blocked)
    assert "976 MiB are free for 907 MiB of swap" in full.why


@pytest.mark.parametrize(
    ("areas", "options", "fine"),
    [
        ((FILE,), {"size_mb": 1024}, True),
        ((FILE,), {"size_mb": 1024, "kind": "file"}, True),
        ((FILE,), {"kind": "file"}, True),
        ((FILE,), {"size_mb": 2048}, False),
        ((Area("/dev/zram0", "partition", 524284),), {"size_mb": 512, "kind": "zram"}, True),
        ((Area("/dev/zram0", "partition", 524284), FILE), {"kind": "zram"}, False),
        ((), {"kind": "file"}, False),
    ],
)
def test_what_is_as_wanted(areas: tuple[Area, ...], options: dict[str, Any], fine: bool) -> None:
    """The size but for rounding, the kind, and nothing of the other kind beside it."""
    assert isinstance(look(having(BARE, *areas), "swap", **options), Satisfied) is fine


# ── swap: by what the host has ───────────────────────────────────────────────────────────────────────────────────────


def test_rpi_swap_takes_a_file_and_a_reboot() -> None:
    """Only when a reboot is allowed; a second time the file is there; and a boot that did not help is told, not repeated."""
    wanted: dict[str, Any] = {"size_mb": 1024, "kind": "zram"}
    refused = look(ZRAM, "swap", **wanted)
    assert isinstance(refused, Blocked)
    assert "--allow-reboot" in refused.hint
    change = look(ZRAM, "swap", **wanted, allow_reboot=True, reboot_timeout=99)
    assert isinstance(change, Change)
    write, reboot = change.actions
    assert write == Write(RPI_DROP_IN, rpi_conf("zram", 1024))
    assert isinstance(reboot, Reboot)
    assert reboot.timeout == 99
    assert "+FixedSizeMiB=1024" in change.diff
    area = ZRAM[SWAP].areas[0]
    written = having(ZRAM, area, files={RPI_DROP_IN: rpi_conf("zram", 1024)})
    assert actions(look(written, "swap", **wanted, allow_reboot=True)) == ["reboot: rpi-swap sets up swap at boot"]
    booted = having(ZRAM, area, files={RPI_DROP_IN: rpi_conf("zram", 1024)}, booted_since=True)
    told = look(booted, "swap", **wanted, allow_reboot=True)
    assert isinstance(told, Blocked)
    assert "has not done it" in told.why


def test_rpi_swap_that_has_it_by_itself() -> None:
    """The wanted size without a file of ours is as wanted; with one that says something else it is not, after the next boot."""
    assert isinstance(look(ZRAM, "swap", size_mb=2048), Satisfied)
    other = having(ZRAM, *ZRAM[SWAP].areas, files={RPI_DROP_IN: rpi_conf(None, 512)})
    assert isinstance(look(other, "swap", size_mb=2048), Blocked)


@pytest.mark.parametrize(
    ("kind", "size", "text"),
    [
        (None, 512, "[File]\nFixedSizeMiB=512\n[Zram]\nFixedSizeMiB=512\n"),
        ("file", 512, "[Main]\nMechanism=swapfile\n[File]\nFixedSizeMiB=512\n"),
        ("zram", 512, "[Main]\nMechanism=zram\n[Zram]\nFixedSizeMiB=512\n"),
        ("zram", None, "[Main]\nMechanism=zram\n"),
    ],
)
def test_file_for_rpi_swap(kind: str | None, size: int | None, text: str) -> None:
    """The words of raspberrypi/rpi-swap, swap.conf(5)."""
    assert rpi_conf(kind, size).partition("\n")[2] == text


def test_dphys_swapfile_gets_its_size_and_its_limit() -> None:
    """The old limit of 2048 MB would win over the size; other settings stay."""
    change = look(DPHYS_HOST, "swap", size_mb=4096)
    assert isinstance(change, Change)
    assert change.actions[0] == Write(
        DPHYS,
        "#CONF_SWAPFACTOR=2\n#CONF_MAXSWAP=2048\nCONF_SWAPSIZE=4096\nCONF_MAXSWAP=4096\n",
        DPHYS_HOST[SWAP].file(DPHYS).sha256,
    )
    assert "systemctl restart dphys-swapfile" in change.actions[1].script  # type: ignore[union-attr]
    assert "CONF_MAXSWAP" not in look(DPHYS_HOST, "swap", size_mb=512).actions[0].content.replace("#CONF_MAXSWAP", "")  # type: ignore[union-attr]


def test_zram_tools_get_their_size() -> None:
    """A percentage would win over the size, so it goes."""
    facts = having(BARE, packages=("zram-tools",), files={ZRAM_TOOLS: "ALGO=zstd\nPERCENT=50\n"})
    change = look(facts, "swap", size_mb=512)
    assert isinstance(change, Change)
    assert change.actions[0] == Write(ZRAM_TOOLS, "ALGO=zstd\n#PERCENT=50\nSIZE=512\n", "0" * 64)


def test_zram_where_there_is_nothing() -> None:
    """The file first, so that the service starts with the right size."""
    assert actions(look(BARE, "swap", kind="zram", size_mb=512)) == [
        "refresh the package index",
        f"write {ZRAM_TOOLS}",
        "install zram-tools",
        "restart zramswap",
    ]


@pytest.mark.parametrize(
    ("facts", "options", "why"),
    [
        (DPHYS_HOST, {"kind": "zram"}, "dphys-swapfile sets up swap here, and not as zram"),
        (having(BARE, packages=("zram-tools",)), {"kind": "file"}, "zram-tools sets up swap here, and not as file"),
        (having(BARE, FILE), {"kind": "zram"}, "swap is on /swapfile already"),
        (having(BARE, Area("/dev/zram0", "partition", 4)), {"kind": "file"}, "swap is on /dev/zram0 already"),
        (having(BARE, Area("/dev/zram0", "partition", 4)), {"size_mb": 512}, "swap is on /dev/zram0 already"),
        (having(BARE, Area("/dev/sda3", "partition", 4)), {"size_mb": 512}, "can't be made 512 MiB from here"),
        (having(BARE, Area("/a\\040b", "file", 4)), {"size_mb": 512}, "can't be made 512 MiB from here"),
        (having(BARE, FILE, Area("/other", "file", 4)), {"size_mb": 64}, "swap is on /swapfile and /other"),
        (having(BARE, packages=("systemd-zram-generator",)), {"size_mb": 512}, "which fleet does not configure"),
    ],
)
def test_never_two_alongside(facts: Facts, options: dict[str, Any], why: str) -> None:
    """What would be a second swap, or is not ours to change, is blocked with the way out."""
    shown = look(facts, "swap", **options)
    assert isinstance(shown, Blocked)
    assert why in shown.why


def test_a_swap_file_elsewhere_keeps_its_place() -> None:
    """Ubuntu's installer makes /swap.img, with a line in fstab: that one gets the new size, and fstab stays."""
    facts = having(BARE, Area("/swap.img", "file", 4), fstab=("/swap.img",))
    change = look(facts, "swap", size_mb=512)
    assert actions(change) == ["make /swap.img, and switch it on"]
    assert isinstance(change, Change)
    assert change.diff == ""
    off = having(BARE, fstab=("/swap.img",))
    assert actions(look(off, "swap", size_mb=512)) == ["make /swap.img, and switch it on"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "SIZE=1\n"),
        ("#SIZE=256\n", "#SIZE=256\nSIZE=1\n"),
        ("SIZE=256\nALGO=lz4", "ALGO=lz4\nSIZE=1\n"),
        ("PERCENT=50\n  SIZE=2 # why\n", "#PERCENT=50\nSIZE=1\n"),
    ],
)
def test_settings_are_merged(text: str, expected: str) -> None:
    """Ours are set once, at the end; what is not ours stays as it is; and a second time changes nothing."""
    settings = {"PERCENT": None, "SIZE": "1"}
    assert with_settings(text, settings) == expected
    assert with_settings(expected, settings) == expected


# ── swap: scripts and probe, run for real ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the swap file's script in a folder: fstab and /proc/swaps are files there, and so are swapon, swapoff and mkswap."""
    tools = tmp_path / "bin"
    tools.mkdir()
    swaps = tmp_path / "swaps"
    swaps.write_text("Filename Type Size Used Priority\n")
    fakes = {
        "mkswap": 'echo "mkswap $(stat -c "%s %a" "$1")" >>"$LOG"',
        "swapon": 'if [ -n "$HOLES" ] && [ ! -e "$LOG.once" ]; then : >"$LOG.once"; exit 255; fi\n'
        f'echo swapon >>"$LOG"; echo "$1 file 1 0 -2" >>{swaps}',
        "swapoff": f'echo swapoff >>"$LOG"; grep -v "^$1 " {swaps} >{swaps}.new; mv {swaps}.new {swaps}',
    }
    for name, text in fakes.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)

    def run(size_mb: int, holes: str = "") -> subprocess.CompletedProcess[str]:
        script = file_script(str(tmp_path / "swapfile"), size_mb)
        script = script.replace("/proc/swaps", str(swaps)).replace("/etc/fstab", str(tmp_path / "fstab"))
        script = script.replace("/etc/.fleet", str(tmp_path / ".fleet"))
        env = {"PATH": f"{tools}:/usr/bin:/bin", "LOG": str(tmp_path / "log"), "HOLES": holes}
        return subprocess.run(["dash"], input=script, text=True, capture_output=True, check=False, env=env)

    return run


def test_swap_file_is_made_once_and_its_line_added(run: Callable[..., Any], tmp_path: Path) -> None:
    """For root alone, of the right size; fstab keeps all that it has, also a last line without an end; again: nothing."""
    fstab, log = tmp_path / "fstab", tmp_path / "log"
    fstab.write_text("LABEL=writable / ext4 defaults 0 1")
    fstab.chmod(0o640)
    assert run(2).returncode == 0
    assert log.read_text() == f"mkswap {2 * 1024 * 1024} 600\nswapon\n"
    assert fstab.read_text() == f"LABEL=writable / ext4 defaults 0 1\n{tmp_path}/swapfile none swap sw 0 0\n"
    assert fstab.stat().st_mode & 0o777 == 0o640
    before = (log.read_text(), fstab.read_text())
    assert run(2).returncode == 0
    assert (log.read_text(), fstab.read_text()) == before


def test_swap_file_of_another_size_is_made_anew(run: Callable[..., Any], tmp_path: Path) -> None:
    """It is switched off first, and its line in fstab stays the only one; without an fstab there is one then."""
    assert run(1).returncode == 0
    assert run(3).returncode == 0
    assert (tmp_path / "log").read_text().splitlines()[2:] == ["swapoff", f"mkswap {3 * 1024 * 1024} 600", "swapon"]
    assert (tmp_path / "fstab").read_text() == f"{tmp_path}/swapfile none swap sw 0 0\n"
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_swap_file_with_holes_is_written_in_full(run: Callable[..., Any], tmp_path: Path) -> None:
    """Some file systems refuse what fallocate makes."""
    assert run(1, holes="once").returncode == 0
    assert (tmp_path / "log").read_text().count("mkswap") == 2
    assert (tmp_path / "swapfile").stat().st_blocks * 512 >= 1024 * 1024


def test_swap_is_seen_by_the_probe(tmp_path: Path) -> None:
    """The script and its parser, over files in a folder."""
    texts = {
        "/proc/swaps": "Filename\tType\tSize\tUsed\n/dev/zram0 partition 524284 0 100\n/swap.img\tfile\t1023996\t0\t-2\n",
        "/etc/fstab": "# UUID=x none swap sw 0 0\nLABEL=w / ext4 defaults 0 1\n/swap.img none swap sw 0 0\n",
        RPI_DROP_IN: "[Main]\nMechanism=zram\n",
        ZRAM_TOOLS: "ALGO=$(x) \\ 'y'\nSIZE=5",
        "/proc/stat": "cpu 1 2 3\nbtime 4000000000\n",
    }
    script = SWAP.script
    for number, name in enumerate([*texts, DPHYS, "/run/systemd/container"]):
        (tmp_path / str(number)).write_text(texts[name]) if name in texts else None
        script = script.replace(name, str(tmp_path / str(number)))
    done = subprocess.run(["dash"], input=script, capture_output=True, text=True, check=True)
    found = read_swap(done.stdout)
    assert found.areas == (Area("/dev/zram0", "partition", 524284), Area("/swap.img", "file", 1023996))
    assert found.fstab == ("/swap.img",)
    assert found.file(RPI_DROP_IN).text == texts[RPI_DROP_IN]
    assert found.file(ZRAM_TOOLS).text == texts[ZRAM_TOOLS] + "\n"
    assert len(found.file(ZRAM_TOOLS).sha256) == 64
    assert found.file(DPHYS) == TextFile()
    assert (found.container, found.booted_since) == (False, True)


@pytest.mark.parametrize(
    ("condition", "size", "code"),
    [("$1 ~ /zram/", 512, 0), ("$1 ~ /zram/", 600, 1), ('$2 == "file"', None, 0), ("$1 ~ /x/", None, 1)],
)
def test_test_for_swap_that_is_on(tmp_path: Path, condition: str, size: int | None, code: int) -> None:
    """Run by the login user after a boot, in any awk."""
    (tmp_path / "swaps").write_text("Filename Type Size\n/dev/zram0 partition 524284\n/swap.img file 1023996\n")
    script = on_script(condition, size).replace("/proc/swaps", str(tmp_path / "swaps"))
    assert subprocess.run(["dash", "-c", script], check=False).returncode == code
