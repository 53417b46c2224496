"""A contract in words: its state, what is next, its timeline, what its level means, how each signer is reached.

Sentences for the sender and for people who sign, in the reader's language. They are made from the contract and its
evidence alone: nothing is said here that is not recorded there. Refusals have their own words in `refusals`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask_babel import gettext, ngettext

from bff.core import contract as c
from bff.core import evidence as log
from bff.core.contract import Contract, Signer, SignerState, State
from bff.core.evidence import Entry
from bff.core.identity import Channel, Identity, Level, Routes, same_name
from bff.signing import reasons
from bff.words import mark as _
from bff.words import moment

if TYPE_CHECKING:
    from bff.store.contracts import Listed
    from bff.store.errands import Message

GROUPS: dict[str, tuple[State, ...]] = {
    "drafts": (State.DRAFT, State.PREPARED),
    "waiting": (),
    "out": (State.SENT, State.SIGNED, State.STUCK),
    "done": c.DONE,
    "ended": c.ENDED,
}
"""The list's filters. `waiting` asks whose turn it is, not in which state the contract is."""

GROUP_NAMES = {
    "drafts": _("Drafts"),
    "waiting": _("Waiting for me"),
    "out": _("Out for signature"),
    "done": _("Completed"),
    "ended": _("Ended"),
}
STATES = {
    State.DRAFT: _("Draft"),
    State.PREPARED: _("Ready to send"),
    State.SENT: _("Out for signature"),
    State.SIGNED: _("Being sealed"),
    State.SEALED: _("Sealed"),
    State.ARCHIVED: _("Sealed and archived"),
    State.STUCK: _("Needs attention"),
    State.DECLINED: _("Declined"),
    State.WITHDRAWN: _("Withdrawn"),
    State.EXPIRED: _("Expired"),
}
SIGNER_STATES = {
    SignerState.WAITING: _("Not asked yet"),
    SignerState.INVITED: _("Asked"),
    SignerState.OPENED: _("Reading"),
    SignerState.SIGNED: _("Signed"),
    SignerState.DECLINED: _("Declined"),
}
LEVELS = {
    "B-B": _("Signed; the timestamps are still missing and will be added by themselves (level B-B)."),
    "B-T": _("Signed and timestamped; the long-term data is still missing and will be added by itself (level B-T)."),
    "B-LT": _("Sealed with long-term data; the archive timestamp will be added by itself (level B-LT)."),
    "B-LTA": _("Sealed with timestamps and long-term data: it can be checked for decades (PAdES B-LTA)."),
}
NOTES = {
    "from_pictures": _("This PDF was made from your pictures. Download it and read it: it is what everybody signs."),
    "from_word": _("This PDF was made from your Word file. Download it and read it: it is what everybody signs."),
    "repaired": _("The file was damaged. It has been repaired; read it through before you send it."),
    "rebuilt": _("The file has been written anew so that it can be signed. Its pages look as before."),
    "already_signed": _("The file already carries signatures of others. They stay valid; no evidence page is added."),
    "certified": _("The author certified this file. Signing is allowed, and the certification stays."),
    "javascript": _(
        "The file contains a program (JavaScript). Nobody's reader needs it to sign, and it is never run here."
    ),
    "open_action": _("The file wants to do something when it is opened. Readers may ask about it."),
    "attachments": _("Other files are attached inside this file. They are kept, but signers do not see them here."),
    "hidden_layers": _("The file has layers that can be hidden. Signers see the layers that are shown now."),
    "layers_vary": _(
        "Readers switch layers of this file by themselves, on screen, in print or when zoomed. Signers see the screen's."
    ),
    "launches": _("A link in this file wants to start a program. It does not work here; readers may ask about it."),
    "changes_itself": _(
        "Something in this file hides, shows or fills in parts of the page when it is clicked. Signers see it as it is now."
    ),
    "media": _(
        "The file contains film, sound or 3D, which most readers do not show. Signers see a still picture at most."
    ),
    "print_differs": _(
        "Something in this file shows only on the screen or only in print. Compare both before you send it."
    ),
    "form_values_vary": _(
        "Entries of a form in this file may look different in another reader. Print it to PDF and upload that, to be sure."
    ),
    "outside_content": _(
        "The file shows parts of other files, which only some readers fetch. Signers see it without them."
    ),
    "fonts_missing": _(
        "The file lacks some of its fonts, so its letters look different on other devices. Export it with fonts to be sure."
    ),
    "xfa": _("The file was an Adobe form. Its form program has been taken out; the pages look as before."),
    "usage_rights_removed": _("Adobe's usage rights have been taken out, because they forbid signatures."),
    "metadata_removed": _("Unreadable descriptions inside the file have been taken out."),
}
MESSAGES = {
    "invitation": _("Invitation"),
    "reminder": _("Reminder"),
    "your_turn": _("Your turn"),
    "code": _("Code"),
    "passkey_enrolled": _("Fingerprint or face set up"),
    "completed": _("All have signed"),
    "declined": _("Declined"),
    "expired": _("Expired"),
    "withdrawn": _("Withdrawn"),
    "stuck": _("Needs attention"),
}
DELIVERIES = {
    "taken": _("handed to the provider"),
    "accepted": _("waiting at the provider"),
    "scheduled": _("waiting at the provider"),
    "queued": _("waiting at the provider"),
    "sending": _("on its way"),
    "sent": _("on its way"),
    "delivered": _("delivered"),
    "read": _("read"),
    "undelivered": _("could not be delivered"),
    "failed": _("could not be delivered"),
}
HAPPENED = {
    "prepared": _("The document was prepared; from here its bytes never change"),
    "reopened": _("%(who)s went back to editing"),
    "sent": _("%(who)s sent the contract; the time is proven by a timestamp"),
    "opened": _("%(signer)s opened the link"),
    "signed": _("%(signer)s signed (%(method)s)"),
    "applied": _("The signature of %(signer)s is in the document"),
    "declined": _("%(signer)s declined to sign"),
    "withdrawn": _("%(who)s withdrew the contract"),
    "expired": _("The deadline passed"),
    "corrected": _("%(who)s corrected how %(signer)s is reached; the old link is dead"),
    "postponed": _("%(who)s set a new deadline before sending: %(deadline)s"),
    "taken_over": _("%(who)s took this contract over from %(before)s, who may not send from this house any more"),
    "sealed": _("The document was sealed"),
    "raised": _("Missing timestamps were added"),
    "renewed": _("A new timestamp was added, so that the proof goes on; archived and read back from: %(sites)s"),
    "archived": _("Archived and read back from: %(sites)s"),
    "stuck": _("Something did not work"),
    "retried": _("%(who)s had it tried again"),
}
NOTED = {
    "uploaded": _("%(who)s uploaded the document"),
    "message_taken": _("A message to %(to)s was handed to the provider"),
    "read": _("%(signer)s looked at the pages"),
    "consented": _("%(signer)s agreed to sign electronically"),
    "passkey_enrolled": _("%(signer)s set up fingerprint or face on their device"),
    "code_sent": _("A code was sent to %(signer)s"),
    "code_not_taken": _("A code for %(signer)s was not taken by the provider"),
    "proof_refused": _("A confirmation of %(signer)s was not accepted"),
    "identity_asked": _("%(who)s wants to know who signers are before they sign"),
    "identified": _("%(signer)s showed who they are"),
    "name_accepted": _("%(who)s accepted the name on the document of %(signer)s"),
}
METHODS = {"sms": _("code by SMS"), "passkey": _("fingerprint or face"), "face": _("face video")}
PROBLEMS = ("declined", "withdrawn", "expired", "stuck", "code_not_taken", "proof_refused")


@dataclass(frozen=True)
class Line:
    """One line of a timeline: the exact time, the sentence, what kind of event, whether it is a problem."""

    at: datetime
    sentence: str
    kind: str
    problem: bool
    remark: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Delivery:
    """A message and what became of it."""

    what: str
    to: str
    channel: str
    status: str
    failed: bool
    at: datetime


def state(of: State) -> str:
    return _say(STATES[of])


def signer_state(of: SignerState) -> str:
    return _say(SIGNER_STATES[of])


def listed_state(listed: "Listed") -> str:
    return _say(_("Waiting for you")) if listed.mine_to_sign else state(listed.state)


def groups() -> list[tuple[str, str]]:
    return [(name, _say(words)) for name, words in GROUP_NAMES.items()]


def notes(of: Sequence[str]) -> list[str]:
    """What intake had to say, in sentences; our own remarks are not for reading."""
    return [_say(NOTES[note]) for note in of if note in NOTES]


def level(of: str | None) -> str:
    return _say(LEVELS[of]) if of in LEVELS else ""


def reason(code: str | None) -> str:
    """Why a contract is stuck, as far as a sender can understand it."""
    return reasons.reason(code, _say)


def channel_policy(routes: Routes | None) -> str:
    """Which way the link goes, which way the code, and what follows from it."""
    if routes is None:
        return _say(_("Cannot be reached: an e-mail address or a mobile number is missing."))
    if routes.shared:
        return _say(_("Link and code both go by SMS, so they share a channel. This is written into the record."))
    if routes.link is Channel.EMAIL and routes.code is None:
        return _say(_("Link by e-mail. Without a mobile number only fingerprint or face can confirm."))
    return _say(_("Link by e-mail, code by SMS; or fingerprint or face."))


def next_step(contract: Contract, *, copies: int = 0) -> str:
    """What is next, in one sentence."""
    if contract.state is State.PREPARED:
        return _next_before_sending(contract)
    if contract.state is State.SENT:
        return _next_signer(contract)
    fixed = {
        State.DRAFT: _("Finish the draft and prepare it."),
        State.SIGNED: _("Everybody has signed. The document is being sealed; this takes a few seconds."),
        State.SEALED: _("The sealed document is being written to the archive."),
        State.ARCHIVED: _("Nothing. The contract is complete, sealed and archived."),
        State.STUCK: _("Nothing is lost. Try again; if it stays like this, the operator can see the cause."),
        State.DECLINED: _("Nothing. Somebody declined, so the contract cannot be signed any more."),
        State.WITHDRAWN: _("Nothing. The contract was withdrawn."),
        State.EXPIRED: _("Nothing. The deadline has passed."),
    }
    return _say(fixed[contract.state])


def _next_before_sending(contract: Contract) -> str:
    mine = next((s for s in contract.signers if s.is_sender), None)
    if mine and mine.state is SignerState.SIGNED and not mine.applied:
        return _say(_("Your signature is being put into the document. You can send it already."))
    if mine and mine.state is SignerState.SIGNED:
        return _say(_("You have signed. Send it to the others."))
    if mine:
        return _say(_("Sign first, or send it now and sign when it is your turn."))
    return _say(_("Send it: everybody whose turn it is gets a link at once."))


def _next_signer(contract: Contract) -> str:
    names = [s.name for s in contract.turn]
    if not names:
        return _say(_("The last signature is being put into the document."))
    listed = _say(_(", ")).join(names)
    return str(
        ngettext("It is the turn of %(names)s.", "It is the turn of %(names)s, in any order.", len(names), names=listed)
    )


def timeline(contract: Contract, entries: Sequence[Entry], *, owner_id: str, owner_name: str) -> list[Line]:
    """Every recorded event as a sentence, oldest first."""
    values = [entry.value for entry in entries]
    people = {owner_id: owner_name, "platform": _say(_("This house"))} | {s.id: s.name for s in contract.signers}
    people |= {v["data"]["before_id"]: v["data"]["before_name"] for v in values if v["kind"] == c.TakenOver.kind}
    return merged([_line(value, people, contract.timezone) for value in values])


def merged(lines: Sequence[Line]) -> list[Line]:
    """Somebody who looks at the pages again and again is one line, from the first time to the last."""
    told: list[Line] = []
    for line in lines:
        before = told[-1] if told else None
        if before and line.kind == before.kind == "read" and line.sentence == before.sentence:
            told[-1] = replace(before, until=line.at)
        else:
            told.append(line)
    return told


def _line(value: Mapping[str, Any], people: Mapping[str, str], zone: str) -> Line:
    data = value["data"]
    kind = str(data.get("what", "")) if value["kind"] == "noted" else str(value["kind"])
    unknown = _say(_("Somebody"))
    facts = {
        "who": people.get(value["actor"], unknown),
        "signer": people.get(data.get("signer_id", ""), unknown),
        "to": data.get("to", ""),
        "sites": _say(_(", ")).join(data.get("sites", [])),
        "before": data.get("before_name", ""),
        "deadline": moment(datetime.fromisoformat(data["deadline"]), zone) if "deadline" in data else "",
        "method": _say(METHODS.get(data.get("method", ""), _("another way"))),
    }
    sentence = NOTED.get(kind) or HAPPENED.get(kind)
    return Line(
        at=datetime.fromisoformat(value["at"]),
        sentence=_say(sentence, **facts) if sentence else kind,
        kind=kind,
        problem=kind in PROBLEMS,
        remark=_remark(kind, data),
    )


def _remark(kind: str, data: Mapping[str, Any]) -> str:
    if kind in ("declined", "withdrawn"):
        return str(data.get("reason", ""))
    if kind == "stuck":
        return reason(str(data.get("reason", "")))
    if kind in ("sealed", "raised", "renewed"):
        return level(str(data.get("level", "")))
    return ""


def deliveries(contract: Contract, messages: Sequence["Message"], *, masked: Any) -> list[Delivery]:
    """Messages, newest first; addresses are masked, as they are in the evidence."""
    channels = {"email": _say(_("e-mail")), "sms": _say(_("SMS"))}
    return [
        Delivery(
            what=_say(MESSAGES.get(m.template, m.template)),
            to=masked(m.to),
            channel=channels.get(m.channel, m.channel),
            status=_say(DELIVERIES.get(m.status, m.status)),
            failed=m.status in ("failed", "undelivered"),
            at=m.created_at,
        )
        for m in reversed(messages)
    ]


def signed_at(entries: Sequence[Entry], signer: Signer) -> datetime | None:
    """When this signer signed, as recorded."""
    for entry in entries:
        value = entry.value
        if value["kind"] == "signed" and value["data"].get("signer_id") == signer.id:
            return datetime.fromisoformat(value["at"])
    return None


def _say(text: str, **facts: object) -> str:
    return str(gettext(text, **facts))


def level_of(level: Level) -> str:
    """What a level of identity means, in a few words."""
    said = {
        Level.NONE: gettext("nothing was checked"),
        Level.CONTACT: gettext("address only"),
        Level.DOCUMENT: gettext("identity document"),
        Level.DOCUMENT_FACE: gettext("identity document and face"),
        Level.DOCUMENT_FACE_SOURCE: gettext("identity document and face, confirmed by an authoritative source"),
    }
    return str(said[level])


def identity(signer: Signer, known: Identity | None) -> str:
    """What the sender wants to know of this signer, and what is known."""
    if known is None:
        return str(gettext("Asked for: %(level)s. Not shown yet.", level=level_of(signer.needs)))
    return str(
        gettext("Asked for: %(level)s. Known: %(known)s.", level=level_of(signer.needs), known=level_of(known.level))
    )


def name_differs(signer: Signer, known: Identity | None, entries: Sequence[Entry]) -> bool:
    """The document's name is not the contract's, and the sender has not accepted it."""
    if known is None or same_name(known.name, signer.name):
        return False
    return not log.has(entries, what="name_accepted", signer_id=signer.id, check=known.check_id)
