"""Record what a real host answers to the probe script: `python -m tests.golden.record NAME ADDRESS [--user U] [--key FILE]`.

Only the answer is written, to tests/golden/NAME/probe.txt; what is expected of it is written by hand, beside it, from the
source that is cited there. The word of the markers is a fixed one, so that two recordings can be compared.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from fleet.facts import script
from fleet.job import PROBES
from fleet.model import Host
from fleet.remote import Settings, connect, probe

FOLDER = Path(__file__).parent
NONCE = "golden"


def record(name: str, host: Host, known_hosts: Path) -> Path:
    """Ask the host, and keep its answer as it came."""
    framed = script(PROBES, NONCE)
    with connect(host, Settings(known_hosts=known_hosts)) as c:
        done = probe(c, f"fleet_now={int(time.time())}\n{framed.user}", framed.root, timeout=60)
    path = FOLDER / name / "probe.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(done.out, encoding="utf-8")
    return path


def main() -> None:
    """Read the command line and record one host."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="the golden host's folder")
    parser.add_argument("address")
    parser.add_argument("--user", default="pi")
    parser.add_argument("--key", help="private key; left out: ~/.ssh/config and the agent decide")
    parser.add_argument("--known-hosts", type=Path, default=Path("/dev/null"))
    given = parser.parse_args()
    host = Host(given.name, given.address, user=given.user, key=given.key)
    print(record(given.name, host, given.known_hosts))


if __name__ == "__main__":
    main()
