"""Who logs in, how root rights come about there, and that a password is seen by nobody."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab import users
from tests.lab.fixtures import MakeHost
from tests.lab.host import Host
from tests.support import watch
from tests.support.project import Project, Said
from tests.support.terminal import at_terminal

pytestmark = [pytest.mark.lab, pytest.mark.slow]

VARIABLE, COMMAND = "FLEET_SUDO_PASSWORD", "FLEET_SUDO_PASSWORD_COMMAND"
CONTROL = "seen-by-the-watch"
LOGINS = ("root", "dashy", "fishy", "noisy")


def _password(user: str) -> str:
    return users.user(user).password or ""


def _journal(host: Host) -> str:
    return host.exec("journalctl --no-pager -o verbose; cat /var/log/auth.log 2>/dev/null", check=False).stdout


# ── sudo with a password ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("user", "identity", "sudo"),
    [("carol", "debian-trixie", "classic"), ("rusty", "ubuntu-resolute", "rs")],
)
def test_sudo_with_a_password(user: str, identity: str, sudo: str, fresh_host: MakeHost, project: Project) -> None:
    """From bare to proven with sudo's password, which is in no argument, log, plan, JSON or journal."""
    host = fresh_host(identity, user=user, sudo=sudo)
    project.inventory([host])
    secret = _password(user)
    (project.folder / "secret").write_text(f"{secret}\n")
    way = {COMMAND: "cat secret"} if sudo == "rs" else {VARIABLE: secret}
    with watch.processes(host, secret, CONTROL) as seen, host.start_process(f"sleep 1; : {CONTROL}"):
        planned = project.fleet("plan", "--all", "--out", "fleet.plan", **way)
        done = project.fleet("provision", "--all", "--json", "-vv", **way)
    assert planned.code == 0, planned
    assert done.code == 0, done
    assert any(f"{user} ran a container" in line for line in done.hosts()[host.name]["proven"]), done

    assert any(CONTROL in line for line in seen), "the watch sees what is to be seen"
    assert [line for line in seen if CONTROL not in line] == []
    assert watch.files_with(project.folder / "state", secret) == []
    for text in (planned.out, planned.err, done.out, done.err, (project.folder / "fleet.plan").read_text(), _journal(host)):
        assert secret not in text


def test_the_password_of_a_person_at_a_terminal(converged: Callable[..., Host], project: Project) -> None:
    """Without -K it is asked for once, when a host wants it; with -K before anything is connected."""
    host = converged()
    project.write_inventory({"one": project.entry(host, user="carol"), "two": project.entry(host, user="carol")})
    question = "sudo password (one for all hosts that want one): "
    late = at_terminal(project, "provision", "--all", "--no-color", answers={question: _password("carol")})
    assert late.code == 0, late
    assert late.out.count(question) == 1, late
    early = at_terminal(project, "plan", "--all", "-K", "--check", answers={"sudo password: ": _password("carol")})
    assert early.code == 0, early
    for said in (late, early):
        assert _password("carol") not in said.out


def test_before_any_change(fresh_host: MakeHost, project: Project) -> None:
    """A wrong password, none at all, or a user without rights: each is said in words with a way out, and nothing is changed."""
    host = fresh_host(user="carol")
    project.write_inventory({"one": project.entry(host), "two": project.entry(host, user="nosudo")})
    before = host.snapshot()

    wrong = project.fleet("provision", "--all", "--json", **{VARIABLE: "a wrong guess"})
    assert wrong.code == 1, wrong
    one = wrong.hosts()["one"]["failure"]
    assert (one["stage"], one["why"]) == ("sudo", "sudo refused the password"), wrong
    assert "-K" in one["hint"]
    assert "a wrong guess" not in wrong.out + wrong.err

    useless = project.fleet("provision", "two", "--json", **{VARIABLE: _password("nosudo")})
    assert useless.code == 1, useless
    two = useless.hosts()["two"]["failure"]
    assert "user nosudo has no root rights" in two["why"], useless
    assert "usermod -aG sudo nosudo" in two["hint"]

    without = project.fleet("provision", "--all", "--json")
    assert without.code == 1, without
    one = without.hosts()["one"]["failure"]
    assert "none was given" in one["why"], without
    assert VARIABLE in one["hint"]

    touched = [change.path for change in host.upper_changes(before)]
    assert [
        path for path in touched if "docker" in path or path.startswith(("etc/", "usr/", "var/lib/apt", "var/lib/dpkg"))
    ] == []
    failures = host.exec("journalctl -o cat -t sudo | grep -c 'authentication failure.*user=carol'", check=False).stdout
    assert int(failures) <= 1, "a password is tried once, lest an account be locked"


def test_facts_need_no_root(fresh_host: MakeHost, project: Project) -> None:
    """Who may not become root can still ask for facts, and is told that some are unknown."""
    host = fresh_host(user="nosudo")
    project.inventory([host])
    said = project.fleet("facts", "--all", "--json")
    assert said.code == 0, said
    assert said.hosts()[host.name]["facts"]["codename"] == "trixie"


# ── logins ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _facts(said: Said) -> list[dict[str, object]]:
    own = ("user", "uid", "sudo", "groups", "session_groups")
    return [{k: v for k, v in host["facts"].items() if k not in own} for host in said.hosts().values()]


def test_every_login_shell(converged: Callable[..., Host], project: Project) -> None:
    """root, dash, fish and a shell with a noisy start all see the same facts, and provision and prove alike."""
    host = converged()
    host.exec("rm /etc/apt/sources.list.d/docker.sources /etc/apt/keyrings/docker.*")
    project.write_inventory({user: project.entry(host, user=user) for user in LOGINS})
    facts = project.fleet("facts", "--all", "--json")
    assert facts.code == 0, facts
    first, *others = _facts(facts)
    for other in others:
        assert other == first, facts

    done = project.fleet("provision", "--all", "--json", "--parallel", "1")
    assert done.code == 0, done
    assert done.changed("root") == ["keyring", "source"], done
    for user in LOGINS[1:]:
        assert done.changed(user) == ["group"], done
    for user in LOGINS:
        assert any(f"{user} ran a container" in line for line in done.hosts()[user]["proven"]), done
    again = project.fleet("provision", "--all", "--json")
    assert again.json["totals"]["ok"] == len(LOGINS), again


def test_every_named_user_is_proven(converged: Callable[..., Host], project: Project) -> None:
    """Users whom the recipe names get the group, and the container runs as each of them."""
    host = converged()
    project.inventory([host])
    project.recipe("several", group={"users": ["pi", "dashy", "nosudo"]})
    done = project.fleet("provision", "--all", "-r", "several", "--json")
    assert done.code == 0, done
    assert done.changed(host.name) == ["group"], done
    proven = "\n".join(done.hosts()[host.name]["proven"])
    for user in ("pi", "dashy", "nosudo"):
        assert f"{user} ran a container" in proven, done
    assert "docker" in host.ssh("id -Gn", user="nosudo").stdout.split()
