"""The sources: what they make of what programs print and of what people keep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from fleet.contexts.sshfile import update
from fleet.errors import FleetError, InventoryError, UsageError
from fleet.importing import SOURCES, ansible, mdns, ssh_config, vagrant
from fleet.importing.ranges import MOST, expand
from fleet.importing.source import checked
from tests.unit.importing.support import data, rows, world

KEYS = "/home/ann/.vagrant.d/insecure_private_keys/vagrant.key"


# ── vagrant ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_vagrant_is_asked() -> None:
    """Address, port, user and key of each machine; of several keys the first that is there, and the others are told."""
    asked = []

    def run(words: Sequence[str]) -> str:
        asked.append(list(words))
        return data("vagrant.txt")

    findings = vagrant.find(None, world(run=run, there=[f"{KEYS}.rsa", "/home/ann/my machines/100% here/.vagrant/private_key"]))
    assert asked == [["vagrant", "ssh-config"]]
    assert rows(findings) == {
        "vagrant-ubuntu": {"address": "127.0.0.1", "user": "vagrant", "port": 2222, "key": f"{KEYS}.rsa"},
        "vagrant-debian": {
            "address": "127.0.0.1",
            "user": "vagrant",
            "port": 2200,
            "key": "/home/ann/my machines/100% here/.vagrant/private_key",
        },
        "far": {"address": "fd00::20", "user": "vagrant", "port": 22},
    }
    assert findings.notes == (
        f"vagrant-ubuntu: a host has one key in an inventory: {KEYS}.rsa is taken, and not {KEYS}.ed25519",
        "vagrant ssh-config:26: vagrant-debian: proxycommand is not taken over: "
        "give the host a gateway, or fleet this file with -F",
    )
    checked(findings)


STATES = """\
1795540412,vagrant-ubuntu,metadata,provider,libvirt
1795540412,vagrant-ubuntu,state,not_created
1795540412,vagrant-ubuntu,state-human-short,not created
1795540412,vagrant-debian,state,{other}
1795540412,,ui,info,Current machine states:\\n\\nvagrant-ubuntu   not created (libvirt)%!(VAGRANT_COMMA)
"""


def test_vagrant_with_machines_that_do_not_run() -> None:
    """Vagrant refuses when it is asked for all; then those that run are asked for by name, and the others are told."""
    asked = []

    def run(words: Sequence[str]) -> str:
        asked.append(" ".join(words[1:]))
        if list(words) == ["vagrant", "ssh-config"]:
            raise UsageError("not ready", "start it")
        return STATES.format(other="running") if words[1] == "status" else "Host vagrant-debian\n  HostName 192.0.2.1\n"

    findings = vagrant.find(None, world(run=run))
    assert asked == ["ssh-config", "status --machine-readable", "ssh-config vagrant-debian"]
    assert rows(findings) == {"vagrant-debian": {"address": "192.0.2.1"}}
    assert findings.notes == ("vagrant-ubuntu is left out: Vagrant calls it not_created",)


@pytest.mark.parametrize("states", ["", STATES.format(other="saved"), "1,one,state,running\n"])
def test_vagrant_that_has_no_machine_to_offer(states: str) -> None:
    """None runs, or all do and something else is wrong: its own words are the error."""

    def run(words: Sequence[str]) -> str:
        if words[1] == "status":
            return states
        raise UsageError("not ready", "start it")

    with pytest.raises(UsageError, match="not ready"):
        vagrant.find(None, world(run=run))


def test_vagrant_output_that_was_saved() -> None:
    """A file, or stdin, is read in place of a call; keys that are on another machine are told."""
    findings = vagrant.find("-", world({"-": data("vagrant.txt")}))
    assert str(findings.hosts[0].where) == "stdin:1"
    assert rows(findings)["vagrant-ubuntu"]["key"] == f"{KEYS}.ed25519"
    assert "no such key is on this machine" in findings.notes[0]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("The environment has not yet been created.\n", "saved: there is no Host in it"),
        ("Host *\n  User x\n", "saved: there is no Host in it"),
        ("Host a\n  IdentityFile /my machines/key\n", "saved:2: identityfile wants one word, and has 2"),
        ('Host a\n  IdentityFile "/my machines/key\n', "saved:2: a quote is opened and not closed"),
        ("Host a\n  IdentityFile %d/key\n", "saved:2: the key %d/key has a % word of ssh in it"),
        ("Host a\n  Port 99999\n", "saved:1: hosts.a.port: expected a number up to 65535, got 99999"),
        ("Host a\n  Port twelve\n", "saved:1: hosts.a.port: expected a whole number, got 'twelve'"),
        ("Host a\n  User a;reboot\n", "saved:1: hosts.a.user: 'a;reboot' is no user name: it has ; in it"),
        ("Host a/b\n  User x\n", "saved:1: hosts.a/b: the name 'a/b' has / in it"),
        ("Host 300\n  User x\n", "saved:1: the name '300' is no address, and there is no other"),
    ],
)
def test_vagrant_output_that_is_wrong(text: str, error: str) -> None:
    """Path, line and what is wrong, for all that would not be allowed in an inventory either."""
    with pytest.raises(InventoryError) as caught:
        checked(vagrant.find("saved", world({"saved": text})))
    assert str(caught.value).startswith(error)
    assert caught.value.hint


# ── ssh_config ───────────────────────────────────────────────────────────────────────────────────────────────────────

SSH = {
    "~/.ssh/config": data("ssh_config"),
    "~/.ssh/conf.d/a.conf": "Host first\n  User x\n",
    "~/.ssh/conf.d/only-at-home.conf": "Host at-home\n",
    "~/.ssh/more": "Include deeper\nHost more\nInclude never\n",
    "~/.ssh/deeper": "Host deeper\n",
    "~/.ssh/never": "Host never\n",
    "~/.ssh/behind-gate": "Host gate-1\nHost elsewhere\n",
}


def test_ssh_config_names_hosts() -> None:
    """Names in the order of the file, those of included files in their place; ssh knows the rest, so nothing else is said.

    Patterns, negations and what can't match because of the lines around an Include are no hosts.
    """
    findings = ssh_config.find(None, world(SSH, there=["~/.ssh/id_2024"]))
    said = rows(findings)
    assert said.pop("2024") == {"address": "192.0.2.24", "user": "ann", "key": "~/.ssh/id_2024"}
    assert list(said) == ["first", "at-home", "pi-kitchen", "pi-hall", "desk", "web.example", "deeper", "more", "gate-1"]
    assert set(map(str, said.values())) == {"{}"}
    assert findings.notes == ("~/.ssh/config:22: an Include inside a Match can't be judged here: its hosts are left out",)
    checked(findings)


def test_what_fleet_wrote_itself_is_no_host(tmp_path: Path) -> None:
    """`fleet context` has ~/.ssh/config include its file: taken over, each host would be in the inventory twice."""
    update(tmp_path, {"fleet-pi-a": "Host fleet-pi-a\n    User pi\n"})
    ours = (tmp_path / "fleet.conf").read_text()
    found = ssh_config.find(None, world({"~/.ssh/config": "Include fleet.conf\nHost desk\n", "~/.ssh/fleet.conf": ours}))
    assert list(rows(found)) == ["desk"]


def test_another_ssh_config() -> None:
    """ssh does not read it by itself, so that fleet must be given it too."""
    findings = ssh_config.find("other", world({"other": "Host a\nInclude ${HOME}/x %d/y\n"}))
    assert list(rows(findings)) == ["a"]
    assert [note for note in findings.notes if "has a variable in it" in note] != []
    assert findings.notes[-1] == "ssh does not read other by itself: give fleet -F other with these hosts"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Host pi-* !pi-1\nMatch host x\n", "~/.ssh/config: no Host line names a host by name"),
        ("Include config\n", "~/.ssh/config:1: files include each other more than 16 times"),
    ],
)
def test_ssh_config_without_hosts(text: str, error: str) -> None:
    """No host is an error, and files that include each other come to an end."""
    with pytest.raises(InventoryError) as caught:
        ssh_config.find(None, world({"~/.ssh/config": text}))
    assert str(caught.value) == error


# ── ansible ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_ansible_ini() -> None:
    """Ranges with zeros, letters and steps; vars of groups, deeper ones over those around, the host's own over all."""
    findings = checked(ansible.find("hosts.ini", world({"hosts.ini": data("hosts.ini")})))
    said = rows(findings)
    web = {"user": "pi", "key": "~/.ssh/racks", "groups": ["racks", "web"]}
    db = {"user": "dba", "key": "~/.ssh/db key", "groups": ["racks", "db"]}
    assert said == {
        "lonely": {"address": "192.0.2.1", "user": "everybody"},
        "192.0.2.50": {"user": "everybody", "port": 2222},
        "web01.example": web,
        "web02.example": web,
        "web03.example": web,
        "web10.example": {**web, "port": 2022},
        "web15.example": {**web, "port": 2022},
        "web20.example": {**web, "port": 2022},
        "big.example": {"user": "pi", "key": "~/.ssh/db key", "groups": ["racks", "db", "web"]},
        "db-a": db,
        "db-b": db,
        "db-c": db,
        "sealed": {"groups": ["vault"]},
        "here": {"address": "local", "user": "everybody", "groups": ["odd"]},
    }


def test_ansible_ini_tells_what_is_left_out() -> None:
    """Templates, vaults, other connections, jump hosts, passwords and vars: names alone, never the value of a password."""
    notes = ansible.find("hosts.ini", world({"hosts.ini": data("hosts.ini")}, there=["group_vars"])).notes
    assert notes == (
        "hosts.ini:15: ansible_host of sealed is a template, which only Ansible can evaluate: "
        "write it into the inventory yourself",
        "hosts.ini:15: ansible_user of sealed is encrypted by ansible-vault: write it into the inventory yourself",
        "hosts.ini:30: container is left out: its ansible_connection is docker, and not ssh",
        "hosts.ini: passwords are not taken over (ansible_become_password): use -k and -K, or the variables of fleet",
        "hosts.ini: ansible_ssh_common_args: not taken over; what they say of ProxyJump is a `gateway` in an inventory",
        "hosts.ini: vars of Ansible's own use are not taken over: ansible_python_interpreter, http_port",
        "group_vars is not read; let Ansible say what it comes to: ansible-inventory -i FILE --list --yaml | fleet inventory "
        "import ansible -",
    )
    assert "hunter2" not in str(notes)


def test_ansible_yaml() -> None:
    """Nested groups, tags and aliases, which an inventory of ours may not have; nothing is evaluated or built."""
    findings = checked(ansible.find("-", world({"-": data("hosts.yaml")})))
    web = {"user": "everybody", "key": "~/.ssh/web", "groups": ["web"]}
    assert rows(findings) == {
        "lonely": {"address": "192.0.2.1", "user": "everybody"},
        "web01.example": web,
        "web02.example": web,
        "web03.example": web,
        "big.example": {**web, "port": 2022, "groups": ["db", "web"]},
        "db-a": {"address": "db-a.example", "groups": ["db"]},
        "merged": {"groups": ["db"]},
        "db-z.example": {"user": "deepest", "groups": ["db", "deep"]},
    }
    assert findings.notes == (
        "stdin:29: what a merge key (<<) brings in is not taken over",
        "stdin:35: the group db has an unknown key odd_key: not looked at",
        "stdin:24: ansible_user of db-a is encrypted by ansible-vault: write it into the inventory yourself",
        "stdin:30: ansible_user of merged is a template, which only Ansible can evaluate: write it into the inventory yourself",
        "stdin: passwords are not taken over (ansible_password): use -k and -K, or the variables of fleet",
        "stdin: vars of Ansible's own use are not taken over: tags",
    )


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("i", "[a:children]\nb\n[b:children]\na\n[c]\nx\n", "i:2: groups are children of each other: a → b → a"),
        ("i", "[a:children]\na\n", "i:2: groups are children of each other: a → a"),
        ("i", "[a:children]\nnobody\n", "i:2: there is no group nobody"),
        ("i", "[a:vars]\nx=1\n", "i:1: there is no group a"),
        ("i", "[a:b]\n", "i:1: the section [a:b] is of no known kind"),
        ("i", "x ansible_user\n", "i:1: expected key=value after the host, got 'ansible_user'"),
        ("i", "x y='\n", "i:1: can't be read: No closing quotation"),
        ("i", "[a]\nx\n[a:vars]\nnothing\n", "i:4: expected key=value in [a:vars], got 'nothing'"),
        ("i", "w[3:1x]\n", "i:1: the range '3:1x' has no begin before its end: two numbers or two letters"),
        ("i", "w[1:3:0]\n", "i:1: the range '1:3:0' is not [begin:end] or [begin:end:step]"),
        ("i", "w[1:3\n", "i:1: a bracket of 'w[1:3' has no partner"),
        ("i", "# nothing\n", "i: there is no host in it that SSH reaches"),
        ("i", "[web]\nweb\n", "i:2: 'web' is a host and a group"),
        ("i", "pi ansible_user='a b'\n", "i:1: hosts.pi.user: 'a b' is no user name: it has a space in it"),
        ("i", "$ANSIBLE_VAULT;1.1;AES256\n31\n", "i: the file is encrypted by ansible-vault"),
        ("i", "#!/usr/bin/python3\nprint('{}')\n", "i:1: this is a program that makes an inventory"),
        ("i.yml", "plugin: aws_ec2\n", "i.yml:1: this configures a plugin of Ansible"),
        ("i.yml", "all:\n  hosts:\n  - a\n", "i.yml:3: expected keys with values, got a list"),
        ("i.yml", "all: [\n", "i.yml:2: not valid YAML"),
        ("i.yml", "a: &a\n  children:\n    b: *a\n", "i.yml:3: groups are more than 32 deep in each other"),
        ("i.yml", "a:\n  children:\n    b: {children: {a: }}\n", "i.yml:3: groups are children of each other: a → b → a"),
        ("i.yml", "a:\n  hosts:\n    ? [x]\n    : y\n", "i.yml:3: a key must be text"),
    ],
)
def test_ansible_that_is_wrong(name: str, text: str, error: str) -> None:
    """File, line and what is wrong; also groups without end and aliases that go round."""
    with pytest.raises(FleetError) as caught:
        checked(ansible.find(name, world({name: text})))
    assert str(caught.value).startswith(error)


def test_aliases_do_not_unfold_without_end() -> None:
    """Ten levels of ten aliases are ten thousand million hosts: the search ends long before."""
    levels = ["l0: &l0\n  hosts: {x: }\n"]
    levels += [f"l{n}: &l{n}\n  children: {{{', '.join(f'c{n}{m}: *l{n - 1}' for m in range(10))}}}\n" for n in range(1, 11)]
    with pytest.raises(InventoryError, match="aliases that unfold to as many"):
        ansible.find("i.yml", world({"i.yml": "".join(levels)}))


def test_ansible_wants_a_file() -> None:
    """There is no place where an inventory of Ansible always is."""
    with pytest.raises(UsageError, match="is a file"):
        ansible.find(None, world())


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a", ["a"]),
        ("a[:2]", ["a0", "a1", "a2"]),
        ("a[08:10]-[x:y]", ["a08-x", "a08-y", "a09-x", "a09-y", "a10-x", "a10-y"]),
        ("[1:9:4]z", ["1z", "5z", "9z"]),
    ],
)
def test_ranges(pattern: str, names: list[str]) -> None:
    """As Ansible reads them."""
    assert expand(pattern) == names


def test_ranges_without_end() -> None:
    """A range of thousands of millions is refused at once."""
    with pytest.raises(ValueError, match=f"more than {MOST} hosts"):
        expand("a[1:999999999][1:999999999]")


# ── mdns ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_mdns() -> None:
    """One host for all its interfaces and protocols, by its name; with the port, which defaults may name otherwise."""

    def run(words: Sequence[str]) -> str:
        assert words == ("avahi-browse", "-rptkl", "_ssh._tcp")
        return data("avahi.txt")

    findings = checked(mdns.find(None, world(run=run)))
    assert rows(findings) == {
        "pi-kitchen": {"address": "pi-kitchen.local", "port": 22},
        "pi-hall": {"address": "pi-hall.local", "port": 2222},
    }
    assert findings.notes == ("avahi-browse -rptkl _ssh._tcp:7: pi-hall has SSH at port 2022 too; 2222 is taken",)


@pytest.mark.parametrize(
    ("run", "error"), [(None, "avahi-browse is not installed"), (lambda words: "", "no machine announces SSH")]
)
def test_mdns_without_answers(run: object, error: str) -> None:
    """Both a missing program and a silent network come with a remedy."""
    with pytest.raises(UsageError, match=error) as caught:
        mdns.find(None, world(run=run))  # type: ignore[arg-type]
    assert "NAME.local" in caught.value.hint


# ── all ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
@pytest.mark.parametrize(
    "text", ["", "\0\x1b[31m", "Host \u202ex\n", "[", "{}", "=;;;;;;;;;\n", "- a\n", "a: b: c\n", "'", "&a *a"]
)
def test_nonsense_is_refused_in_words(source: object, text: str) -> None:
    """Whatever a source is given: a sentence, or hosts that an inventory takes."""
    try:
        said = rows(checked(source.find("x", world({"x": text}))))  # type: ignore[attr-defined]
    except FleetError as error:
        said = {str(error): {}}
    assert said
    assert all(name and name.isprintable() for line in said for name in line.split("\n"))
