"""The enterprise's door: registering one, proving it, members, seals and rights, and its record.

An enterprise is one page: what is next stands on top, and where a job has the next word the page changes by itself. Every
form comes back on the same page with the refusal beside what was typed.
"""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from functools import wraps
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from bff.core import mark as marks
from bff.core.enterprise import (
    GOVERN,
    NOT_ASKED,
    SEAL_USERS,
    TRANSFERS,
    TRIES,
    Enterprise,
    Facts,
    Proof,
    Role,
    SealState,
    State,
    Way,
)
from bff.core.errors import Refusal
from bff.core.evidence import Entry
from bff.core.identity import Level, same_name
from bff.notify.addresses import normal_email, normal_phone
from bff.realname import registers
from bff.realname.enterprise import View
from bff.routes.account import contact_of
from bff.routes.refusals import say
from bff.routes.sender import page_or_part
from bff.routes.shared import back, house, language, live_ticket, me, signed_in
from bff.routes.signer import download
from bff.words import LANGUAGES, moment
from bff.words import mark as _

door = Blueprint("enterprise", __name__, url_prefix="/enterprises")

Page = str | AnyResponse | tuple[str, int]
Door = Callable[..., Any]
PHOTOGRAPHS = ("enterprise.licence", "enterprise.propose_image")
"""Endpoints that take a photograph."""

STATES = {
    State.REGISTERED: _("Not proven yet"),
    State.VERIFIED: _("Proven"),
    State.ENDED: _("Ended"),
}
ROLES = {
    Role.OWNER: _("Owner"),
    Role.ADMIN: _("Administrator"),
    Role.SIGNER: _("Signer"),
    Role.VIEWER: _("Viewer"),
}
WAYS = {
    Way.REPRESENTATIVE: _("The legal representative showed document and face here."),
    Way.ACCOUNT: _("Somebody read the statement of the enterprise's bank account."),
    Way.LETTER: _("The legal representative, checked by document and face, signed a letter of authorisation here."),
}
ATTENDED = {
    Way.REPRESENTATIVE: _("A person of this service compared the legal representative with their document."),
    Way.LETTER: _(
        "The legal representative, whom a person of this service compared with their document, "
        "signed a letter of authorisation here."
    ),
}
"""The same where no face video was judged."""
REGISTERED = {
    "not_asked": _("No trade register was asked."),
    "not_available": _("A trade register was asked and did not answer."),
    "agrees": _("The trade register has it as active, under this name and with this legal representative."),
    "not_compared": _("The trade register has it as active, under this name; it did not say who represents it."),
    "differs": _("The trade register has it as active, under this name, but with another legal representative."),
}
"""What a proof says of the trade register."""
OBJECTIONS = {
    "number": _("There is no enterprise of this number."),
    "status": _("The enterprise is struck off or dissolved."),
    "name": _("The enterprise of this number has another name."),
    "representative": _("The enterprise has another legal representative."),
}
"""What a trade register says against what was typed."""
SEAL_STATES = {
    SealState.PROPOSED: _("Waits for an owner's approval"),
    SealState.APPROVED: _("Approved"),
    SealState.REJECTED: _("Rejected"),
    SealState.RETIRED: _("Retired"),
}
TROUBLES = {
    "transfer_failed": _("The bank could not pay to that account. Check the number, or choose another way."),
    "transfer_void": _("Sum and code were wrong three times, so that transfer is void. Order another one."),
    "transfer_late": _("Nobody entered sum and code within seven days, so that transfer is void."),
    "letter_declined": _("The legal representative declined the letter."),
    "letter_withdrawn": _("The letter was withdrawn."),
    "letter_expired": _("The letter was not signed in time."),
    "letter_not_checked": _("Whoever signed the letter had shown neither document nor face, so it proves nothing."),
    "representative_not_checked": _(
        "Whoever signed the letter had shown neither document nor face, so it proves nothing."
    ),
    "representative_vouched": _(
        "The letter proves nothing: a contract's sender, or whoever wants to act for the enterprise, vouched for its signer. "
        "It takes a face video, or an owner of this service who has no part in it."
    ),
    "representative_another": _("The letter was signed by somebody else than the legal representative."),
    "enterprise_known": _("Meanwhile this enterprise has proven itself here. Ask one of its owners to add you."),
}
EVENTS = {
    "registered": _("Registered"),
    "amended": _("What was typed was corrected"),
    "licence_shown": _("A licence was shown"),
    "licence_read": _("The licence was read"),
    "register_asked": _("A trade register was asked"),
    "register_answered": _("The trade register answered"),
    "representative_seen": _("The legal representative proved it by document and face"),
    "transfer_ordered": _("A transfer to the enterprise's account was ordered"),
    "transfer_paid": _("The bank paid the transfer"),
    "transfer_failed": _("The bank could not pay the transfer"),
    "statement_entered": _("Sum and code of the transfer were entered"),
    "letter_sent": _("A letter of authorisation was sent"),
    "letter_signed": _("The legal representative signed the letter"),
    "abandoned": _("The way that was under way ended without proof"),
    "member_added": _("A member was added"),
    "role_changed": _("A member's role was changed"),
    "member_removed": _("A member was removed"),
    "seal_proposed": _("A seal was proposed"),
    "seal_decided": _("A seal was decided on"),
    "seal_retired": _("A seal was retired"),
    "seal_granted": _("A member was given a right to a seal"),
    "grant_revoked": _("A right to a seal was taken back"),
    "seal_used": _("A contract was signed with a seal"),
    "ended": _("Ended"),
}
FACTS = {"name": _("name"), "number": _("number"), "representative": _("legal representative")}
MIDDLES = (_("Contracts"), _("Finance"), _("Human resources"), "")
"""Words under the star of a round seal."""


@door.app_context_processor
def words_for_enterprises() -> dict[str, Any]:
    return {"enterprise_words": Words}


class Words:
    """Sentences about an enterprise in the reader's language."""

    @staticmethod
    def state(enterprise: Enterprise, now: datetime) -> str:
        if enterprise.state is State.VERIFIED and not enterprise.holds(now):
            return str(gettext("Has to be proven again"))
        return str(gettext(STATES[enterprise.state]))

    @staticmethod
    def role(role: Role) -> str:
        return str(gettext(ROLES[role]))

    @staticmethod
    def way(proof: Proof) -> str:
        ways = {**WAYS, **ATTENDED} if proof.facts.get("attended") else WAYS
        return str(gettext(ways[proof.way]))

    @staticmethod
    def register(proof: Proof) -> str:
        said = proof.facts.get("register", NOT_ASKED)
        known = said["outcome"] if said["outcome"] in REGISTERED else said["representative"]
        return str(gettext(REGISTERED[known]))

    @staticmethod
    def objection(name: str) -> str:
        return str(gettext(OBJECTIONS[name]))

    @staticmethod
    def seal(state: SealState) -> str:
        return str(gettext(SEAL_STATES[state]))

    @staticmethod
    def trouble(code: str) -> str:
        return str(gettext(TROUBLES[code])) if code in TROUBLES else ""

    @staticmethod
    def event(entry: Entry) -> str:
        return str(gettext(EVENTS.get(entry.value["kind"], entry.value["kind"])))

    @staticmethod
    def time(entry: Entry) -> str:
        return moment(datetime.fromisoformat(entry.value["at"]), "UTC")

    @staticmethod
    def differs(names: tuple[str, ...]) -> str:
        return str(gettext(", ")).join(str(gettext(FACTS[name])) for name in names)

    @staticmethod
    def refusal(code: str) -> str:
        return say(Refusal(code)).sentence


def on_the_page(at: str) -> Callable[[Callable[..., None]], Door]:
    """A form of the enterprise's page: done, back to its place there; refused, the page again with the reason at it."""

    def decorate(view: Callable[..., None]) -> Door:
        @wraps(view)
        def answered(enterprise_id: str, **values: Any) -> Any:
            try:
                view(enterprise_id, **values)
            except Refusal as refusal:
                if refusal.code in ("no_such_enterprise", "foreign_request"):
                    raise
                return _shown(enterprise_id, refusal, at)
            return back("enterprise.overview", enterprise_id=enterprise_id, _anchor=at)

        return signed_in(answered)

    return decorate


# --- registering ---


@door.get("")
@signed_in
def mine() -> str:
    return render_template("enterprises.html", enterprises=house().enterprises.mine(me()), now=house().clock.now())


@door.route("/new", methods=["GET", "POST"])
@signed_in
def register() -> Page:
    if request.method == "GET":
        return _register_page()
    try:
        enterprise_id = house().enterprises.register(me(), _typed())
    except Refusal as refusal:
        said = say(refusal)
        return _register_page(said.sentence), said.status
    return back("enterprise.overview", enterprise_id=enterprise_id)


def _register_page(error: str | None = None) -> str:
    return render_template("enterprise_new.html", registers=registers.REGISTERS, typed=request.form, error=error)


def _typed() -> Facts:
    form = request.form
    names = ("name", "register", "number", "country", "representative")
    return registers.facts(**{name: form.get(name, "") for name in names})


# --- the page ---


@door.get("/<enterprise_id>")
@signed_in
def overview(enterprise_id: str) -> Page:
    return _shown(enterprise_id)


def _shown(enterprise_id: str, refusal: Refusal | None = None, at: str = "") -> Page:
    view = house().enterprises.view(me(), enterprise_id)
    said = say(refusal) if refusal else None
    enterprise = view.enterprise
    topics = [f"enterprise:{enterprise.id}"]
    if enterprise.letter is not None:
        topics.append(f"contract:{enterprise.letter.contract_id}")
    shown = page_or_part(
        "enterprise.html",
        "body",
        view=view,
        enterprise=enterprise,
        facts=enterprise.facts,
        now=view.now,
        owner=view.role is Role.OWNER,
        governs=view.role in GOVERN,
        proven=enterprise.holds(view.now),
        steps=_steps(view),
        representative=_is_representative(view),
        checked=view.identity is not None and view.identity.satisfies(Level.DOCUMENT_FACE, now=view.now),
        bank=house().enterprises.pays,
        asks_register=house().enterprises.registered,
        tries=TRIES,
        transfers_left=TRANSFERS - enterprise.transfers,
        roles=[r for r in Role if view.role is Role.OWNER or r not in GOVERN],
        users=[m for m in enterprise.members if m.role in SEAL_USERS],
        grants=[g for g in enterprise.grants if g.holds(view.now)],
        middles=[str(gettext(m)) if m else "" for m in MIDDLES],
        a_year_on=(view.now + timedelta(days=365)).date().isoformat(),
        tomorrow=(view.now + timedelta(days=1)).date().isoformat(),
        registers=registers.REGISTERS,
        live="/live?ticket=" + live_ticket(topics, f"person:{me().id}"),
        error=said.sentence if said else None,
        at=at,
    )
    return (shown, said.status) if said else shown


def _is_representative(view: View) -> bool:
    return view.identity is not None and same_name(view.identity.name, view.enterprise.facts.representative)


def _steps(view: View) -> list[tuple[str, bool]]:
    """What has to be done before anybody signs for it, and whether it is."""
    enterprise = view.enterprise
    approved = any(s.state is SealState.APPROVED for s in enterprise.seals)
    return [
        (str(gettext("Registered")), True),
        (str(gettext("Proven")), enterprise.holds(view.now)),
        (str(gettext("Seal approved")), approved),
        (str(gettext("Right given")), any(g.holds(view.now) for g in enterprise.grants)),
    ]


@door.post("/<enterprise_id>/facts")
@on_the_page("proof")
def amend(enterprise_id: str) -> None:
    house().enterprises.amend(me(), enterprise_id, _typed())


@door.post("/<enterprise_id>/licence")
@on_the_page("proof")
def licence(enterprise_id: str) -> None:
    house().enterprises.show_licence(me(), enterprise_id, _photograph())


@door.get("/<enterprise_id>/licence.jpg")
@signed_in
def licence_picture(enterprise_id: str) -> Response:
    """The photograph as it came; a browser takes it for nothing but a picture."""
    content = house().enterprises.licence(me(), enterprise_id)
    headers = {"Cache-Control": "private, no-store", "Content-Security-Policy": "default-src 'none'"}
    return Response(content, mimetype="image/jpeg", headers=headers)


def _photograph() -> bytes:
    file = request.files.get("photograph")
    return file.read() if file else b""


@door.post("/<enterprise_id>/register")
@on_the_page("proof")
def ask_register(enterprise_id: str) -> None:
    house().enterprises.ask_again(me(), enterprise_id)


@door.get("/<enterprise_id>/record.zip")
@signed_in
def record(enterprise_id: str) -> Response:
    """The chronicle and its place in the tree, for an owner: `python -m bff verify` and /verify judge it."""
    name = house().enterprises.owned(me(), enterprise_id).facts.name
    title = str(gettext("Record of %(name)s", name=name))
    return download(house().history.record(f"enterprise:{enterprise_id}", title=title), title, kind="zip")


# --- the three ways ---


@door.post("/<enterprise_id>/face")
@on_the_page("proof")
def face(enterprise_id: str) -> None:
    house().enterprises.prove_by_face(me(), enterprise_id)


@door.post("/<enterprise_id>/transfer")
@on_the_page("proof")
def transfer(enterprise_id: str) -> None:
    form = request.form
    house().enterprises.order_transfer(
        me(), enterprise_id, account=form.get("account", ""), bank_code=form.get("bank", "")
    )


@door.post("/<enterprise_id>/statement")
@on_the_page("proof")
def statement(enterprise_id: str) -> None:
    form = request.form
    house().enterprises.enter_statement(
        me(), enterprise_id, amount=form.get("amount", "")[:20], code=form.get("code", "")[:40]
    )


@door.post("/<enterprise_id>/letter")
@on_the_page("proof")
def letter(enterprise_id: str) -> None:
    form = request.form
    email, phone = form.get("email", "").strip(), form.get("phone", "").strip()
    chosen = form.get("language", "")
    house().enterprises.send_letter(
        me(),
        enterprise_id,
        email=normal_email(email) if email else None,
        phone=normal_phone(phone) if phone else None,
        language=chosen if chosen in LANGUAGES else language(),
    )


@door.post("/<enterprise_id>/give-up")
@on_the_page("proof")
def give_up(enterprise_id: str) -> None:
    house().enterprises.give_up(me(), enterprise_id)


# --- members ---


@door.post("/<enterprise_id>/members")
@on_the_page("members")
def add_member(enterprise_id: str) -> None:
    form = request.form
    house().enterprises.add_member(
        me(),
        enterprise_id,
        name=form.get("name", ""),
        contact=contact_of(form.get("contact", "")),
        role=form.get("role", ""),
        language=language(),
    )


@door.post("/<enterprise_id>/members/<person_id>/role")
@on_the_page("members")
def change_role(enterprise_id: str, person_id: str) -> None:
    house().enterprises.change_role(me(), enterprise_id, person_id, request.form.get("role", ""))


@door.post("/<enterprise_id>/members/<person_id>/remove")
@on_the_page("members")
def remove_member(enterprise_id: str, person_id: str) -> None:
    house().enterprises.remove_member(me(), enterprise_id, person_id)


# --- seals ---


@door.post("/<enterprise_id>/seals")
@on_the_page("seals")
def propose_round(enterprise_id: str) -> None:
    form = request.form
    house().enterprises.propose_round(
        me(), enterprise_id, label=form.get("label", "")[:60], middle=form.get("middle", "")
    )


@door.post("/<enterprise_id>/seals/image")
@on_the_page("seals")
def propose_image(enterprise_id: str) -> None:
    house().enterprises.propose_image(
        me(), enterprise_id, label=request.form.get("label", "")[:60], photograph=_photograph()
    )


@door.post("/<enterprise_id>/seals/<seal_id>/<any(approve, reject, retire):act>")
@on_the_page("seals")
def decide_seal(enterprise_id: str, seal_id: str, act: str) -> None:
    if act == "retire":
        house().enterprises.retire_seal(me(), enterprise_id, seal_id)
    else:
        house().enterprises.decide_seal(me(), enterprise_id, seal_id, approved=act == "approve")


@door.post("/<enterprise_id>/seals/<seal_id>/grants")
@on_the_page("seals")
def grant(enterprise_id: str, seal_id: str) -> None:
    house().enterprises.grant(
        me(), enterprise_id, seal_id, member_id=request.form.get("member", ""), until=_end_of(request.form.get("until"))
    )


@door.post("/<enterprise_id>/grants/<grant_id>/revoke")
@on_the_page("seals")
def revoke(enterprise_id: str, grant_id: str) -> None:
    house().enterprises.revoke(me(), enterprise_id, grant_id)


@door.get("/<enterprise_id>/seals/<seal_id>.svg")
@signed_in
def seal_picture(enterprise_id: str, seal_id: str) -> Response:
    """The seal as it will be drawn: the same outlines as in a PDF."""
    return _picture(house().enterprises.seal_mark(me(), enterprise_id, seal_id))


@door.get("/<enterprise_id>/seal.svg")
@signed_in
def seal_preview(enterprise_id: str) -> Response:
    """How a round seal with these words would look."""
    facts = house().enterprises.view(me(), enterprise_id).enterprise.facts
    return _picture(marks.round_seal(facts.name, middle=request.args.get("middle", ""), foot=facts.number))


def _picture(mark: marks.Mark) -> Response:
    svg = house().paper.mark_svg(mark, width=240, height=240)
    return Response(svg, mimetype="image/svg+xml", headers={"Cache-Control": "private, max-age=60"})


def _end_of(day: str | None) -> datetime:
    """The last moment of a day, UTC."""
    try:
        chosen = datetime.fromisoformat(day or "").date()
    except ValueError as error:
        raise Refusal("grant_until_unreadable") from error
    return datetime.combine(chosen, time.max, UTC)


@door.post("/<enterprise_id>/end")
@signed_in
def end(enterprise_id: str) -> Page:
    try:
        house().enterprises.end(me(), enterprise_id)
    except Refusal as refusal:
        return _shown(enterprise_id, refusal, "end")
    return back("enterprise.mine")
