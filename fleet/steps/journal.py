"""The system's journal stays small, which spares an SD card: limits in a drop-in of journald's (journald.conf(5))."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fleet.facts.journal import DROP_IN, JOURNAL, PENDING, Journal, Setting, name_of
from fleet.model import Blocked, Change, Facts, Options, Run, Satisfied, Situation, Step, Verdict
from fleet.shell import diff_lines, quote, script_of

Size = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}[KMGT]?$")]


class JournalOptions(Options):
    """Limits of systemd's journal; what is left out stays as the system has it."""

    system_max_use: Size | None = Field(None, description="The most that the journal takes on the disk, such as 100M.")
    runtime_max_use: Size | None = Field(None, description="The most that it takes in memory (/run), such as 20M.")
    storage: Literal["auto", "persistent", "volatile", "none"] | None = Field(
        None, description="`volatile` keeps it in memory alone: no wear at all, and nothing to read after a crash."
    )


class JournalStep(Step[JournalOptions]):
    """Writes a drop-in of its own, which wins over the system's files, and restarts systemd-journald."""

    name = "journal"
    title = "limits of the system's journal"
    requires = ("platform",)
    probes = (JOURNAL,)
    options = JournalOptions

    def verdict(self, situation: Situation[JournalOptions]) -> Verdict:
        """Compare the drop-in with what is wanted; a file that sorts after it has the last word."""
        found, wanted = situation.facts[JOURNAL], _keys(situation.options)
        if not wanted:
            return Satisfied("nothing asked for")
        if overruled := _overruled(found, wanted):
            return overruled
        text, words = drop_in(wanted), ", ".join(f"{key}={value}" for key, value in wanted.items())
        if found.text == text and not found.pending:
            return Satisfied(words)
        return Change(
            f"set {words}",
            (Run(f"write {DROP_IN} and restart systemd-journald", _script(text)),),
            diff=diff_lines(found.text.splitlines(), text.splitlines(), DROP_IN),
            after=lambda facts: _after(facts, wanted, text),
        )


def _keys(options: JournalOptions) -> dict[str, str]:
    named = {
        "Storage": options.storage,
        "SystemMaxUse": options.system_max_use,
        "RuntimeMaxUse": options.runtime_max_use,
    }
    return {key: value for key, value in named.items() if value}


def drop_in(wanted: dict[str, str]) -> str:
    """The text of the drop-in."""
    return "\n".join(("# Written by fleet.", "[Journal]", *(f"{key}={value}" for key, value in wanted.items()), ""))


def _overruled(found: Journal, wanted: dict[str, str]) -> Blocked | None:
    """Somebody wants it otherwise, in a file that is read after ours."""
    for setting in found.settings:
        if setting.value != wanted.get(setting.key, setting.value) and name_of(setting) > name_of(Setting("", "", DROP_IN)):
            return Blocked(
                f"{setting.path} is read after {DROP_IN} and says {setting.key}={setting.value}",
                f"Remove it: fleet run HOST --sudo -- rm {quote(setting.path)}, or take {setting.key} out of the recipe.",
            )
    return None


def _script(text: str) -> str:
    """The mark that journald has yet to read it is set first, so that what was cut off in between is found."""
    folder = DROP_IN.rpartition("/")[0]
    return script_of(
        f"mkdir -p -m 0755 {PENDING.rpartition('/')[0]} {folder}",
        f"echo 1 >{PENDING}",
        f"temporary=$(mktemp {folder}/.fleet.XXXXXX)",
        "trap 'rm -f \"$temporary\"' EXIT HUP INT TERM",
        f"printf '%s' {quote(text)} >\"$temporary\"",
        'chmod 0644 "$temporary"',
        f'mv -f "$temporary" {DROP_IN}',
        "systemctl restart systemd-journald.service",
        f"rm -f {PENDING}",
    )


def _after(facts: Facts, wanted: dict[str, str], text: str) -> Facts:
    ours = tuple(Setting(key, value, DROP_IN) for key, value in wanted.items())
    others = tuple(setting for setting in facts[JOURNAL].settings if setting.path != DROP_IN)
    return facts.but(JOURNAL, Journal(text, settings=(*others, *ours)))
