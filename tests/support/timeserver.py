"""A time server for lab hosts, which reach no other: it answers an NTP client with this machine's clock."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseRequestHandler, UDPServer

PORT = 123
NAMES = tuple(f"{number}.debian.pool.ntp.org" for number in range(4))
"""Whom Debian's systemd-timesyncd asks (FallbackNTP= in its timesyncd.conf)."""
SINCE_1900 = 2208988800
"""Seconds from the first moment of NTP's clock to the first of Unix's (RFC 5905, figure 4)."""


class Answer(BaseRequestHandler):
    """One question, one answer."""

    def handle(self) -> None:
        """Send the time back."""
        asked, place = self.request
        place.sendto(packet(asked, time.time()), self.client_address)


def packet(asked: bytes, now: float) -> bytes:
    """What a server of the first rank says: the client's version, mode 4, and its time of sending (RFC 5905, figure 8)."""
    version = asked[0] >> 3 & 7
    clock = struct.pack("!II", int(now) + SINCE_1900, int(now % 1 * 2**32))
    return struct.pack("!BBbbII4s", version << 3 | 4, 1, 4, -20, 0, 0, b"LOCL") + clock + asked[40:48] + clock + clock


@contextmanager
def time_server(address: str) -> Iterator[None]:
    """Answer at this address, until the end of the block."""
    with UDPServer((address, PORT), Answer) as server:
        worker = threading.Thread(target=server.serve_forever)
        worker.start()
        try:
            yield
        finally:
            server.shutdown()
            worker.join()
