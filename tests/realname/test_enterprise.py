"""Enterprises in a real house: the three ways to prove one, members, seals and rights, and what is kept of it."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from bff.core import evidence
from bff.core.enterprise import Role, SealState, State, Way
from bff.core.errors import Refusal
from bff.core.identity import Level
from bff.realname import registers
from bff.realname.enterprise import MEMBERS
from bff.store.models import IdentityRow
from bff.store.people import Person
from bff.throttle import Throttle
from bff.wiring import House
from tests.builders import Clock, a_house, an_owner, inbox, token_of, work
from tests.databases import ON_BOTH
from tests.enterprises import Reader, a_person, an_identity, facts, look, proven, registered, sealed
from tests.providers import Outside, key_file, outside
from tests.together import together


@pytest.fixture
def li(home: House) -> Person:
    return a_person(home, "李雷", "li@example.org")


@pytest.fixture
def bank() -> Iterator[Outside]:
    with outside() as kept:
        yield kept


@pytest.fixture
def banked(tmp_path: Path, bank: Outside, clock: Clock) -> Iterator[House]:
    """A house with a bank."""
    house = a_house(tmp_path, clock, payout_url=bank.bank_url, payout_key_file=key_file(tmp_path))
    yield house
    house.cage.close()
    house.store.close()


# --- registering ---


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"number": "91350100M000100Y44"}, "register_number_wrong"),
        ({"number": "ⅫⅣ①②③"}, "register_number_wrong"),
        ({"register": "eu.vat", "number": ""}, "register_number_wrong"),
        ({"register": "os"}, "register_unknown"),
        ({"register": "other", "number": "HRB/1", "country": "Germany"}, "country_unreadable"),
        ({"register": "other", "number": "<script>", "country": "DE"}, "register_number_wrong"),
        ({"name": " "}, "enterprise_name_unreadable"),
        ({"representative": "x" * 200}, "representative_unreadable"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changed: dict[str, str], code: str) -> None:
    with pytest.raises(Refusal) as caught:
        facts(**changed)
    assert caught.value.code == code


def test_every_register_can_be_asked() -> None:
    for register in registers.REGISTERS:
        with pytest.raises(Refusal, match="register_number_wrong"):
            facts(register=register.code, number="!", country="DE")


def test_a_licence_is_read_in_a_job_and_held_against_what_was_typed(home: House, li: Person) -> None:
    reader = Reader({"name": "别的公司", "number": "91350100M000100Y43", "representative": "李雷"})
    licence = look(home, li, registered(home, li, reader=reader)).licence
    assert licence is not None
    assert (licence.state, licence.differs) == ("read", ("name",))


def test_a_licence_that_nobody_can_read_says_so_and_another_may_be_shown(home: House, li: Person) -> None:
    enterprise_id = registered(home, li, reader=Reader(found=None))
    licence = look(home, li, enterprise_id).licence
    assert licence is not None
    assert licence.state == "unreadable"
    home.__dict__["documents"] = Reader()
    home.enterprises.show_licence(li, enterprise_id, b"another photograph")
    work(home)
    again = look(home, li, enterprise_id).licence
    assert again is not None
    assert again.agrees


def test_a_reader_that_always_breaks_ends_as_unreadable(home: House, li: Person) -> None:
    class Broken(Reader):
        def read_licence(self, photograph: bytes, *, today: object) -> object:  # type: ignore[override]
            raise MemoryError

    home.__dict__["documents"] = Broken()
    enterprise_id = home.enterprises.register(li, facts())
    home.enterprises.show_licence(li, enterprise_id, b"a photograph")
    for _ in range(8):
        work(home)
        clock = home.clock
        assert isinstance(clock, Clock)
        clock.forward(hours=1)
    licence = look(home, li, enterprise_id).licence
    assert licence is not None
    assert licence.state == "unreadable"


def test_nobody_else_sees_it(home: House, li: Person) -> None:
    enterprise_id = registered(home, li)
    stranger = a_person(home, "X", "x@example.org")
    for act in (
        lambda: home.enterprises.view(stranger, enterprise_id),
        lambda: home.enterprises.licence(stranger, enterprise_id),
        lambda: home.enterprises.amend(stranger, enterprise_id, facts()),
        lambda: home.enterprises.view(li, "0" * 20),
    ):
        with pytest.raises(Refusal, match="no_such_enterprise"):
            act()


def test_one_person_does_not_pile_up_registrations(home: House, li: Person) -> None:
    for _ in range(10):
        home.enterprises.register(li, facts())
    with pytest.raises(Refusal, match="too_many_registrations"):
        home.enterprises.register(li, facts())


# --- way one ---


def test_the_representative_proves_it_with_a_check_that_stands(home: House, li: Person) -> None:
    enterprise = look(home, li, proven(home, li))
    assert (enterprise.state, enterprise.role(li.id)) == (State.VERIFIED, Role.OWNER)
    assert enterprise.proof is not None
    assert enterprise.proof.facts["licence"] == "agrees"


@pytest.mark.parametrize(
    ("name", "level", "code"),
    [
        (None, Level.CONTACT, "representative_not_checked"),
        ("韩梅梅", Level.DOCUMENT_FACE, "representative_another"),
        ("李雷", Level.DOCUMENT, "representative_not_checked"),
    ],
)
def test_nobody_else_is_taken_for_the_representative(
    home: House, li: Person, name: str | None, level: Level, code: str
) -> None:
    if name:
        an_identity(home, li, name, level)
    enterprise_id = registered(home, li)
    with pytest.raises(Refusal, match=code):
        home.enterprises.prove_by_face(li, enterprise_id)
    assert look(home, li, enterprise_id).state is State.REGISTERED


def test_an_enterprise_proves_itself_once(home: House, li: Person) -> None:
    other = a_person(home, "李雷", "other-li@example.org")
    an_identity(home, other, "李雷")
    waiting = registered(home, other)
    proven(home, li)
    with pytest.raises(Refusal, match="enterprise_known"):
        home.enterprises.prove_by_face(other, waiting)
    with pytest.raises(Refusal, match="enterprise_known"):
        home.enterprises.register(other, facts())


@ON_BOTH
def test_proven_twice_at_the_same_moment_it_is_proven_once(home: House, li: Person) -> None:
    others = [a_person(home, "李雷", f"li{number}@example.org") for number in range(4)]
    for one in others:
        an_identity(home, one, "李雷")
    waiting = [(one, registered(home, one)) for one in others]

    def prove(one: Person, enterprise_id: str) -> Callable[[], None]:
        return lambda: home.enterprises.prove_by_face(one, enterprise_id)

    refused = together(*(prove(*each) for each in waiting))
    assert [getattr(error, "code", error) for error in refused] == ["enterprise_known"] * 3


def test_whoever_proves_an_enterprise_after_its_proof_is_old_acts_for_it(home: House, li: Person, clock: Clock) -> None:
    old = proven(home, li)
    clock.forward(days=370)
    other = a_person(home, "李雷", "other-li@example.org")
    new = proven(home, other)
    with home.store.read() as unit:
        found = unit.enterprises.proven(facts().identifier)
    assert found is not None
    assert found.id == new != old


def test_letters_and_photographs_are_not_without_end(home: House, li: Person) -> None:
    home.__dict__["throttle"] = Throttle(None)
    enterprise_id = registered(home, li)
    for number in range(5):
        home.enterprises.send_letter(li, enterprise_id, email=f"r{number}@example.org", phone=None, language="en")
        home.enterprises.give_up(li, enterprise_id)
    with pytest.raises(Refusal, match="slow_down"):
        home.enterprises.send_letter(li, enterprise_id, email="r9@example.org", phone=None, language="en")
    for _ in range(29):
        home.enterprises.show_licence(li, enterprise_id, b"a photograph")
    with pytest.raises(Refusal, match="slow_down"):
        home.enterprises.show_licence(li, enterprise_id, b"a photograph")


# --- way two ---


def ordered(house: House, person: Person) -> str:
    enterprise_id = registered(house, person)
    house.enterprises.order_transfer(person, enterprise_id, account="6222 0212 3456 7890", bank_code="102100099996")
    work(house)
    return enterprise_id


def statement(bank: Outside) -> tuple[str, str]:
    """Sum and code as the account's statement shows them."""
    [paid] = bank.paid.values()
    return f"0.{paid['asked']['amount_cents']:02d}", paid["asked"]["remark"]


def test_sum_and_code_from_the_bank_prove_the_account(banked: House, bank: Outside) -> None:
    agent = a_person(banked, "Ann Agent", "ann@example.org")
    enterprise_id = ordered(banked, agent)
    [paid] = bank.paid.values()
    assert paid["asked"]["account_name"] == "示例科技（杭州）有限公司"
    amount, code = statement(bank)
    banked.enterprises.enter_statement(agent, enterprise_id, amount=amount, code=f" {code.lower()} ")
    enterprise = look(banked, agent, enterprise_id)
    assert enterprise.proof is not None
    assert (enterprise.state, enterprise.proof.way) == (State.VERIFIED, Way.ACCOUNT)


def test_the_account_is_forgotten_once_the_bank_has_it(banked: House) -> None:
    agent = a_person(banked, "Ann Agent", "ann@example.org")
    enterprise_id = ordered(banked, agent)
    with banked.store.read() as unit:
        assert unit.enterprises.private(enterprise_id) == {}
        raw = b"".join(entry.raw for entry in unit.chronicle.entries(f"enterprise:{enterprise_id}"))
    assert b"6222021234567890" not in raw
    assert "•••• 7890".encode() in raw


def test_three_wrong_answers_void_the_transfer_and_each_is_recorded(banked: House, bank: Outside) -> None:
    agent = a_person(banked, "Ann Agent", "ann@example.org")
    enterprise_id = ordered(banked, agent)
    amount, code = statement(bank)
    for left in (2, 1):
        with pytest.raises(Refusal) as caught:
            banked.enterprises.enter_statement(agent, enterprise_id, amount=amount, code="WRONG2")
        assert (caught.value.code, caught.value.params["left"]) == ("statement_wrong", left)
    with pytest.raises(Refusal, match="transfer_void"):
        banked.enterprises.enter_statement(agent, enterprise_id, amount="0.01", code=code)
    with pytest.raises(Refusal, match="no_transfer"):
        banked.enterprises.enter_statement(agent, enterprise_id, amount=amount, code=code)
    view = banked.enterprises.view(agent, enterprise_id)
    assert [x.value["data"]["right"] for x in view.entries if x.value["kind"] == "statement_entered"] == [False] * 3
    assert view.enterprise.trouble == "transfer_void"


def test_a_transfer_is_void_after_a_week_whoever_looks(banked: House, bank: Outside, clock: Clock) -> None:
    agent = a_person(banked, "Ann Agent", "ann@example.org")
    enterprise_id = ordered(banked, agent)
    clock.forward(days=7)
    banked.enterprises.settle_all()
    enterprise = look(banked, agent, enterprise_id)
    assert (enterprise.transfer, enterprise.trouble) == (None, "transfer_late")


def test_a_bank_that_is_down_is_asked_again_and_pays_once(banked: House, bank: Outside, clock: Clock) -> None:
    bank.failures = [503, 503, 503]
    agent = a_person(banked, "Ann Agent", "ann@example.org")
    enterprise_id = ordered(banked, agent)
    waiting = look(banked, agent, enterprise_id).transfer
    assert waiting is not None
    assert not waiting.paid
    clock.forward(minutes=5)
    work(banked)
    paid = look(banked, agent, enterprise_id).transfer
    assert paid is not None
    assert paid.paid
    assert len(bank.paid) == 1


def test_a_closed_account_is_told_and_another_may_be_given(banked: House, bank: Outside) -> None:
    bank.closed_accounts.add("6222021234567890")
    agent = a_person(banked, "Ann Agent", "ann@example.org")
    enterprise_id = ordered(banked, agent)
    assert look(banked, agent, enterprise_id).trouble == "transfer_failed"
    banked.enterprises.order_transfer(agent, enterprise_id, account="6222021234560000", bank_code="102100099996")
    work(banked)
    again = look(banked, agent, enterprise_id).transfer
    assert again is not None
    assert again.paid


@pytest.mark.parametrize("said", ["0.37", "0,37", "37", ".37", "¥0.37", " 0.37 "])
def test_a_sum_is_understood_however_it_is_written(said: str) -> None:
    from bff.realname.enterprise import _cents

    assert _cents(said) == 37


@pytest.mark.parametrize("said", ["", "1.37", "0.370", "370", "-37", "0.3x", "³7", "0.²7"])
def test_anything_else_is_no_sum(said: str) -> None:
    from bff.realname.enterprise import _cents

    assert _cents(said) is None


def test_without_a_bank_the_way_is_not_there(home: House, li: Person) -> None:
    with pytest.raises(Refusal, match="payout_not_offered"):
        home.enterprises.order_transfer(li, registered(home, li), account="6222021234567890", bank_code="1021")


# --- way three ---


def lettered(home: House, agent: Person) -> str:
    enterprise_id = registered(home, agent)
    home.enterprises.send_letter(agent, enterprise_id, email="li@example.org", phone="+4915112345678", language="en")
    work(home)
    return enterprise_id


def sign_letter(home: House, agent: Person, enterprise_id: str) -> None:
    """The legal representative reads and signs it, with a code."""
    letter = look(home, agent, enterprise_id).letter
    assert letter is not None
    contract = home.desk.look(agent, letter.contract_id)
    token = token_of(home, contract, "李雷")
    home.ceremony.open(token)
    home.ceremony.choose(token, mark={"kind": "typed", "face": "auto"}, values={}, consented=True, language="en")
    issued = home.ceremony.send_code(token, address="192.0.2.1")
    code = inbox(home, to="+4915112345678")[0].body.rsplit("#", 1)[1].strip()
    home.ceremony.sign_with_code(token, issued.id, code)
    work(home)


def test_a_letter_signed_by_the_representative_makes_the_agent_the_owner(home: House, owner: Person) -> None:
    an_identity(home, a_person(home, "李雷", "li@example.org"), "李雷")
    enterprise_id = lettered(home, owner)
    sign_letter(home, owner, enterprise_id)
    enterprise = look(home, owner, enterprise_id)
    assert (enterprise.state, enterprise.role(owner.id)) == (State.VERIFIED, Role.OWNER)
    assert enterprise.proof is not None
    assert (enterprise.proof.way, enterprise.proof.facts["level"]) == (Way.LETTER, "document+face")


def vouched(home: House, person: Person, by: str) -> None:
    """A member saw them, for a contract of their own: begun with a code, so it is the best that is known of them."""
    found = an_identity(home, person, "李雷", Level.DOCUMENT)
    facts = {"attended": {"as": "sender"}, "reviewed_by": [by]}
    with home.store.begin() as unit:
        row = unit._session.get_one(IdentityRow, found.check_id)
        row.attended_by, row.facts = by, facts


def test_who_wants_to_act_for_an_enterprise_does_not_vouch_for_its_representative(home: House, owner: Person) -> None:
    home.account.add_member(owner, name="Mia", contact="mia@example.org", language="en")
    mia = a_person(home, "Mia", "mia@example.org")
    vouched(home, a_person(home, "李雷", "li@example.org"), mia.id)
    enterprise_id = lettered(home, mia)
    sign_letter(home, mia, enterprise_id)
    enterprise = look(home, mia, enterprise_id)
    assert (enterprise.state, enterprise.trouble) == (State.REGISTERED, "representative_vouched")


def test_a_senders_word_stands_in_the_way_of_no_face(home: House, owner: Person) -> None:
    li = a_person(home, "李雷", "li@example.org")
    by_link = an_identity(home, li, "李雷")
    with home.store.begin() as unit:
        unit._session.get_one(IdentityRow, by_link.check_id).facts = {"begun_by": "link"}
    vouched(home, li, owner.id)
    enterprise_id = lettered(home, owner)
    sign_letter(home, owner, enterprise_id)
    assert look(home, owner, enterprise_id).state is State.VERIFIED


def test_the_letter_names_enterprise_representative_and_agent(home: House, owner: Person) -> None:
    from pypdfium2 import PdfDocument

    letter = look(home, owner, lettered(home, owner)).letter
    assert letter is not None
    _, content = home.desk.document(owner, letter.contract_id)
    said = PdfDocument(content)[0].get_textpage().get_text_range().replace("\r\n", "")
    for words in ("NTRCN-91350100M000100Y43", "李雷", "Olga Owner", "olga@example.org"):
        assert words in said


def test_a_declined_letter_leaves_the_enterprise_as_it_was(home: House, owner: Person) -> None:
    enterprise_id = lettered(home, owner)
    letter = look(home, owner, enterprise_id).letter
    assert letter is not None
    contract = home.desk.look(owner, letter.contract_id)
    token = token_of(home, contract, "李雷")
    home.ceremony.open(token)
    home.ceremony.decline(token, "not me")
    enterprise = look(home, owner, enterprise_id)
    assert (enterprise.letter, enterprise.trouble, enterprise.state) == (None, "letter_declined", State.REGISTERED)


def test_giving_up_withdraws_the_letter(home: House, owner: Person) -> None:
    enterprise_id = lettered(home, owner)
    letter = look(home, owner, enterprise_id).letter
    assert letter is not None
    home.enterprises.give_up(owner, enterprise_id)
    assert home.desk.look(owner, letter.contract_id).state.value == "withdrawn"
    assert look(home, owner, enterprise_id).letter is None


def test_an_enterprise_that_ends_leaves_no_letter_and_no_account_behind(
    banked: House, bank: Outside, clock: Clock
) -> None:
    agent, to = an_owner(banked), {"email": "li@example.org", "phone": None, "language": "en"}
    an_identity(banked, agent, "李雷")
    for way in ("letter", "transfer"):
        enterprise_id = registered(banked, agent)
        banked.enterprises.prove_by_face(agent, enterprise_id)
        if way == "letter":
            banked.enterprises.send_letter(agent, enterprise_id, **to)
        else:
            banked.enterprises.order_transfer(
                agent, enterprise_id, account="6222021234567890", bank_code="102100099996"
            )
        letter = look(banked, agent, enterprise_id).letter
        banked.enterprises.end(agent, enterprise_id)
        with banked.store.read() as unit:
            assert "account" not in unit.enterprises.private(enterprise_id)
        if letter is not None:
            assert banked.desk.look(agent, letter.contract_id).state.value == "withdrawn"
    work(banked)
    assert bank.paid == {}


def test_nobody_writes_the_letter_to_oneself(home: House, owner: Person) -> None:
    with pytest.raises(Refusal, match="letter_to_oneself"):
        home.enterprises.send_letter(
            owner, registered(home, owner), email="olga@example.org", phone=None, language="en"
        )


# --- members and seals ---


def test_members_are_found_by_their_address_and_lose_everything_when_removed(home: House, li: Person) -> None:
    sam = a_person(home, "Sam Signer", "sam@example.org")
    enterprise_id, _ = sealed(home, li, member=sam)
    assert [one.id for one in home.enterprises.mine(sam)] == [enterprise_id]
    home.enterprises.remove_member(li, enterprise_id, sam.id)
    assert home.enterprises.mine(sam) == []
    assert all(grant.revoked for grant in look(home, li, enterprise_id).grants)


def test_a_new_address_becomes_a_new_person(home: House, li: Person) -> None:
    enterprise_id = proven(home, li)
    home.enterprises.add_member(li, enterprise_id, name="Neu", contact="neu@example.org", role="viewer", language="en")
    known = {who.name for who in home.enterprises.view(li, enterprise_id).people.values()}
    assert known == {"李雷", "Neu"}


def test_a_new_member_is_told_in_their_language_and_knows_where_to_go(home: House, li: Person) -> None:
    enterprise_id = proven(home, li)
    added = {"contact": "neu@example.org", "role": "signer", "language": "zh_Hans_CN"}
    home.enterprises.add_member(li, enterprise_id, name="新同事", **added)
    work(home)
    (letter,) = inbox(home, to="neu@example.org")
    assert letter.template == "member_added"
    assert "示例科技（杭州）有限公司" in letter.subject
    assert f"/enterprises/{enterprise_id}" in letter.body
    assert "新同事，您好" in letter.body


def test_who_is_no_member_any_more_when_the_letter_leaves_gets_none(home: House, li: Person) -> None:
    enterprise_id = proven(home, li)
    home.enterprises.add_member(li, enterprise_id, name="Neu", contact="neu@example.org", role="viewer", language="en")
    member = next(who for who in home.enterprises.view(li, enterprise_id).people.values() if who.name == "Neu")
    home.enterprises.remove_member(li, enterprise_id, member.id)
    work(home)
    assert inbox(home, to="neu@example.org") == []


def test_members_letters_do_not_flood_anybody(home: House, li: Person) -> None:
    enterprise_id = proven(home, li)
    home.enterprises._throttle = Throttle(None)
    for n in range(MEMBERS.amount):
        home.enterprises.add_member(
            li, enterprise_id, name="N", contact=f"n{n}@example.org", role="viewer", language="en"
        )
    with pytest.raises(Refusal, match="slow_down"):
        home.enterprises.add_member(
            li, enterprise_id, name="N", contact="last@example.org", role="viewer", language="en"
        )


def test_an_approved_seal_draws_exactly_what_was_approved(home: House, li: Person) -> None:
    enterprise_id, seal_id = sealed(home, li)
    mark = home.enterprises.seal_mark(li, enterprise_id, seal_id)
    assert mark.sha256() == look(home, li, enterprise_id).seal(seal_id).sha256
    assert mark.said == "示例科技（杭州）有限公司 合同专用章 91350100M000100Y43"


def test_a_photographed_seal_is_cleaned_in_a_job_and_waits_for_approval(home: House, li: Person) -> None:
    enterprise_id = proven(home, li)
    home.enterprises.propose_image(li, enterprise_id, label="Scan", photograph=a_red_seal())
    assert home.enterprises.view(li, enterprise_id).imprint == "cleaning"
    work(home)
    view = home.enterprises.view(li, enterprise_id)
    [seal] = view.enterprise.seals
    assert (view.imprint, seal.kind, seal.state) == (None, "image", SealState.PROPOSED)
    stamp = home.enterprises.seal_mark(li, enterprise_id, seal.id).stamp
    assert stamp is not None
    assert stamp.colour[0] > 150 > stamp.colour[1]


@pytest.mark.parametrize(
    ("photograph", "code"), [(b"\xff\xd8 no picture", "photo_unreadable"), (b"", "intake_missing")]
)
def test_what_is_no_seal_is_refused_by_name(home: House, li: Person, photograph: bytes, code: str) -> None:
    enterprise_id = proven(home, li)
    if not photograph:
        with pytest.raises(Refusal, match=code):
            home.enterprises.propose_image(li, enterprise_id, label="Scan", photograph=photograph)
        return
    home.enterprises.propose_image(li, enterprise_id, label="Scan", photograph=photograph)
    work(home)
    assert home.enterprises.view(li, enterprise_id).imprint == code
    assert not look(home, li, enterprise_id).seals


def a_red_seal() -> bytes:
    """A red ring with a star's block on shaded paper with black print."""
    picture = Image.new("RGB", (600, 500), (231, 228, 220))
    pen = ImageDraw.Draw(picture)
    for line in range(40, 480, 30):
        pen.line((20, line, 580, line), fill=(60, 60, 62), width=3)
    pen.ellipse((150, 100, 450, 400), outline=(205, 40, 45), width=14)
    pen.rectangle((260, 210, 340, 290), fill=(205, 40, 45))
    out = BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


# --- the record ---


@ON_BOTH
def test_everything_is_one_chain_in_the_database(home: House, li: Person) -> None:
    sam = a_person(home, "Sam Signer", "sam@example.org")
    enterprise_id, _ = sealed(home, li, member=sam)
    entries = home.enterprises.view(li, enterprise_id).entries
    assert evidence.check(entries, contract_id=f"enterprise:{enterprise_id}") is None
    assert [entry.value["kind"] for entry in entries] == [
        "registered",
        "licence_shown",
        "licence_read",
        "representative_seen",
        "seal_proposed",
        "seal_decided",
        "member_added",
        "seal_granted",
    ]
    assert entries[-1].value["actor"] == li.id


def test_the_state_comes_back_from_the_database_as_it_went_in(home: House, li: Person) -> None:
    enterprise_id, _ = sealed(home, li)
    with home.store.begin() as unit:
        before = unit.enterprises.get(enterprise_id)
        assert before is not None
        unit.enterprises.put(before)
    assert look(home, li, enterprise_id) == before


def test_a_house_that_rolls_back_records_nothing(home: House, li: Person) -> None:
    enterprise_id = proven(home, li)
    before = len(home.enterprises.view(li, enterprise_id).entries)
    with pytest.raises(Refusal, match="last_owner"):
        home.enterprises.remove_member(li, enterprise_id, li.id)
    with pytest.raises(Refusal, match="no_such_seal"):
        home.enterprises.grant(li, enterprise_id, "nope", member_id=li.id, until=home.clock.now() + timedelta(days=1))
    assert len(home.enterprises.view(li, enterprise_id).entries) == before


def test_an_owner_of_the_house_has_no_part_in_an_enterprise(home: House, li: Person) -> None:
    enterprise_id = proven(home, li)
    with pytest.raises(Refusal, match="no_such_enterprise"):
        home.enterprises.view(an_owner(home), enterprise_id)
