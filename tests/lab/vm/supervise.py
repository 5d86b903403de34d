"""``python -m tests.lab.vm.supervise FOLDER/vm.json``: run qemu until the machine powers off, again after each reboot.

A reboot goes through the firmware: the kernel's command line is read anew from the machine's disk.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from . import firmware, qmp, tools
from .machine import EmulatedMachine, Plan

MORE = "quiet mitigations=off"


def main(path: str) -> int:
    """Run the machine; return qemu's exit code."""
    place = EmulatedMachine(Path(path).parent, "", "")
    plan = Plan(**json.loads(place.script.read_text()))
    snapshot = plan.snapshot
    while True:
        code, reason = _run(place, plan, snapshot)
        print(f"lab: qemu ended with {code} ({reason or 'no reason given'})", flush=True)
        if code or reason != "guest-reset":
            return code
        snapshot = ""


def _run(place: EmulatedMachine, plan: Plan, snapshot: str) -> tuple[int, str]:
    for socket in (place.monitor, place.events, place.agent):
        socket.unlink(missing_ok=True)
    command = ["setpriv", "--pdeathsig", "KILL", "--", *_command(place, plan, snapshot)]
    with subprocess.Popen(command, env={**os.environ, **tools.environment()}) as process:
        reason = _watch(place, plan, process)
    return process.returncode, reason


def _command(place: EmulatedMachine, plan: Plan, snapshot: str) -> list[str]:
    words = f"{MORE} lab.address={plan.addresses}" if plan.addresses else MORE
    line = firmware.command_line(plan.bootargs, firmware.read(place.disk), words)
    return [
        *tools.qemu(*board(plan.cpu, plan.memory)),
        *("-nodefaults", "-display", "none", "-no-reboot", "-accel", "tcg,tb-size=256"),
        *("-kernel", plan.kernel, "-initrd", plan.initramfs, "-dtb", plan.device_tree, "-append", line),
        *("-drive", f"if=none,id=disk,file={place.disk},format=qcow2,cache=unsafe,discard=unmap"),
        *("-device", "virtio-blk-device,drive=disk", "-device", "virtio-rng-device"),
        *("-netdev", f"tap,id=net,ifname={plan.tap},script=no,downscript=no"),
        *("-device", f"virtio-net-device,netdev=net,mac={plan.mac}"),
        *("-chardev", f"socket,id=agent,path={place.agent},server=on,wait=off"),
        *("-device", "virtio-serial-device", "-device", "virtserialport,chardev=agent,name=lab"),
        *("-chardev", f"file,id=console,path={place.log},append=on", "-serial", "chardev:console"),
        *(part for socket in (place.events, place.monitor) for part in ("-qmp", f"unix:{socket},server=on,wait=off")),
        *(("-loadvm", snapshot) if snapshot else ()),
    ]


def board(cpu: str, memory: int) -> list[str]:
    """Return the options that decide what the device tree says."""
    return ["-cpu", cpu, "-m", str(memory), "-smp", "1", "-machine", "virt"]


def _watch(place: EmulatedMachine, plan: Plan, process: subprocess.Popen[bytes]) -> str:
    """Put the machine on its bridge, and wait for its end; return why it ended, in qemu's word."""
    while not place.agent.exists() and process.poll() is None:
        time.sleep(0.05)
    if process.poll() is not None:
        return "qemu failed"
    reason = ""
    with qmp.connect(place.events, timeout=None) as control:
        if plan.bridge:
            subprocess.run(["ip", "link", "set", plan.tap, "master", plan.bridge, "up"], check=True)
        for event in control.events():
            if event["event"] == "SHUTDOWN":
                reason = str(event["data"]["reason"])
    process.wait()
    return reason


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
