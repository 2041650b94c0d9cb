"""Where a message may be sent: to the public Internet by https, and to those inner hosts that the operator names.

A name is resolved once, and that very address is then called: a second look-up could lead elsewhere.
"""

import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.utils.translation import gettext as _

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")
_PORTS = {"https": 443, "http": 80}


class Refused(ValueError):
    """Nothing is sent there. The message says why, in the reader's language."""


@dataclass(frozen=True, slots=True)
class Target:
    """`addresses`: what `host` stands for, all of them allowed. `path` with the query."""

    secure: bool
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]


def resolve(url: str, *, inner: Collection[str]) -> Target:
    """`inner`: hosts (`bot.internal`, `10.0.3.7:8080`) that may have private addresses, and be called by http.

    Raises Refused.
    """
    parts = _parts(url)
    host = (parts.hostname or "").rstrip(".")
    port = _port(parts)
    is_inner = host in inner or f"{host}:{port}" in inner
    if parts.scheme != "https" and not (is_inner and parts.scheme == "http"):
        raise Refused(_("Only https addresses are called."))
    addresses = _looked_up(host, port)
    if not is_inner and not all(map(is_public, addresses)):
        raise Refused(_("This host has a private address; the operator has not allowed it."))
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    return Target(parts.scheme == "https", host, port, path, addresses)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as exc:
        raise Refused(_("This is not an address.")) from exc
    if not parts.hostname or not url.isascii() or not url.isprintable() or " " in url:
        raise Refused(_("This is not an address."))
    if parts.username is not None or parts.fragment:
        raise Refused(_("An address has no user name, password or # part."))
    return parts


def _port(parts: SplitResult) -> int:
    try:
        return parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError as exc:
        raise Refused(_("This is not an address.")) from exc


def _looked_up(host: str, port: int) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise Refused(_("There is no host of this name.")) from exc
    return tuple(dict.fromkeys(str(address[4][0]) for address in found))


def is_public(address: str) -> bool:
    """Whether it is an address on the Internet, also when it is an older one wrapped in a newer one."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast
    wrapped = _wrapped(ip)
    if wrapped:
        return all(one.is_global and not one.is_multicast for one in wrapped)
    return ip.is_global and ip in _PUBLIC_IPV6


def _wrapped(ip: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    if ip in _NAT64:
        return [ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)]
    found = (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ()))
    return [one for one in found if one]
