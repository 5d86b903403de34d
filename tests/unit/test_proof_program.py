"""The program of the proof: its bytes are what its words say, and it runs."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.proof.program import AMD64, ARM, ARM64, Program

PROGRAMS = pytest.mark.parametrize("program", [AMD64, ARM64, ARM], ids=lambda p: p.name)
BINUTILS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu", "arm": "arm-linux-gnueabihf"}
QEMU = {"amd64": "qemu-x86_64", "arm64": "qemu-aarch64", "arm": "qemu-arm"}
MACHINES = {"amd64": ("x86_64",), "arm64": ("aarch64",), "arm": ("armv6l", "armv7l")}


def _tool(*names: str, package: str) -> str:
    found = next((path for name in names if (path := shutil.which(name))), None)
    return found or pytest.skip(f"no {' or '.join(names)}: apt-get install {package}")


def _runner(program: Program) -> list[str]:
    if sys.platform != "linux":
        pytest.skip("programs for Linux run on Linux")
    if platform.machine() in MACHINES[program.name]:
        return []
    name = QEMU[program.name]
    return [_tool(name, f"{name}-static", package="qemu-user-static")]


@PROGRAMS
def test_bytes_are_what_the_words_say(program: Program, tmp_path: Path) -> None:
    """GNU as makes of the instructions' words, with the line before them, exactly the bytes that stand beside them."""
    prefix = BINUTILS[program.name]
    package = f"binutils-{prefix.replace('_', '-')}"
    assembler = _tool(f"{prefix}-as", package=package)
    objcopy = _tool(f"{prefix}-objcopy", package=package)
    lines = (f'message: .ascii "{program.line}\\n"', ".balign 4, 0", *(i.words for i in program.instructions))
    source, built, raw = (tmp_path / name for name in ("hello.s", "hello.o", "hello.bin"))
    source.write_text("\n".join(lines) + "\n")
    subprocess.run([assembler, "-o", built, source], check=True)
    subprocess.run([objcopy, "-O", "binary", "-j", ".text", built, raw], check=True)
    assert raw.read_bytes() == program.message + program.code


@PROGRAMS
def test_it_prints_its_line_and_exits_0(program: Program, tmp_path: Path) -> None:
    """The executable runs, on this processor or an emulated one, prints the line that it is known for and nothing else."""
    file = tmp_path / "hello"
    file.write_bytes(program.elf())
    file.chmod(0o755)
    done = subprocess.run([*_runner(program), file], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, program.line + "\n", "")


@PROGRAMS
def test_it_is_tiny_and_names_its_architecture(program: Program) -> None:
    """The file is a few hundred bytes, and the line says which architecture ran."""
    assert len(program.elf()) < 400
    assert program.line == f"Hello from fleet: a container runs on linux/{program.name}"


@PROGRAMS
def test_binutils_find_no_fault_in_the_headers(program: Program, tmp_path: Path) -> None:
    """readelf reads the headers without a warning: a static executable, no executable stack, pages of any size."""
    file = tmp_path / "hello"
    file.write_bytes(program.elf())
    readelf = _tool("readelf", package="binutils")
    done = subprocess.run([readelf, "-hlW", file], capture_output=True, text=True, check=True)
    segments = [line.split() for line in done.stdout.splitlines() if line.strip().startswith(("LOAD", "GNU_STACK"))]
    assert done.stderr == ""
    assert "EXEC (Executable file)" in done.stdout
    assert [(words[0], words[-1]) for words in segments] == [("LOAD", "0x10000"), ("GNU_STACK", "0x10")]
    assert "E" not in segments[1][6:-1]
