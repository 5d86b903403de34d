"""The probes' scripts themselves: sound sh, harmless, and content with a machine that has nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet.facts import MACHINE, OS, named, read, script
from fleet.facts.daemon import DAEMON
from fleet.facts.plugins import PLUGINS, SYSTEM_FOLDERS, USER_FOLDER
from fleet.job import PROBES

SCRIPTED = [probe for probe in PROBES if probe.script]


def ask(env: dict[str, str] | None = None) -> str:
    """Both parts, run by dash on this machine."""
    framed = script(PROBES, "n0")
    dash = shutil.which("dash") or "sh"
    parts = [
        subprocess.run([dash], input=p, text=True, capture_output=True, check=False, timeout=60, env=env)
        for p in (framed.user, framed.root)
    ]
    assert all(part.stderr == "" for part in parts)
    return "".join(part.stdout for part in parts)


@pytest.mark.parametrize("probe", SCRIPTED, ids=lambda probe: probe.name)
def test_script_is_sound(probe: object) -> None:
    """dash reads every script without complaint."""
    done = subprocess.run(["dash", "-n"], input=probe.script, text=True, capture_output=True, check=False)  # type: ignore[attr-defined]
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("probe", SCRIPTED, ids=lambda probe: probe.name)
def test_script_writes_to_no_file(probe: object) -> None:
    """A probe only reads: the one place that its output may be turned to is /dev/null."""
    text = re.sub(r"'[^']*'", "''", probe.script)  # type: ignore[attr-defined]
    assert set(re.findall(r">>?\s*(\S+)", text)) <= {"/dev/null", "/dev/null;", "/dev/null)"}
    assert not re.search(r"\b(rm|mv|cp|mkdir|touch|tee|chmod|chown|install|systemctl (start|stop|restart|enable))\b", text)


def test_this_machine_answers() -> None:
    """Run here for real, every probe has an answer that its parser reads."""
    facts = read(PROBES, "n0", ask())
    assert set(facts.answers) == {probe.name for probe in PROBES}
    assert facts[MACHINE].machine == named(facts)["machine"] != ""
    assert facts[OS].id


def test_machine_without_any_tool_is_unknown_not_an_error(tmp_path: Path) -> None:
    """With an empty PATH nothing can be found out, and nothing fails."""
    facts = read(PROBES, "n0", ask({"PATH": str(tmp_path)}))
    assert set(facts.answers) == {probe.name for probe in PROBES}
    assert facts[MACHINE].architecture == ""


def test_absent_values_do_not_swallow_their_neighbours(tmp_path: Path) -> None:
    """A tool that is missing leaves an empty value, and the next one its own line."""
    for tool in ("printf", "cat", "echo"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "/bin/false")
    found = read(PROBES, "n0", ask({"PATH": str(tmp_path)}))[MACHINE]
    assert (found.machine, found.architecture, found.bits) == ("", "", 0)
    assert found.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_daemon_that_is_down_is_not_woken() -> None:
    """Docker's socket belongs to systemd: talking to it would start the daemon, so that comes second."""
    assert DAEMON.script.index("is-active docker.service") < DAEMON.script.index("perl -e")


def test_plugin_of_a_user_is_not_run_as_root() -> None:
    """What lies in somebody's home is run as that user; otherwise anybody could become root by way of a probe."""
    line = next(line for line in PLUGINS.script.splitlines() if USER_FOLDER in line)
    assert 'runuser -u "$u" --' in line
    assert not any("runuser" in line for line in PLUGINS.script.splitlines() if SYSTEM_FOLDERS[0] in line)


@pytest.mark.parametrize("probe", SCRIPTED, ids=lambda probe: probe.name)
def test_what_could_hang_has_a_limit(probe: object) -> None:
    """systemctl, df and foreign programs run under timeout, the talk with dockerd under an alarm."""
    for line in probe.script.splitlines():  # type: ignore[attr-defined]
        for tool in ("systemctl", "df ", "docker-cli-plugin-metadata"):
            assert tool not in line or "timeout -k 1" in line, line
        if "perl -e" in line:
            assert "alarm 15" in probe.script  # type: ignore[attr-defined]
