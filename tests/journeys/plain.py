"""The same ways as in `walks`, without a browser: every screen is a plain form, and here each is filled in as one.

For journeys about what goes wrong behind the pages, where a browser would only be slow.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import unescape

import httpx

from tests.builders import a_pdf
from tests.journeys.house import RunningHouse, until
from tests.journeys.walks import Party

OURS = {"Sec-Fetch-Site": "same-origin"}
TYPED = json.dumps({"kind": "typed", "face": "auto"})
PATIENCE_SECONDS = 90


@dataclass(frozen=True)
class Seen:
    """A contract's page as its sender reads it. `kinds` counts the lines of its timeline."""

    state: str
    level: str
    text: str
    kinds: Counter[str]


class Visitor:
    """One browser's cookies and manners, without the browser."""

    def __init__(self, house: RunningHouse) -> None:
        self.house = house
        once = httpx.Limits(max_keepalive_connections=0)  # nothing stays open when web is killed, or the test is over
        self.client = httpx.Client(base_url=house.url, headers=OURS, timeout=60, follow_redirects=True, limits=once)

    def post(self, path: str, **fields: str) -> httpx.Response:
        return self.client.post(path, data=fields)


class Sender(Visitor):
    """The owner of the house, from the first start on."""

    def __init__(self, house: RunningHouse, *, name: str = "Olga Owner", email: str = "olga@example.org") -> None:
        super().__init__(house)
        done(self.post(house.claim, name=name, contact=email))

    def upload(self, content: bytes, *, name: str = "Agreement.pdf") -> httpx.Response:
        return self.client.post("/contracts/new", files={"file": (name, content, "application/pdf")})

    def prepare(self, parties: Sequence[Party], *, title: str, deadline: datetime | None = None) -> str:
        """The id of a contract without fields that is ready to be sent. `deadline` is in UTC."""
        made = done(self.upload(a_pdf(words=title), name=f"{title}.pdf"))
        contract = made.url.path.split("/")[-2]
        for party in parties:
            form = {"name": party.name, "email": party.email, "phone": party.phone, "language": party.language}
            done(self.post(f"/contracts/{contract}/signers", **form))
        if deadline is not None:
            when = {"day": f"{deadline:%Y-%m-%d}", "time": f"{deadline:%H:%M:%S}", "zone": "UTC"}
            done(self.post(f"/contracts/{contract}/terms", title=title, **when))
        done(self.press(contract, "prepare"))
        return contract

    def send(self, parties: Sequence[Party], *, title: str, deadline: datetime | None = None) -> str:
        contract = self.prepare(parties, title=title, deadline=deadline)
        done(self.press(contract, "send"))
        return contract

    def press(self, contract: str, act: str) -> httpx.Response:
        """The button of that name on the contract's page."""
        return self.post(f"/contracts/{contract}/{act}")

    def look(self, contract: str) -> Seen:
        page = done(self.client.get(f"/contracts/{contract}")).text
        part = re.search(r'id="contract" data-state="(\w+)" data-level="([^"]*)"', page)
        assert part is not None, page
        kinds = Counter(re.findall(r'<li data-kind="(\w+)"', page))
        return Seen(state=part[1], level=part[2], text=words(page), kinds=kinds)

    def wait(self, contract: str, state: str, *, level: str = "", seconds: float = PATIENCE_SECONDS) -> Seen:
        """Looks until the contract is there."""

        def there() -> Seen | None:
            seen = self.look(contract)
            return seen if seen.state == state and level in ("", seen.level) else None

        return until(there, seconds=seconds, what=f"{contract} {state} {level}")

    def sealed(self, contract: str) -> bytes:
        return done(self.client.get(f"/contracts/{contract}/signed.pdf")).content

    def evidence(self, contract: str) -> bytes:
        return done(self.client.get(f"/contracts/{contract}/evidence.zip")).content


class Guest(Visitor):
    """A signer with a link and a phone."""

    def __init__(self, house: RunningHouse, party: Party) -> None:
        super().__init__(house)
        self.party = party
        self.path = httpx.URL(house.link(party.email or party.phone)).path

    def look(self) -> str:
        return words(done(self.client.get(self.path)).text)

    def code(self) -> dict[str, str]:
        """Reads, agrees and asks for a code: what the last form holds when it has been typed in."""
        self.look()
        done(self.post(f"{self.path}/sign", mark=TYPED, consent="yes"))
        before = len(self.house.letters(to=self.party.phone, template="code"))
        page = done(self.post(f"{self.path}/code")).text
        intent = re.search(r'name="intent" value="(\w+)"', page)
        assert intent is not None, words(page)
        return {"intent": intent[1], "code": self.house.code(self.party.phone, after=before)}

    def sign(self) -> None:
        done(self.post(f"{self.path}/sign/code", **self.code()))


def done(answer: httpx.Response) -> httpx.Response:
    """The answer to something that had to work."""
    assert answer.status_code == 200, f"{answer.status_code} {answer.url.path}: {words(answer.text)}"
    return answer


def words(page: str) -> str:
    """What a page says, in one line."""
    body = re.sub(r"(?s)<(script|style|head)\b.*?</\1>", " ", page)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())
