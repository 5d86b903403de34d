"""What docker says when it does not work, what that means, and what to do: a table of known texts.

Texts are those of moby's client (github.com/moby/moby, client/errors.go and client/request.go), which were reworded in
Engine 28 and 29, of docker/cli, of runc and of the kernel; both wordings are here. USER stands for the user's name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

STAGES = {
    "user": "There is no user USER on this host",
    "client": "USER has no docker command",
    "server": "The docker of USER gets no answer from the daemon",
    "compose": "`docker compose` does not work for USER",
    "load": "The daemon does not take the image of the proof",
    "run": "The container does not run for USER",
    "output": "The container ran for USER, but did not print its line",
    "removal": "Docker works for USER, but the image of the proof could not be removed",
    "script": "The proof of USER ended before it was done",
}
"""What went wrong, by the stage of the script that failed."""

_JOURNAL = "sudo journalctl -u docker -n 50 --no-pager"
_TIMED_OUT = (124, 137)
_ILLEGAL_INSTRUCTION = 132


@dataclass(frozen=True, slots=True)
class Symptom:
    """A text (a regular expression, whatever the case), in which stages it means something, and what."""

    text: str
    why: str
    hint: str
    stages: tuple[str, ...] = ()


_SETTINGS = Symptom(
    r"\.docker\b.*permission denied|config file.*permission denied",
    "USER may not read the settings and plugins of ~/.docker",
    "sudo chown -R USER: ~USER/.docker; it belongs to root after a `sudo docker login`.",
    ("compose",),
)
_FOREIGN = Symptom(
    r"exec format error|does not match the (specified|detected|expected)|does not provide the specified platform|"
    r"no matching manifest",
    "A program is of another architecture than this host",
    "Compare `dpkg --print-architecture` with `docker version --format '{{.Server.Arch}}'`, "
    "and look for a plugin of another architecture in ~/.docker/cli-plugins.",
)
_NO_COMPOSE = Symptom(
    r"'compose' is not a docker command|unknown command: docker compose",
    "USER has no Compose plugin that can be executed",
    "Provision the step `compose`, or: sudo apt-get install docker-compose-plugin; "
    "a broken ~/.docker/cli-plugins/docker-compose goes before it.",
    ("compose",),
)
_ILLEGAL = Symptom(
    r"illegal instruction",
    "A program of Docker's is built for a newer processor than this one",
    "Look at `uname -m`: Docker's packages need ARMv7 at least; a binary of the right architecture is needed.",
)
_TIMEOUT = Symptom(
    r"",
    "Docker gave USER no answer within its time",
    f"The host may be busy or its disk slow: try again, then look at {_JOURNAL}",
)

SYMPTOMS: tuple[Symptom, ...] = (
    Symptom(
        r"permission denied while trying to connect",
        "USER may not talk to the Docker daemon",
        "Provision the step `group` with USER in it (or: sudo usermod -aG docker USER), then log in again: "
        "a session keeps the groups that it began with.",
    ),
    Symptom(
        r"client version \S+ is too (old|new)|maximum supported API version|minimum supported API version",
        "The docker of USER and the daemon are too far apart in age",
        "Install docker-ce-cli in the version of docker-ce, and set no DOCKER_API_VERSION.",
    ),
    Symptom(
        r"cannot connect to the docker daemon|failed to connect to the docker api|is the docker daemon running",
        "The Docker daemon does not answer",
        f"sudo systemctl reset-failed docker; sudo systemctl restart docker; and if that fails: {_JOURNAL}",
    ),
    _SETTINGS,
    _FOREIGN,
    _ILLEGAL,
    _NO_COMPOSE,
    Symptom(
        r"apparmor_parser|apparmor_failed|apparmor.*(unable|could not|failed)",
        "AppArmor is on in the kernel, but its tools are missing or refuse the profile",
        "sudo apt-get install apparmor && sudo systemctl restart docker",
    ),
    Symptom(
        r"cgroup.*read-only file system|read-only file system.*cgroup|cgroups?:? .*(mountpoint does not exist|not mounted)",
        "The host's control groups are read-only or not mounted, so no container can start",
        "Reboot the host; if it is a container itself, its own host must let it write to /sys/fs/cgroup.",
    ),
    Symptom(
        r"no chain/target/match by that name|iptables.*(failed|no such|does a matching)|failed to set up container networking",
        "The rules that Docker made in the firewall are gone",
        "sudo systemctl restart docker; it is needed after each flush of the firewall, "
        "and a reboot after an upgrade of the kernel.",
    ),
    Symptom(
        r"exec: \"?runc\"?: executable file not found",
        "runc, which starts the containers, is missing",
        "sudo apt-get install --reinstall containerd.io",
    ),
    Symptom(
        r"no space left on device",
        "The disk is full where Docker keeps its data",
        "df -h /var/lib/docker /var/lib/containerd; then, with care: docker system prune",
    ),
)
"""The first that is found counts."""

_BY_STAGE = {
    "user": "Name users of the host in the recipe's section `group`.",
    "client": "Provision the step `engine`, or: sudo apt-get install docker-ce-cli",
    "removal": "docker image ls fleet-proof; docker image rm -f the one that is left",
}


def find(stage: str, code: int, words: Sequence[str]) -> tuple[Symptom | None, str]:
    """The symptom that a stage's exit code and docker's lines show, if any, and the line that says most."""
    for symptom in SYMPTOMS:
        for line in words:
            if (not symptom.stages or stage in symptom.stages) and re.search(symptom.text, line, re.IGNORECASE):
                return symptom, line
    last = next((line for line in reversed(words) if not line.lower().startswith(("see '", "run 'docker"))), "")
    if code in _TIMED_OUT and stage != "user":
        return _TIMEOUT, last
    if code == _ILLEGAL_INSTRUCTION:
        return _ILLEGAL, last
    if stage in _BY_STAGE:
        return Symptom("", STAGES[stage], _BY_STAGE[stage]), last
    return None, last
