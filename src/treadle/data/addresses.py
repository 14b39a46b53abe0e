"""Web addresses as texts."""

from __future__ import annotations

import re

SCHEME = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://")
"""What stands before the host: `https://`."""
ADDRESS = "https://www.example.org/"
"""Stands where an address is asked for; the name is reserved for examples (RFC 2606, section 3)."""
_WWW = re.compile(rf"\A({SCHEME.pattern})?www\.", re.IGNORECASE)
_END_OF_HOST = re.compile(r"[/?#\\\s]")
_PORT = re.compile(r":[0-9]*$")


def is_address(text: str) -> bool:
    """Whether a text looks like a web address: one word, with a point in what would be its host."""
    name, _, ending = host_of(text).rpartition(".")
    named = bool(name and ending) and (not ending.isdecimal() or SCHEME.match(text) is not None)
    return named and len(text.split()) == 1


def without_scheme(address: str) -> str:
    """The address from its host on."""
    found = SCHEME.match(address)
    return address[found.end() :] if found else address


def without_www(address: str) -> str:
    """The address without the `www.` that stands before its host, with or without a scheme before that."""
    return _WWW.sub(r"\1", address, count=1)


def host_of(address: str) -> str:
    """The host in a web address, in small letters, without `www.`, user and port; the address may lack a scheme."""
    place = _END_OF_HOST.split(without_scheme(address).strip(), maxsplit=1)[0].lower()
    host = _PORT.sub("", place.rpartition("@")[2])
    return host.removeprefix("www.")
