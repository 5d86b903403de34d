"""From the options of a verb to a run: hosts, recipes, passwords, settings and reporters. Nothing is connected yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from fleet.catalog import Resolver
from fleet.cli.files import by_recipe, chosen, problems_of
from fleet.cli.options import Login, What, Which
from fleet.cli.passwords import login_password, passphrase, sudo_password
from fleet.cli.session import Session
from fleet.console import Screen, tell_json, tell_warning
from fleet.console.lines import Lines
from fleet.console.reports import progress
from fleet.errors import SelectionError, UsageError
from fleet.events import Report, Reporters
from fleet.facts import named
from fleet.files.fields import key_path, user_name
from fleet.files.problems import suggest
from fleet.inventory.selection import FactTerm, matches
from fleet.job import Run, SudoPassword
from fleet.lock.file import LockFile
from fleet.logs import Logs, home, run_name
from fleet.model import Data, Facts, Host
from fleet.recipe import parse_extra
from fleet.recipe.cookbook import Recipes
from fleet.remote.settings import Settings
from fleet.report import exit_code, to_json
from fleet.steps import STEPS


@dataclass(frozen=True)
class Prepared:
    """All that a verb needs to go."""

    session: Session
    run: Run
    hosts: tuple[Host, ...]
    logs: Logs
    lock: LockFile

    def finish(
        self,
        report: Report,
        tell: Callable[[Screen, Report], None],
        *,
        check: bool = False,
        more: Mapping[str, object] | None = None,
    ) -> int:
        """Show the report, as JSON if so wanted, and give the exit code; SelectionError when nobody was meant.

        ``more`` is what this verb adds to the JSON.
        """
        screen = self.session.screen
        for problem in filter(None, (self.logs.problem, self.lock.problem)):
            tell_warning(screen, problem)
        if not report.hosts and not report.interrupted:
            raise SelectionError("no host has these facts", "`fleet facts --all` shows what they have")
        if screen.json:
            tell_json(screen, {**to_json(report, check=check), **(more or {})})
        else:
            tell(screen, report)
        return exit_code(report, check=check)


def prepare(
    session: Session,
    which: Which,
    login: Login,
    what: What | None = None,
    *,
    allow: frozenset[str] = frozenset(),
    reporter: Lines | None = None,
    diff: bool = False,
    locks: bool = False,
    looks: bool = False,
) -> Prepared:
    """Read the files, ask for passwords and make the run. Everything that can be wrong without a network is found here.

    With ``locks``, images that are looked up are locked in the file too. ``looks`` is for verbs that make plans: build
    contexts and archives have to be there. `fleet logs` goes without them.
    """
    what = what or What()
    lock = LockFile(what.lock, writes=locks)
    inventory, selection = chosen(which)
    hosts = tuple(_as(login, host) for host in selection.hosts)
    extra = parse_extra(what.extra or ())
    recipes = _recipes(session, what, hosts, extra, looks=looks)
    steps, skipped = _steps("--step", what.step or ()), _steps("--skip", what.skip or ())
    reporter = reporter or progress(session.screen, diff=diff)
    logs = Logs(home() / run_name())
    given, ask = sudo_password(session, login.ask_sudo_password, reporter.paused)
    run = Run(
        settings=Settings(
            connect_timeout=login.connect_timeout,
            connect_deadline=max(30.0, login.connect_timeout),
            strict_host_keys=login.strict_host_keys,
            ssh_config=login.ssh_config,
            password=login_password(session, login.ask_password),
            passphrase=passphrase(),
        ),
        resolver=Resolver(lock=lock),
        recipes=recipes,
        reporter=Reporters(reporter, logs),
        inventory={**inventory.hosts, **{host.name: host for host in hosts}},
        extra=extra,
        recipe=what.recipe,
        only=steps,
        left_out=skipped,
        allow=allow,
        matches=_matcher(selection.terms),
        sudo=SudoPassword(given, ask),
        parallel=login.parallel,
        logs=logs.folder,
    )
    return Prepared(session, run, hosts, logs, lock)


def _as(login: Login, host: Host) -> Host:
    """The host with what the command line says about logging in."""
    user = _valid("--user", login.user, user_name) or host.user
    return replace(host, user=user, key=_valid("--identity", login.identity, key_path) or host.key)


def _valid(option: str, value: str | None, check: Callable[[str], str]) -> str | None:
    """The value, held to the same rules as in an inventory."""
    try:
        return check(value) if value is not None else None
    except ValueError as problem:
        raise UsageError(f"{option}: {problem}", f"correct {option}") from None


def _recipes(session: Session, what: What, hosts: Sequence[Host], extra: Mapping[str, Data], *, looks: bool) -> Recipes:
    """The recipes, those of these hosts checked already: a mistake in one is told before anything is connected."""
    recipes = Recipes()
    used = by_recipe(hosts, what.recipe)
    for name, users in used.items():
        for error in problems_of(recipes, name, users, extra, looks=looks):
            raise error
    loaded = [recipes.load(name) for name in used]
    known = frozenset().union(*(recipe.used_vars | recipe.vars.keys() for recipe in loaded))
    for name in extra.keys() - known:
        tell_warning(session.screen, f"-e {name}=…: no recipe of these hosts uses ${{vars.{name}}}")
    return recipes


def _steps(option: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names, each of a step; several may stand in one word, with commas."""
    if not names:
        return ()
    known = [step.name for step in STEPS]
    given = [name.strip() for word in names for name in word.split(",")]
    for name in given:
        if name not in known:
            raise UsageError(f"{option} {name}: there is no such step{suggest(name, known)}", f"steps are: {', '.join(known)}")
    return tuple(given)


def _matcher(terms: tuple[FactTerm, ...]) -> Callable[[Facts], bool] | None:
    if not terms:
        return None
    return lambda facts: matches(named(facts), terms)
