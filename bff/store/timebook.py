"""The book of time stamps that the embedded authority gave out: written once a token, never changed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bff.store.models import TimeStampRow


@dataclass(frozen=True)
class Given:
    """One token, by its serial number; `certificate` is the serial number of the one that signed it."""

    serial: int
    digest: bytes
    at: datetime
    certificate: int


class TimeBook:
    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, given: Given) -> None:
        """Raises whatever the database does when that serial number was given out before."""
        self._session.add(
            TimeStampRow(
                serial=f"{given.serial:x}", digest=given.digest, at=given.at, certificate=f"{given.certificate:x}"
            )
        )
        self._session.flush()

    def find(self, serial: int) -> Given | None:
        row = self._session.get(TimeStampRow, f"{serial:x}")
        return _given(row) if row else None

    def count(self) -> dict[int, int]:
        """How many tokens each certificate has signed."""
        asked = select(TimeStampRow.certificate, func.count()).group_by(TimeStampRow.certificate)
        return {int(certificate, 16): count for certificate, count in self._session.execute(asked)}


def _given(row: TimeStampRow) -> Given:
    return Given(serial=int(row.serial, 16), digest=row.digest, at=row.at, certificate=int(row.certificate, 16))
