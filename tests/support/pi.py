"""What the tests on emulated Raspberry Pis have in common."""

from __future__ import annotations

from typing import Any

from tests.lab.vm.host import EmulatedHost
from tests.support.project import Project, Said

BARE = ["keyring", "source", "engine", "group", "compose"]
"""What the recipe `docker` changes on a bare host."""
PI = ["journal", "keyring", "source", "engine", "daemon", "group", "compose"]
"""What the recipe `pi` changes beside clock and memory controller, which come first."""
IMAGES = ["images", "builds"]
"""What a recipe `with_images` changes beside."""
PATIENT = 1800
"""Seconds for a run; some 200 on a quiet machine, a reboot included."""
CMDLINE = "/boot/firmware/cmdline.txt"
PULLED, BUILT = "hello-world", "kitchen/machine:1"


def ask(project: Project, verb: str, *words: str, timeout: float = PATIENT) -> Said:
    """Run a verb for the whole inventory, with the patience that an emulated machine needs."""
    return project.fleet(verb, "--all", *words, "--json", timeout=timeout)


def with_images(project: Project, name: str, **sections: Any) -> str:
    """Write a recipe with an image that is pulled and one that is built, and these sections; return its name."""
    path = project.recipe(name, images={"pull": [PULLED]}, builds={"images": [{"tag": BUILT, "context": "machine"}]}, **sections)
    context = path.parent / "machine"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text('FROM busybox\nRUN uname -m > /machine\nCMD ["cat", "/machine"]\n')
    return name


def check_images(pi: EmulatedHost) -> None:
    """Both are for arm64, and run as the login user."""
    for image, said in ((PULLED, "Hello from Docker!"), (BUILT, "aarch64")):
        assert said in pi.ssh(f"docker run --rm {image}", timeout=300).stdout, image
        assert pi.ssh(f"docker image inspect -f '{{{{.Architecture}}}}' {image}", timeout=300).stdout.strip() == "arm64", image
