"""``python -m tests.lab.vm.board_supervise FOLDER/vm.json``: what `supervise` does, for qemu's Raspberry Pi 3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from . import firmware, tools
from .machine import EmulatedMachine, Plan
from .supervise import MORE, _watch


class BoardMachine(EmulatedMachine):
    """A machine without the lab's agent, since the board has no port for it: that qemu runs is seen by its monitor."""

    supervisor = "tests.lab.vm.board_supervise"

    def __init__(self, folder: Path, lab: str, name: str) -> None:
        super().__init__(folder, lab, name)
        self.agent = self.monitor


def main(path: str) -> int:
    """Run the board, again after each reboot; return qemu's exit code."""
    place = BoardMachine(Path(path).parent, "", "")
    plan = Plan(**json.loads(place.script.read_text()))
    while True:
        code, reason = _run(place, plan)
        print(f"lab: qemu ended with {code} ({reason or 'no reason given'})", flush=True)
        if code or reason != "guest-reset":
            return code


def _run(place: BoardMachine, plan: Plan) -> tuple[int, str]:
    for socket in (place.monitor, place.events):
        socket.unlink(missing_ok=True)
    command = ["setpriv", "--pdeathsig", "KILL", "--", *_command(place, plan)]
    with subprocess.Popen(command, env={**os.environ, **tools.environment()}) as process:
        reason = _watch(place, plan, process)
    return process.returncode, reason


def _command(place: BoardMachine, plan: Plan) -> list[str]:
    words = f"{MORE} lab.now={time.time():.0f} lab.address={plan.addresses}"
    line = firmware.command_line(plan.bootargs, firmware.read(place.disk), words)
    return [
        *tools.qemu("-machine", "raspi3b", "-nodefaults", "-display", "none", "-no-reboot"),
        *("-accel", "tcg,thread=multi,tb-size=512"),
        *("-kernel", plan.kernel, "-initrd", plan.initramfs, "-dtb", plan.device_tree, "-append", line),
        *("-drive", f"if=none,id=disk,file={place.disk},format=qcow2,cache=unsafe,discard=unmap"),
        *("-device", "usb-storage,drive=disk"),
        *("-netdev", f"tap,id=net,ifname={plan.tap},script=no,downscript=no"),
        *("-device", f"usb-net,netdev=net,mac={plan.mac}"),
        *("-chardev", f"file,id=console,path={place.log},append=on", "-serial", "chardev:console"),
        *(part for socket in (place.events, place.monitor) for part in ("-qmp", f"unix:{socket},server=on,wait=off")),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
