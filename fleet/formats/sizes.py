"""Bytes in words."""

from __future__ import annotations


def size(count: int) -> str:
    """By thousands, as docker and the makers of disks count: 4.2 MB; `-` for none."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= step:
            return f"{count / step:.3g} {unit}"
    return f"{count} B" if count else "-"
