"""Actions: the closed family of things that change a host."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fed:
    """A secret that a script reads from its stdin: where the laptop finds it (``kind`` is env, file or command), and the
    mark that it must still have (see `queries.SecretMark`), so that what is done is what was planned."""

    name: str
    kind: str
    what: str
    mark: str


@dataclass(frozen=True, slots=True)
class Run:
    """Run a POSIX sh script as root. ``unless`` is an sh test: when it holds on the host, there is nothing to do.

    ``timeout`` is in seconds and counts on the host itself, so that nothing lives on when the laptop is gone.
    ``lock_timeout`` is how many seconds it is run again and again while another program holds one of apt's locks.
    ``secrets`` come over stdin in this order, a line of base64 each.
    """

    title: str
    script: str
    unless: str = ""
    timeout: int = 120
    lock_timeout: int = 0
    secrets: tuple[Fed, ...] = ()


@dataclass(frozen=True, slots=True)
class Write:
    """Write a small text file as root: to a temporary name beside it, then renamed.

    ``was`` is the sha256 of the content that the plan saw (empty: no file); anything else found there stops the action,
    since the host has changed since it was looked at.
    """

    path: str
    content: str
    was: str = ""
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove one file as root, if its content is still the one that the plan saw (``was``: sha256)."""

    path: str
    was: str


@dataclass(frozen=True, slots=True)
class Download:
    """Bring a file of the network to the host by way of the laptop, which checks ``sha256`` before and the host after.

    ``owner`` is a user name; the file and the folders made for it belong to that user.
    """

    url: str
    path: str
    sha256: str
    mode: int = 0o755
    owner: str = "root"


@dataclass(frozen=True, slots=True)
class SendContext:
    """Bring a build context to the folder ``to`` of root's, of which only what differs is sent.

    ``folder`` and ``dockerfile`` are the laptop's, and ``digest`` is what the plan saw of it; another one now stops the
    action. ``tag`` is what it will be built to, for people.
    """

    tag: str
    folder: str
    dockerfile: str
    digest: str
    to: str


@dataclass(frozen=True, slots=True)
class SendImage:
    """Bring the image of this name out of an archive of the laptop, of which only the layers that are lacking are sent.

    ``id`` is one of the IDs that the plan saw for the host's platform; none of that kind now stops the action.
    """

    name: str
    archive: str
    id: str


@dataclass(frozen=True, slots=True)
class BuildOrTake:
    """Have an image that one host of each platform builds for all: build it here, or take it from the host that does.

    ``built`` is the label by which the image is known again, ``platform`` the host's. ``send`` and ``run`` build it here;
    ``unable`` says why this host must not, and is empty where it may. ``rank`` decides between hosts: the greatest builds.
    """

    tag: str
    built: str
    platform: str
    send: SendContext
    run: Run
    rank: tuple[int, ...]
    unable: str = ""


@dataclass(frozen=True, slots=True)
class BuildAndSend:
    """Build an image on the laptop, once for all hosts of the platform, and send the layers that are lacking here.

    ``context`` is what it is built from (nothing is sent to its ``to``); ``words`` are the options of `docker buildx build`;
    ``exports`` tells whether the laptop's builder can write an archive itself. ``timeout`` is in seconds.
    """

    tag: str
    built: str
    platform: str
    context: SendContext
    words: tuple[str, ...]
    exports: bool
    timeout: int


@dataclass(frozen=True, slots=True)
class PushImage:
    """Push a built image for one platform, once in a run, and join the platforms under its tag.

    ``push`` and ``join`` run on the host; they are no secret, since logins are the host's own.
    """

    tag: str
    built: str
    platform: str
    push: Run
    join: Run


@dataclass(frozen=True, slots=True)
class Login:
    """Log root in at a registry. The password is not here: the laptop finds it when it is due, and it goes over stdin.

    ``variable`` is where it is found, see queries.LoginQuery; ``mark`` is kept on the host, to know the login again.
    """

    registry: str
    user: str
    mark: str
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Open a new connection: group membership is read at login only."""

    why: str


@dataclass(frozen=True, slots=True)
class Reboot:
    """Reboot, and wait until the host lets us in again and is another boot.

    ``until`` is an sh test for the login user; when it does not hold after the boot, the action has failed, and ``unmet``
    says so in words. ``timeout`` is in seconds, from the order to the login.
    """

    why: str
    until: str = ""
    unmet: str = ""
    timeout: int = 600


@dataclass(frozen=True, slots=True)
class EnterSwarm:
    """Make the host a node of the Swarm of ``manager`` (a host of the inventory), as its managers are to know it.

    With ``join`` it is not one yet: the manager is waited for so many seconds (``timeout``), and its token goes from there to
    here over stdin, by way of the laptop. A label without a value is taken off.
    """

    manager: str
    role: str
    availability: str
    labels: tuple[tuple[str, str], ...]
    join: bool
    advertise: str = ""
    timeout: int = 600


@dataclass(frozen=True, slots=True)
class LeaveSwarm:
    """Take the host out of its Swarm: drained, a manager demoted, and forgotten by the managers that stay.

    ``manager`` is a host of the inventory that may be one of those. ``end`` allows the last manager to leave, which ends
    the Swarm. ``timeout`` is how many seconds the tasks have to go elsewhere.
    """

    manager: str
    end: bool = False
    timeout: int = 120


Action = (
    Run
    | Write
    | Remove
    | Download
    | SendContext
    | SendImage
    | BuildOrTake
    | BuildAndSend
    | PushImage
    | Login
    | EnterSwarm
    | LeaveSwarm
    | Reconnect
    | Reboot
)


def title_of(action: Action) -> str:
    """What an action does, in a few words for people."""
    match action:
        case Run(title):
            return title
        case Write(path):
            return f"write {path}"
        case Remove(path):
            return f"remove {path}"
        case Download(url, path):
            return f"bring {url.rpartition('/')[2]} to {path}"
        case SendContext(tag):
            return f"send the context of {tag}"
        case SendImage(name):
            return f"send {name}"
        case BuildOrTake(tag):
            return f"{'take' if action.unable else 'build or take'} {tag}"
        case BuildAndSend(tag):
            return f"build {tag} on this machine and send it"
        case PushImage(tag, _, platform):
            return f"push {tag} for {platform}"
        case EnterSwarm(manager):
            return f"{'join' if action.join else 'be as wanted in'} the Swarm of {manager}"
        case LeaveSwarm():
            return "leave the Swarm"
        case Login(registry, user):
            return f"log in at {registry} as {user}"
        case Reconnect(why):
            return f"log in again: {why}"
        case Reboot(why):
            return f"reboot: {why}"
