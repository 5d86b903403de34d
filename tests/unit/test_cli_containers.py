"""The verbs of containers: what is wrong on the command line is said before anything is connected."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.cli import main


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with an inventory of one host, which does not exist."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "fleet.yml").write_text("hosts:\n  pi-1: {address: host.invalid}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("FLEET_INVENTORY", raising=False)
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)


@pytest.mark.parametrize(
    ("words", "why", "hint"),
    [
        (["exec", "pi-1", "web"], "there is no command to run", "fleet exec pi-kitchen web -- nginx -t"),
        (["exec", "pi-1", "--", "id"], "there is no container to run it in", "name it behind the hosts"),
        (["exec", "--all", "--", "id"], "there is no container to run it in", "name it behind the hosts"),
        (["docker", "pi-1", "--"], "there is no docker command to run", "fleet docker pi-kitchen -- images"),
        (["docker", "pi-1"], "there is no docker command to run", "fleet docker pi-kitchen -- images"),
        (["docker", "--all", "--", "run", "-it", "busybox"], "needs a terminal", "ssh -t HOST docker run -it busybox"),
        (["docker", "--", "ps"], "no host is named", "--all"),
        (["logs", "--all", "--since", "yesterday"], "--since yesterday: this is no time", "10m"),
        (["logs", "--all", "--tail", "few"], "--tail few: this is no number of lines", "all"),
        (["logs", "--all", "--json"], "logs have no JSON", "leave --json out"),
        (["ps", "pi-2"], "pi-2", "pi-1"),
        (["context", "fact:architecture=arm64"], "facts are not known", "name the hosts"),
        (["context", "pi-1", "--prefix", "-"], "docker takes no context named -pi-1", "--prefix fleet-"),
    ],
)
def test_wrong_words(words: list[str], why: str, hint: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Exit code 2, a sentence and a hint; nothing was connected and nothing written."""
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    error, _, remedy = said.err.partition("hint: ")
    assert why in error
    assert hint in error + remedy
    assert "Traceback" not in said.err
    assert not (tmp_path / ".docker").exists()
    assert not (tmp_path / ".ssh").exists()


def test_contexts_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A row a host: what it is called, what became of it, where it leads."""
    for outcome in ("written", "ok"):
        assert main(["context", "--all"]) == 0
        assert capsys.readouterr().out.splitlines()[1].split() == ["pi-1", "pi-1", outcome, "ssh://fleet-pi-1"]
