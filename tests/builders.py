"""What tests begin with: a whole house in a temporary folder, with real parts and an embedded authority.

The queue and the feed are away, as they may be in life: errands wait in SQL until `work` carries them out here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from reportlab.pdfgen.canvas import Canvas

from bff.core.contract import Contract
from bff.jobs import carry_out
from bff.notify.inbox import InboxMessage, read_all
from bff.settings import Settings, owner_link
from bff.signing.desk import NewSigner
from bff.store.people import Person
from bff.wiring import House, build, set_up


@dataclass
class Clock:
    """A clock that tests move."""

    moment: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def now(self) -> datetime:
        return self.moment

    def forward(self, **by: float) -> None:
        self.moment += timedelta(**by)


class Away:
    """A queue and a feed that nobody listens to."""

    def hand_over(self, errand_id: str, kind: str, argument: str) -> None:
        """Nothing: the errand stays in SQL."""

    def changed(self, topics: Sequence[str]) -> None:
        """Nothing: nobody is connected."""


class Generous:
    """A throttle that never refuses, for tests about something else."""

    def take(self, rule: object, key: str) -> None:
        """Always room."""


def a_house(folder: Path, clock: Clock | None = None, **settings: object) -> House:
    """Set up and built under `folder`, on SQLite unless told otherwise."""
    chosen = Settings(data_dir=folder / "data", development=True, **settings)  # type: ignore[arg-type]
    set_up(chosen)
    home = build(chosen, clock or Clock())
    home.__dict__["queue"] = Away()
    home.__dict__["feed"] = Away()
    home.__dict__["throttle"] = Generous()
    return home


def an_owner(home: House, *, name: str = "Olga Owner", contact: str = "olga@example.org") -> Person:
    from bff.realname.account import Client

    link = owner_link(home.settings) or ""
    client = Client(device="test", address="127.0.0.1")
    entered = home.account.claim(link.rsplit("/", 1)[1], name=name, contact=contact, language="en", client=client)
    return entered.person


def a_pdf(*, pages: int = 2, words: str = "Purchase agreement") -> bytes:
    buffer = BytesIO()
    canvas = Canvas(buffer, pageCompression=1)
    for number in range(1, pages + 1):
        canvas.drawString(72, 760, f"{words}, page {number}")
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def a_draft(home: House, owner: Person, content: bytes | None = None) -> Contract:
    path = home.settings.data_dir / "work" / "upload.pdf"
    path.write_bytes(content or a_pdf())
    return home.desk.upload(owner, path, filename="Purchase agreement.pdf")


BOB = NewSigner(name="Bob Buyer", email="bob@example.org", phone="+4915112345678")
CAROL = NewSigner(name="李雷", email="carol@example.org", phone=None, language="zh_Hans_CN")


def a_sent_contract(home: House, owner: Person, *signers: NewSigner, deadline: datetime | None = None) -> Contract:
    """Uploaded, one signature field a signer, prepared and sent; invitations are carried out."""
    draft = a_draft(home, owner)
    named = home.desk.name_signers(owner, draft.id, signers or (BOB, CAROL))
    if deadline is not None:
        home.desk.set_terms(
            owner, draft.id, title=draft.title, message="", deadline=deadline, timezone="Europe/Berlin", language="en"
        )
    boxes = [
        {
            "id": f"n{n}",
            "signer_id": s.id,
            "kind": "signature",
            "page": 1,
            "x": 1000,
            "y": 5000 + n * 1200,
            "w": 3500,
            "h": 900,
        }
        for n, s in enumerate(named.signers)
    ]
    home.desk.place_fields(owner, draft.id, boxes)
    home.desk.prepare(owner, draft.id)
    sent = home.desk.send(owner, draft.id)
    work(home)
    return sent


def a_sealed_contract(home: House, owner: Person) -> Contract:
    """Sent, signed by Bob (code) and Li Lei (passkey), sealed and archived."""
    from tests.soft_authenticator import SoftAuthenticator

    sent = a_sent_contract(home, owner)
    bob = _chosen(home, sent, "Bob Buyer")
    issued = home.ceremony.send_code(bob, address="192.0.2.1")
    code = inbox(home, to=BOB.phone or "")[0].body.rsplit("#", 1)[1].strip()
    home.ceremony.sign_with_code(bob, issued.id, code)
    work(home)
    li = _chosen(home, sent, "李雷")
    device = SoftAuthenticator("http://localhost:8000")
    asked = home.ceremony.ask_passkey(li)
    if asked.flow == "create":
        asked = home.ceremony.enrol(li, asked.intent_id, device.create(dict(asked.options)))
        home.__dict__["device_of_li"] = device
    answer = home.__dict__["device_of_li"].get(dict(asked.options))
    home.ceremony.sign_with_passkey(li, asked.intent_id, answer)
    work(home)
    return home.desk.look(owner, sent.id)


def _chosen(home: House, contract: Contract, name: str) -> str:
    token = token_of(home, contract, name)
    home.ceremony.open(token)
    home.ceremony.choose(token, mark={"kind": "typed", "face": "auto"}, values={}, consented=True, language="en")
    return token


def work(home: House, *, rounds: int = 10) -> None:
    """Carry out every errand that is due, as the workers would, until there is none."""
    for _ in range(rounds):
        with home.store.begin() as unit:
            due = unit.errands.claim_due(lease=timedelta(seconds=-1))
        if not due:
            return
        for errand in due:
            carry_out(home, errand.id)


def inbox(home: House, *, to: str) -> list[InboxMessage]:
    """Messages to this address, newest first."""
    return [m for m in read_all(home.settings.data_dir / "inbox") if m.to == to]


def token_of(home: House, contract: Contract, name: str) -> str:
    """The token in the link of the signer of that name."""
    signer = next(s for s in contract.signers if s.name == name)
    return home.links.token(signer)
