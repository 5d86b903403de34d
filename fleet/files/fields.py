"""Types for what people write in files: each refuses what could be taken for something else, and says why.

Most of these words end in a command line, an argument list or a file name on some host. They are quoted there; they
are plain here, so that nothing depends on the quoting alone.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from fleet.files.problems import CUSTOM, plain, show

LONGEST_NAME = 253
"""Of a host name, by RFC 1035."""
LONGEST_USER = 32
"""Of a user name, by useradd(8)."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DNS_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_LOOKS_NUMERIC = re.compile(r"[0-9]+(\.[0-9]+)*\.?")
_ZONE = re.compile(r"[A-Za-z0-9._-]+")
_VAR = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_URL = re.compile(r"https?://(?P<host>\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[A-Za-z0-9._~%+@:,=/-]*)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_WITH_PORT = re.compile(r"(?P<host>[^:\[\]]+|\[[^\]]*\]):(?P<port>[0-9]+)")


def refuse(why: str, hint: str = "") -> NoReturn:
    """Refuse a value with a sentence about it and a remedy."""
    raise PydanticCustomError(CUSTOM, "{why}", {"why": why, "hint": hint})


# ── the checks: text in, the same text out ───────────────────────────────────────────────────────────────────────────


def host_name(text: str) -> str:
    """The name of a host or group: what the command line can't mistake for a pattern, a list or an option."""
    if len(text) > LONGEST_NAME:
        refuse(f"the name {show(text)} has {len(text)} characters", f"use at most {LONGEST_NAME}")
    if text.startswith(("-", ".")):
        refuse(f"the name {show(text)} begins with {text[0]}", "begin it with a letter or a digit")
    if not _NAME.fullmatch(text):
        hint = _only("letters, digits, dots, - and _", text)
        refuse(f"the name {show(text)} {_flaw(text, _NAME)}", hint)
    return text


def user_name(text: str) -> str:
    """A login name that useradd and ssh take, and that can't be read as an option or a user's number."""
    if not _USER.fullmatch(text) or len(text) > LONGEST_USER:
        hint = _only(f"1 to {LONGEST_USER} letters, digits, dots, - and _, not beginning with - or a dot", text)
        refuse(f"{show(text)} is no user name: it {_flaw(text, _USER)}", hint)
    if text.isdecimal():
        refuse(f"{show(text)} is a user's number, not a name", "write the user's name")
    return text


def address(text: str) -> str:
    """A host name, an IPv4 or an IPv6 address (also with a zone, fe80::1%eth0), or ``local``."""
    if "://" in text:
        refuse(f"{show(text)} is a URL, not an address", "write the host's name alone")
    if "@" in text and not text.startswith("@"):
        user, _, host = text.rpartition("@")
        refuse(f"{show(text)} has a user in it", f"write address: {plain(host)} and user: {plain(user)}")
    if text.startswith("["):
        refuse(f"{show(text)} is in brackets", f'write it without: "{plain(text[1:].partition("]")[0])}"')
    if found := _WITH_PORT.fullmatch(text):
        refuse(f"{show(text)} has a port in it", f"write address: {plain(found['host'])} and port: {found['port']}")
    return _bare_address(text)


def _bare_address(text: str) -> str:
    if ":" in text:
        _check_ipv6(text)
    elif _LOOKS_NUMERIC.fullmatch(text):
        _check_ipv4(text)
    elif len(text) > LONGEST_NAME or not _DNS_NAME.fullmatch(text):
        hint = "write a host name, an IPv4 or IPv6 address, or local"
        if not text.isascii():
            hint = "write an international name in its xn-- form; look-alike letters are not the same name"
        refuse(f"{show(text)} is no address: it {_flaw(text, _DNS_NAME)}", hint)
    return text


def _check_ipv4(text: str) -> None:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        refuse(f"{show(text)} is no IPv4 address", "write four numbers from 0 to 255, such as 192.168.1.20")


def _check_ipv6(text: str) -> None:
    number, _, zone = text.partition("%")
    try:
        ipaddress.IPv6Address(number)
    except ValueError:
        refuse(f"{show(text)} is no IPv6 address", "write it as in fd00::20 or fe80::20%eth0")
    if "%" in text and not _ZONE.fullmatch(zone):
        refuse(f"{show(text)} has a zone that {_flaw(zone, _ZONE)}", "the zone is a network interface, such as eth0")


def gateway(text: str) -> str:
    """``[user@]host[:port]``; the host may be a name of the inventory. IPv6 goes in brackets when a port follows."""
    if "," in text or "://" in text:
        refuse(f"{show(text)} is more than one gateway or a URL", "name one host; that host may have a gateway itself")
    user, at, place = text.rpartition("@")
    if at:
        user_name(user)
    host, number = split_port(place)
    if number is not None and not 1 <= number <= 65535:
        refuse(f"the gateway {show(text)} has the port {number}", "a port is a number from 1 to 65535")
    if host == "local":
        refuse("this machine is no gateway", "leave the gateway out")
    _bare_address(host)
    return text


def split_port(text: str) -> tuple[str, int | None]:
    """``host:22`` and ``[fd00::1]:22`` in two parts; a bare IPv6 address has no port."""
    if found := _WITH_PORT.fullmatch(text):
        return found["host"].strip("[]"), int(found["port"][:6])
    bracketed = text.startswith("[") and text.endswith("]")
    return (text[1:-1] if bracketed else text), None


def key_path(text: str) -> str:
    """The path of a private key on this machine; ``~`` is expanded when it is used."""
    if "PRIVATE KEY" in text:  # first, so that no part of it is ever shown
        refuse("this is a key, not the path of one", "save the key in a file of its own, and write the path here")
    if not text or text.startswith("-"):
        refuse(f"{show(text)} is no path of a key", "write the path of the private key, such as ~/.ssh/id_ed25519")
    if text.endswith(".pub"):
        refuse(f"{show(text)} is the public half of a key", f"write the private one: {show(text[:-4])}")
    return line(text)


def line(text: str) -> str:
    """Text that stays on one line and shows what it is."""
    if found := _CONTROL.search(text) or _SURROGATE.search(text):
        refuse(f"{show(text)} has the control character U+{ord(found[0]):04X} in it", "write one line of plain text")
    return text


def var_name(text: str) -> str:
    """The name of a var, as it stands in ${vars.NAME}."""
    if not _VAR.fullmatch(text):
        hint = "use letters, digits and _, beginning with a letter: it is written ${vars.NAME}"
        refuse(f"{show(text)} is no name for a var", hint)
    return text


def url(text: str) -> str:
    """An http or https URL without user, query or anything that a shell or apt could read otherwise."""
    if "@" in text.partition("://")[2].partition("/")[0]:
        refuse("the URL has a user or password in it, which would be seen by everybody on the host", "remove it")
    if not _URL.fullmatch(text):
        hint = "write it as in https://mirror.example/docker, without spaces, quotes, ? or #"
        refuse(f"{show(text)} is no URL", hint)
    return text.rstrip("/")


# ── sentences ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _flaw(text: str, allowed: re.Pattern[str]) -> str:
    """What is wrong first, so that look-alikes and invisible characters have a name: ``has ; in it``."""
    found = allowed.match(text)
    end = found.end() if found else 0
    if end == len(text):
        return f"has {end} characters" if text else "is empty"
    named = _named(text[end])
    return f"has {named} in it" if end else f"begins with {named}"


def _named(character: str) -> str:
    if character == " ":
        return "a space"
    if character.isascii() and character.isprintable():
        return character
    return unicodedata.name(character, f"the character U+{ord(character):04X}")


def _only(allowed: str, text: str) -> str:
    meant = plain(text)
    better = f"; write {show(meant)} if that is meant" if meant != text and _NAME.fullmatch(meant) else ""
    return f"use {allowed}{better}"


# ── the types ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _text(check: Callable[[str], str], pattern: str = "") -> tuple[Any, ...]:
    schema = {"type": "string", **({"pattern": f"^{pattern}$"} if pattern else {})}
    return AfterValidator(check), WithJsonSchema(schema)


HostName = Annotated[str, *_text(host_name, _NAME.pattern)]
UserName = Annotated[str, *_text(user_name, _USER.pattern)]
Address = Annotated[str, *_text(address)]
Gateway = Annotated[str, *_text(gateway)]
KeyPath = Annotated[str, *_text(key_path)]
VarName = Annotated[str, *_text(var_name, _VAR.pattern)]
Url = Annotated[str, *_text(url)]
Line = Annotated[str, *_text(line)]
Port = Annotated[int, Field(ge=1, le=65535)]
