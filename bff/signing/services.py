"""External time stamp services, tried in the order in which they were named.

One that failed is asked last for a while, so that a dead service costs its patience once and not at every signature; it
is still asked when no other answers. Only when all fail is the time stamp down.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from bff.core.errors import Fault
from bff.core.ports import Clock
from bff.signing.authority import UrlTimestamps

REST = timedelta(minutes=5)

log = logging.getLogger("countersign.services")


@dataclass(frozen=True)
class Health:
    """One service as it was tried just now; `failure` is None when it gave a good token."""

    host: str
    failure: Fault | None


class InOrder:
    """Implements core.ports.Timestamps over one or more services."""

    room = UrlTimestamps.room

    def __init__(self, services: Sequence[UrlTimestamps], clock: Clock) -> None:
        self._services = tuple(services)
        self._clock = clock
        self._rests: dict[UrlTimestamps, datetime] = {}

    def timestamp(self, digest: bytes) -> bytes:
        """A token from the first service that gives a good one. Raises the last one's Fault `tsa_down`."""
        failure = Fault("tsa_down", what="No time stamp service is named.", do="Check BFF_TSA_URL.")
        for service in self._in_order():
            try:
                token = service.timestamp(digest)
            except Fault as fault:
                failure = fault
                self._rests[service] = self._clock.now() + REST
                log.warning("time stamp service %s: %s", _host(service), fault.what)
            else:
                self._rests.pop(service, None)
                return token
        raise failure

    def health(self, digest: bytes) -> list[Health]:
        """Each of them asked now, whatever the others say."""
        return [Health(_host(service), _failure(service, digest)) for service in self._services]

    @property
    def longest(self) -> int | None:
        """Room for the largest token that any of them has given. A larger one is asked for again, with room for it."""
        return max((service.longest or 0 for service in self._services), default=0) or None

    @property
    def roots(self) -> tuple[bytes, ...]:
        return tuple(dict.fromkeys(root for service in self._services for root in service.roots))

    def crl(self, certificate: bytes) -> bytes | None:
        """The revocation list of one of the services' certificates (both DER)."""
        return self._services[0].crl(certificate)

    def _in_order(self) -> list[UrlTimestamps]:
        now = self._clock.now()
        return sorted(self._services, key=lambda s: s in self._rests and self._rests[s] > now)


def _failure(service: UrlTimestamps, digest: bytes) -> Fault | None:
    try:
        service.timestamp(digest)
    except Fault as fault:
        return fault
    return None


def _host(service: UrlTimestamps) -> str:
    """Without path and query, which may hold a customer's key."""
    return urlsplit(service.url).hostname or "?"
