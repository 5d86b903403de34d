"""How the program ends: exit codes, sentences with a remedy, no tracebacks, and quick where nothing is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fleet import __version__
from fleet.cli import app, main
from fleet.cli.options import Login, Which
from fleet.cli.prepare import prepare
from fleet.cli.session import Session
from fleet.errors import Interrupted, RecipeError, RemoteError

CLONE = Path(__file__).parents[2]


def _fleet(*words: str, cwd: Path, **kwargs: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(CLONE), "XDG_STATE_HOME": str(cwd / "state")}
    environment.pop("FLEET_INVENTORY", None)
    command = [sys.executable, "-m", "fleet", *words]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, **kwargs)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with an inventory."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "fleet.yml").write_text("hosts:\n  pi-kitchen:\n  pi-office:\n")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (["prvision"], "there is no verb 'prvision'; did you mean 'provision'?", "verbs are: init, inventory"),
        (["plan", "--al"], "no such option: --al", "see `fleet plan --help`"),
        (["plan", "--parallel", "0", "--all"], "invalid value for '--parallel'", "see `fleet plan --help`"),
        (["plan", "--parallel", "many", "--all"], "invalid value for '--parallel'", "see `fleet plan --help`"),
        (["schema"], "missing argument", "see `fleet schema --help`"),
        (["schema", "x"], "invalid value", "see `fleet schema --help`"),
        (["plan"], "no host is named", "or all with --all; hosts: pi-kitchen, pi-office"),
        (["plan", "pi-kitchn"], "did you mean 'pi-kitchen'?", "hosts: pi-kitchen, pi-office"),
        (["plan", "--all", "-i", "nowhere"], "there is no inventory 'nowhere'", "give the path"),
        (["plan", "--all", "-r", "dcker"], "there is no recipe 'dcker'; did you mean 'docker'?", "recipes are:"),
        (["plan", "--all", "-e", "x"], "-e 'x' gives no value", "write -e x=VALUE"),
        (["plan", "--all", "--step", "engin"], "--step engin: there is no such step; did you mean 'engine'?", "steps are:"),
        (["plan", "--all", "--skip", "x"], "--skip x: there is no such step", "steps are:"),
        (["plan", "--all", "-u", "-oProxyCommand=x"], "--user: ", "correct --user"),
        (["plan", "--all", "--identity", "id.pub"], "--identity: ", "correct --identity"),
        (["plan", "--all", "-K"], "-K needs a terminal to ask on", "set FLEET_SUDO_PASSWORD instead"),
        (["plan", "--all", "-k"], "-k needs a terminal to ask on", "set FLEET_PASSWORD instead"),
        (["run", "--all"], "there is no command to run", "fleet run pi-kitchen -- uptime"),
        (["run", "--", "uptime"], "no host is named", "hosts: pi-kitchen"),
    ],
)
def test_misuse_is_told_in_words(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    error: str,
    hint: str,
) -> None:
    """Exit code 2, what is wrong, and what to type; nothing on stdout, no traceback, no connection."""
    monkeypatch.chdir(project)
    monkeypatch.delenv("FLEET_INVENTORY", raising=False)
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert error in said.err
    assert hint in said.err.partition("hint: ")[2]


def test_a_wrong_recipe_is_found_before_anything_is_connected(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An option that can't be is a mistake of the file, once, and not a failure of each host."""
    monkeypatch.chdir(project)
    monkeypatch.delenv("FLEET_INVENTORY", raising=False)
    (project / "bad.yml").write_text("engine: {version: 28.5}\n")
    assert main(["provision", "--all", "-r", "./bad.yml"]) == 2
    assert capsys.readouterr().err.count("bad.yml:1: engine.version") == 1


LOST = "archives:\n  images:\n    shop/web:1: web.tar\n"


@pytest.mark.parametrize(
    "words",
    [["validate"], ["plan", "--all"], ["provision", "--all"], ["verify", "--all"], ["stacks", "--all"], ["images", "lock"]],
)
def test_what_a_recipe_names_of_the_laptop_is_looked_for_first(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """A lost archive is a mistake of the file for verbs that need it, told once for all hosts, and none is connected."""
    monkeypatch.chdir(project)
    monkeypatch.delenv("FLEET_INVENTORY", raising=False)
    (project / "lost.yml").write_text(LOST)
    assert main([*words, "-r", "./lost.yml"]) == 2
    said = capsys.readouterr().err
    assert said.count("lost.yml:3: archives.images.shop/web:1: there is no file or folder 'web.tar'") == 1
    assert "hint: a path is relative to the recipe" in said


def test_verbs_that_make_no_plans_go_without(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks at containers from another laptop needs no archives there, nor who carries out a plan that was saved."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("XDG_STATE_HOME", str(project / "state"))
    (project / "inventory" / "fleet.yml").write_text("hosts: {local: {address: local, recipe: ./lost.yml}}\n")
    (project / "lost.yml").write_text(LOST)
    session, which = Session(), Which(hosts=["local"])
    assert prepare(session, which, Login()).hosts
    with pytest.raises(RecipeError, match="there is no file or folder"):
        prepare(session, which, Login(), looks=True)


def test_version_and_help(project: Path) -> None:
    """As a program: exit code 0, on stdout; without words, the help and exit code 2."""
    assert _fleet("--version", cwd=project).stdout == f"fleet {__version__}\n"
    done = _fleet("--help", cwd=project)
    assert (done.returncode, done.stderr) == (0, "")
    assert [verb for verb in app.VERBS if f"\n  {verb} " not in done.stdout] == []
    assert _fleet(cwd=project).returncode == 2


def test_a_misspelt_command_of_images_is_no_riddle(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A word that is no host may have been meant as a command; one that is like none is just no host."""
    monkeypatch.chdir(project)
    monkeypatch.delenv("FLEET_INVENTORY", raising=False)
    assert main(["images", "outdatd"]) == 2
    assert "nor such a command of `fleet images`; did you mean 'outdated'?" in capsys.readouterr().err
    assert main(["images", "xyzzy"]) == 2
    assert "command" not in capsys.readouterr().err


def test_every_verb_has_help(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each option of each verb has a line."""
    for verb in app.VERBS:
        command = {"inventory": ["import"], "images": ["list"], "stacks": ["list"], "swarm": ["leave"]}.get(verb, [])
        assert main([verb, *command, "--help"]) == 0
        assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    "call", ["main(['--help'])", "main(['provision', '--help'])", "main(['hosts'])", "main(['validate'])", "main(['recipes'])"]
)
def test_what_needs_no_ssh_loads_none(project: Path, call: str) -> None:
    """`fleet --help` and the verbs that read files import neither paramiko nor fabric, nor rich; `--help` not even pydantic."""
    heavy = [
        "paramiko",
        "fabric",
        "invoke",
        "cryptography",
        "rich",
        *(["pydantic", "yaml"] if call == "main(['--help'])" else []),
    ]
    code = (
        f"import sys\nfrom fleet.cli import main\nassert {call} == 0\nprint('loaded', [m for m in {heavy} if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(CLONE)}
    done = subprocess.run([sys.executable, "-c", code], cwd=project, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded []"


def test_hosts_is_linear(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ten times the hosts take no more than some fifteen times the time."""
    times = []
    for count in (1000, 10_000):
        path = tmp_path / f"{count}.yml"
        path.write_text("hosts:\n" + "".join(f"  pi-{number}: {{user: pi}}\n" for number in range(count)))
        started = time.process_time()
        assert main(["hosts", "-i", str(path)]) == 0
        times.append(time.process_time() - started)
        assert len(capsys.readouterr().out.splitlines()) == count + 1
    assert times[1] < 15 * times[0] + 0.5


def test_a_reader_that_goes_away(project: Path) -> None:
    """`fleet hosts | head -1` is fine: no message, and the exit code is the verb's own."""
    (project / "many.yml").write_text("hosts:\n" + "".join(f"  pi-{number}:\n" for number in range(20_000)))
    line = f"set -o pipefail; {sys.executable} -m fleet hosts -i many.yml | head -1"
    environment = {**os.environ, "PYTHONPATH": str(CLONE)}
    done = subprocess.run(["bash", "-c", line], cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout[:4]) == (0, "", "HOST")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_told(project: Path) -> None:
    """What can't be written is an error, and no success."""
    line = f"{sys.executable} -m fleet hosts > /dev/full"
    environment = {**os.environ, "PYTHONPATH": str(CLONE)}
    done = subprocess.run(["bash", "-c", line], cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: No space left on device")


def _raise(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def raising(*_: object) -> None:
        raise error

    monkeypatch.setattr("fleet.inventory.locate", raising)
    monkeypatch.setattr("fleet.cli.files.locate", raising)


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (KeyboardInterrupt(), 130, ""),
        (Interrupted("stopped", "run it again"), 130, "error: stopped\nhint: run it again\n"),
        (RemoteError("the host said no", "ask it"), 1, "error: the host said no\nhint: ask it\n"),
        (PermissionError(13, "Permission denied", "/x"), 1, "error: Permission denied: /x\n"),
    ],
)
def test_what_ends_a_verb(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, text: str
) -> None:
    """Every error of ours and of the system is a sentence and an exit code."""
    _raise(monkeypatch, error)
    assert main(["hosts"]) == code
    assert capsys.readouterr().err == text


@pytest.mark.parametrize(("words", "shown"), [(["hosts"], False), (["hosts", "-vv"], True), (["-v", "hosts", "-v"], True)])
def test_a_bug_is_one_line_and_a_traceback_to_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], shown: bool
) -> None:
    """The traceback is kept in a file, and shown with -vv, before or after the verb."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    _raise(monkeypatch, KeyError("oops"))
    assert main(words) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: unexpected KeyError: 'oops'\n")
    assert ("Traceback" in said) is shown
    path = tmp_path / "fleet" / "logs" / "crash.log"
    assert str(path) in said
    assert "Traceback" in path.read_text(encoding="utf-8")


def test_ctrl_c_while_a_password_command_runs(project: Path) -> None:
    """Stopped at once, with 130."""
    environment = {**os.environ, "PYTHONPATH": str(CLONE), "FLEET_SUDO_PASSWORD_COMMAND": "echo asked >&2; sleep 60"}
    command = [sys.executable, "-m", "fleet", "plan", "--all"]
    with subprocess.Popen(
        command, cwd=project, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        assert run.stderr is not None
        assert run.stderr.readline() == "asked\n"
        time.sleep(0.5)  # nobody's Ctrl-C comes between two commands of the shell, where the second would miss it
        os.killpg(run.pid, signal.SIGINT)
        assert run.wait(20) == 130
        assert "Traceback" not in run.stderr.read()
