"""The nouns: immutable values that every other room speaks of. No IO here.

The words follow the field: a *host* of the *inventory* answers *probes*; the answers are its *facts*. A *step* looks
at facts and the *options* of the recipe and gives a *verdict*; the verdicts in order are the *plan*; running the plan
gives *outcomes*, and the outcomes of a host its *result*.
"""

from fleet.model.actions import (
    Action,
    BuildAndSend,
    BuildOrTake,
    Download,
    EnterSwarm,
    Fed,
    LeaveSwarm,
    Login,
    PushImage,
    Reboot,
    Reconnect,
    Remove,
    Run,
    SendContext,
    SendImage,
    Write,
    title_of,
)
from fleet.model.catalog import Catalog, Query, Unavailable
from fleet.model.containers import Container, StackState, Usage
from fleet.model.facts import Facts, Probe
from fleet.model.findings import Finding, Severity
from fleet.model.hosts import LOCAL, Data, Host
from fleet.model.outcomes import Done, Failure, HostReport, Outcome, Result, StepOutcome
from fleet.model.plans import Plan, Planned
from fleet.model.steps import Options, Situation, Step
from fleet.model.verdicts import Blocked, Change, Satisfied, Skipped, Verdict, unchanged

__all__ = [
    "LOCAL",
    "Action",
    "Blocked",
    "BuildAndSend",
    "BuildOrTake",
    "Catalog",
    "Change",
    "Container",
    "Data",
    "Done",
    "Download",
    "EnterSwarm",
    "Facts",
    "Failure",
    "Fed",
    "Finding",
    "Host",
    "HostReport",
    "LeaveSwarm",
    "Login",
    "Options",
    "Outcome",
    "Plan",
    "Planned",
    "Probe",
    "PushImage",
    "Query",
    "Reboot",
    "Reconnect",
    "Remove",
    "Result",
    "Run",
    "Satisfied",
    "SendContext",
    "SendImage",
    "Severity",
    "Situation",
    "Skipped",
    "StackState",
    "Step",
    "StepOutcome",
    "Unavailable",
    "Usage",
    "Verdict",
    "Write",
    "title_of",
    "unchanged",
]
