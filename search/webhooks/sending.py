"""One message to one receiver: a POST with deadlines; no redirect is followed, only the answer's status is read."""

import http.client
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from threading import Timer

from django.utils.translation import gettext as _
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError

from search.webhooks.addresses import Refused, Target, resolve

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
WHOLE_SECONDS = 15.0
"""Also for a receiver that answers a byte at a time."""
_MOST_ADDRESSES = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """`status` None: there was no answer. `error` empty: it was taken."""

    status: int | None
    error: str

    @property
    def taken(self) -> bool:
        return not self.error


def post(url: str, body: bytes, headers: Mapping[str, str], *, inner: Collection[str]) -> Outcome:
    """`inner`: the hosts that may be private, as `addresses.resolve` takes them. Never raises for what is out there."""
    try:
        status = _status(resolve(url, inner=inner), body, headers)
    except Refused as exc:
        return Outcome(None, str(exc))
    except (TimeoutError, ConnectTimeoutError):
        return Outcome(None, _("No answer in time."))
    except (OSError, HTTPError, http.client.HTTPException, ValueError) as exc:
        return Outcome(None, _("No answer: %(error)s") % {"error": str(exc)[:200] or type(exc).__name__})
    return Outcome(status, _complaint(status))


def _complaint(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return _("Answered %(status)s; redirects are not followed.") % {"status": status}
    return _("Answered %(status)s.") % {"status": status}


def _status(target: Target, body: bytes, headers: Mapping[str, str]) -> int:
    connection, deadline = _connected(target)
    try:
        connection.timeout = READ_SECONDS
        connection.request("POST", target.path, body=body, headers={"Host": _host_header(target), **headers})
        return int(connection.getresponse().status)
    finally:
        deadline.cancel()
        connection.close()


def _host_header(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == (443 if target.secure else 80) else f"{host}:{target.port}"


def _connected(target: Target) -> tuple[HTTPConnection, Timer]:
    """To the first address that takes a connection; with the clock that ends it running."""
    addresses = target.addresses[:_MOST_ADDRESSES]
    for address in addresses:
        connection = _connection(target, address)
        deadline = Timer(WHOLE_SECONDS, _shut, [connection])
        deadline.daemon = True
        deadline.start()
        try:
            connection.connect()
        except (OSError, HTTPError):
            deadline.cancel()
            connection.close()
            if address == addresses[-1]:
                raise
        else:
            return connection, deadline
    raise Refused(_("There is no host of this name."))


def _connection(target: Target, address: str) -> HTTPConnection:
    if not target.secure:
        return HTTPConnection(address, target.port, timeout=CONNECT_SECONDS)
    return HTTPSConnection(
        address,
        target.port,
        timeout=CONNECT_SECONDS,
        cert_reqs="CERT_REQUIRED",
        server_hostname=target.host,
        assert_hostname=target.host,
    )


def _shut(connection: HTTPConnection) -> None:
    """From the clock's thread: whoever waits for this receiver sees the connection end."""
    if connection.sock is not None:
        try:
            # Not SSLSocket's own, which takes the TLS state away from under the thread that reads.
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
        except OSError:
            return
