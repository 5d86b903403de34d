"""`fleet provision`: make it so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli.options import Login, What, Which, command
from fleet.cli.session import Session
from fleet.console import tell_note
from fleet.errors import PlanError, UsageError

if TYPE_CHECKING:
    from fleet.plan.saved import SavedPlan

_SUFFIXES = (".json", ".plan")


def provision(
    session: Session,
    which: Which,
    what: What,
    login: Login,
    diff: Annotated[bool, typer.Option("--diff", help="Show what is changed inside files.")] = False,
    allow_removal: Annotated[bool, typer.Option("--allow-removal", help="Remove conflicting packages that are in use.")] = False,
    allow_restart: Annotated[bool, typer.Option("--allow-restart", help="Restart Docker though containers run.")] = False,
    allow_reboot: Annotated[bool, typer.Option("--allow-reboot", help="Reboot a host where a step needs it.")] = False,
    batch: Annotated[
        int | None, typer.Option("--batch", metavar="N", min=1, help="So many hosts, and the next ones only when these are well.")
    ] = None,
    max_failures: Annotated[
        int | None, typer.Option("--max-failures", metavar="N", min=0, help="With --batch: go on if so many are not. Default: 0.")
    ] = None,
) -> int:
    """Make the recipe true on the hosts, and prove it. What is as wanted already is left alone.

    HOSTS may also be a file of `fleet plan --out FILE`: then exactly that is done, unless a host has changed since.
    """
    from fleet import stages
    from fleet.cli.prepare import prepare
    from fleet.console.reports import tell_end

    if max_failures is not None and batch is None:
        raise UsageError("--max-failures says when no further batch is begun", "say how many hosts are one: --batch N")
    saved = _saved(which, what)
    which = replace(which, hosts=list(saved)) if saved else which
    flags = {"removal": allow_removal, "restart": allow_restart, "reboot": allow_reboot}
    allow = frozenset(word for word, given in flags.items() if given)
    prepared = prepare(session, which, login, what, allow=allow, diff=diff, locks=True, looks=not saved)
    for plan in (saved or {}).values():
        prepared.lock.learn_from(plan.catalog)
    run = replace(prepared.run, batch=batch or 0, max_failures=max_failures or 0)
    code = prepared.finish(stages.converge(run, prepared.hosts, saved), tell_end)
    if prepared.lock.locked:
        tell_note(session.screen, f"{prepared.lock.path}: locked {', '.join(prepared.lock.locked)}")
    return code


def _saved(which: Which, what: What) -> Mapping[str, SavedPlan] | None:
    """The plans of a file, when the words name one instead of hosts."""
    files = [word for word in which.hosts or () if word.endswith(_SUFFIXES) and Path(word).is_file()]
    if not files:
        _refuse_paths(which.hosts or ())
        return None
    if len(which.hosts or ()) > 1 or which.all:
        raise UsageError(f"{files[0]} is a saved plan, which names its own hosts", f"fleet provision {files[0]}")
    if replace(what, lock=None) != What():
        raise UsageError(f"{files[0]} is a saved plan, which says already what is done", "leave out -r, -e, --step and --skip")
    from fleet.inventory import locate, read
    from fleet.plan import saved
    from fleet.steps import STEPS

    plans = saved.read(Path(files[0]), STEPS)
    if not plans:
        raise PlanError("has no hosts", "make it anew: fleet plan --all --out plan.json", path=files[0])
    inventory = read(locate(which.inventory))
    strange = [name for name in plans if name not in inventory.hosts]
    if strange:
        hint = f"use the inventory that the plan was made with; this one is {inventory.path}"
        raise PlanError(f"is for hosts that the inventory does not have: {', '.join(strange)}", hint, path=files[0])
    return plans


def _refuse_paths(words: Sequence[str]) -> None:
    """No host's name has a slash, so this was meant as a file."""
    for word in words:
        if "/" in word and ":" not in word:
            what = f"its name does not end in {' or '.join(_SUFFIXES)}" if Path(word).is_file() else "there is no such file"
            raise UsageError(f"{word} is no saved plan: {what}", "make one: fleet plan --all --out plan.json")


app = command(provision)
