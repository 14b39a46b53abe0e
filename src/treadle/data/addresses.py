"""Web addresses as texts."""

from __future__ import annotations

import re

SCHEME = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://")
"""What stands before the host: `https://`."""
_END_OF_HOST = re.compile(r"[/?#\\\s]")
_PORT = re.compile(r":[0-9]*$")


def without_scheme(address: str) -> str:
    """The address from its host on."""
    found = SCHEME.match(address)
    return address[found.end() :] if found else address


def host_of(address: str) -> str:
    """The host in a web address, in small letters, without `www.`, user and port; the address may lack a scheme."""
    place = _END_OF_HOST.split(without_scheme(address).strip(), maxsplit=1)[0].lower()
    host = _PORT.sub("", place.rpartition("@")[2])
    return host.removeprefix("www.")
