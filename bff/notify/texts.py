"""What we write to people: every message in every channel, in one place.

A template is a name; `compose` fills it in the reader's language. Values come from strangers (titles, names, reasons),
so they are stripped of line breaks and of characters that are not seen, escaped in HTML, and in a text message nothing
in them can be tapped as a link. A paragraph of an e-mail is left out when a value that it names is empty, so optional
values need no second template.

A text message with a code never holds a link (link and code share no channel, and not even a message), fits two
segments as far as the host name allows, and ends in the line that phones and browsers fill in by themselves:
`@host #123456`.
"""

import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from bff.core.identity import Channel
from bff.words import mark as _
from bff.words import words

SEGMENTS = 2
SHORTEST_NAME = 6
LONGEST_VALUE = 1000
LONGEST_SUBJECT = 200
JOINERS = "\u200c\u200d"
"""Invisible, but part of how some scripts and emoji are written."""


@dataclass(frozen=True)
class Text:
    """One message, finished. `html` only for e-mail; `subject` is empty for a text message."""

    subject: str
    body: str
    html: str = ""


@dataclass(frozen=True)
class Letter:
    """One template. `sms` lines are joined by line breaks; an e-mail has one button at most, leading to `url`."""

    sms: tuple[str, ...]
    subject: str
    paragraphs: tuple[str, ...]
    button: str = ""


HELLO = _("Hello %(name)s,")
MESSAGE = _("Message from %(sender)s: %(message)s")
DEADLINE = _("Please sign before %(deadline)s.")
FINGERPRINT = _("Fingerprint of the document: %(fingerprint)s")
YOURS_ALONE = _("This link is for you alone. Please do not forward it.")
REASON = _("Reason: %(reason)s")
NOT_EXPECTED = _("If you did not expect this, you need not do anything.")
TELL_NOBODY = _("Nobody from our side will ever ask you for this code.")
FILL_IN = "@%(host)s #%(code)s"

LETTERS: Mapping[str, Letter] = {
    "invitation": Letter(
        sms=(_('%(sender)s asks you to sign "%(title)s": %(url)s'),),
        subject=_("%(sender)s asks you to sign “%(title)s”"),
        paragraphs=(
            HELLO,
            _("%(sender)s asks you to read and sign “%(title)s”. It takes about a minute on your phone."),
            MESSAGE,
            DEADLINE,
            FINGERPRINT,
            YOURS_ALONE,
        ),
        button=_("Read and sign"),
    ),
    "your_turn": Letter(
        sms=(_('It is your turn to sign "%(title)s" from %(sender)s: %(url)s'),),
        subject=_("It is your turn to sign “%(title)s”"),
        paragraphs=(
            HELLO,
            _("Those before you have signed “%(title)s” from %(sender)s. Now it is your turn."),
            MESSAGE,
            DEADLINE,
            FINGERPRINT,
            YOURS_ALONE,
        ),
        button=_("Read and sign"),
    ),
    "reminder": Letter(
        sms=(_('"%(title)s" from %(sender)s still waits for your signature: %(url)s'),),
        subject=_("“%(title)s” still waits for your signature"),
        paragraphs=(
            HELLO,
            _("“%(title)s” from %(sender)s still waits for your signature."),
            DEADLINE,
            FINGERPRINT,
            YOURS_ALONE,
        ),
        button=_("Read and sign"),
    ),
    "code": Letter(
        sms=(
            _('%(code)s: code to sign "%(title)s" from %(sender)s, document %(fingerprint)s, valid %(minutes)s min.'),
            FILL_IN,
        ),
        subject=_("Your code to sign “%(title)s”"),
        paragraphs=(
            HELLO,
            _("%(code)s is your code to sign “%(title)s” from %(sender)s. It is valid for %(minutes)s minutes."),
            FINGERPRINT,
            TELL_NOBODY,
        ),
    ),
    "sign_in_code": Letter(
        sms=(_("%(code)s: code to sign in at %(organisation)s, valid %(minutes)s min."), FILL_IN),
        subject=_("Your sign-in code: %(code)s"),
        paragraphs=(
            _("%(code)s is your code to sign in at %(organisation)s. It is valid for %(minutes)s minutes."),
            _("If you did not ask for it, somebody typed your address: you need not do anything."),
            TELL_NOBODY,
        ),
    ),
    "contact_code": Letter(
        sms=(
            _('%(code)s: code to show who you are for "%(title)s" from %(sender)s, valid %(minutes)s min.'),
            FILL_IN,
        ),
        subject=_("Your code to show who you are for “%(title)s”"),
        paragraphs=(
            _(
                "%(code)s is your code to show who you are for “%(title)s” from %(sender)s. It is valid for %(minutes)s minutes."
            ),
            _(
                "If you did not ask for it, somebody else holds your link to this contract. Without the code they cannot go on."
            ),
            TELL_NOBODY,
        ),
    ),
    "passkey_enrolled": Letter(
        sms=(_('Fingerprint or face set up to sign for you, by your link to "%(title)s". Not you? %(url)s'),),
        subject=_("Fingerprint or face was set up to sign for you"),
        paragraphs=(
            HELLO,
            _(
                "Somebody who opened your link to “%(title)s” from %(sender)s has set up fingerprint or face on their device. "
                "It can sign what is sent to this address, and nothing else, until you say that it is yours."
            ),
            _("If it was you, you need not do anything. If it was not, sign in with a code and remove it."),
        ),
        button=_("See and remove it"),
    ),
    "completed": Letter(
        sms=(_('"%(title)s" is signed by everybody and sealed: %(url)s'),),
        subject=_("Signed by everybody: “%(title)s”"),
        paragraphs=(
            HELLO,
            _("Everybody has signed “%(title)s”. It is sealed, and your copy is ready."),
            FINGERPRINT,
        ),
        button=_("Open your copy"),
    ),
    "declined": Letter(
        sms=(_('"%(title)s" was declined by %(who)s and has ended. %(url)s'),),
        subject=_("Declined: “%(title)s”"),
        paragraphs=(HELLO, _("“%(title)s” was declined and has ended."), _("Declined by: %(who)s"), REASON),
        button=_("See the contract"),
    ),
    "expired": Letter(
        sms=(_('The deadline of "%(title)s" has passed. It can no longer be signed. %(url)s'),),
        subject=_("Deadline passed: “%(title)s”"),
        paragraphs=(HELLO, _("The deadline of “%(title)s” has passed. It can no longer be signed.")),
        button=_("See the contract"),
    ),
    "withdrawn": Letter(
        sms=(_('%(sender)s has withdrawn "%(title)s". You need not do anything.'),),
        subject=_("Withdrawn: “%(title)s”"),
        paragraphs=(HELLO, _("%(sender)s has withdrawn “%(title)s”. You need not do anything."), REASON),
    ),
    "stuck": Letter(
        sms=(_('"%(title)s" could not be finished yet and needs your attention: %(url)s'),),
        subject=_("Needs your attention: “%(title)s”"),
        paragraphs=(
            HELLO,
            _("“%(title)s” could not be finished yet. Nothing is lost: every signature is kept."),
            REASON,
        ),
        button=_("See what to do"),
    ),
    "member_added": Letter(
        sms=(_("%(sender)s has made you a member of %(who)s here. Sign in with a code to this number: %(url)s"),),
        subject=_("You are a member of %(who)s now"),
        paragraphs=(
            HELLO,
            _("%(sender)s has made you a member of %(who)s, an enterprise that signs with us."),
            _("You sign in with a code that we send to this address; there is no password."),
            NOT_EXPECTED,
        ),
        button=_("See what you may do"),
    ),
    "may_send": Letter(
        sms=(
            _("%(sender)s lets you send contracts from %(organisation)s. Sign in with a code to this number: %(url)s"),
        ),
        subject=_("You can send contracts from %(organisation)s now"),
        paragraphs=(
            HELLO,
            _("%(sender)s lets you send contracts for signing from %(organisation)s."),
            _("You sign in with a code that we send to this address; there is no password."),
            NOT_EXPECTED,
        ),
        button=_("Begin"),
    ),
    "review_waits": Letter(
        sms=(_("Somebody's identity waits for you to look at it: %(url)s"),),
        subject=_("An identity check waits for you"),
        paragraphs=(
            HELLO,
            _("A computer could not decide alone who somebody is, or they asked for a human. Please look at it."),
            _("It is needed for “%(title)s”."),
        ),
        button=_("Look at it"),
    ),
    "name_differs": Letter(
        sms=(_('The document of %(who)s shows another name than "%(title)s" does. Please look: %(url)s'),),
        subject=_("Is this the right name? “%(title)s”"),
        paragraphs=(
            HELLO,
            _("%(who)s has shown who they are. The name on their document is not written as in “%(title)s”."),
            _("They can sign as soon as you have accepted it."),
        ),
        button=_("See the contract"),
    ),
    "identity_accepted": Letter(
        sms=(_('Your identity check was accepted. You can now sign "%(title)s": open your link again.'),),
        subject=_("Your identity check was accepted"),
        paragraphs=(
            HELLO,
            _("Somebody has looked at your identity check and accepted it."),
            _("You can now sign “%(title)s”: open the link to it again."),
        ),
    ),
    "identity_not_enough": Letter(
        sms=(_('Your identity check was accepted, but "%(title)s" asks for more. Please speak with whoever sent it.'),),
        subject=_("Your identity check was accepted, but more is asked for"),
        paragraphs=(
            HELLO,
            _("Somebody has looked at your identity check and accepted it."),
            _("“%(title)s” also asks that an authoritative source confirms your name and number, and it has not."),
            _("Please speak with whoever sent it: they can ask for less, or you can try once more later."),
        ),
    ),
    "identity_lapsed": Letter(
        sms=(_("Nobody has looked at your identity check in time, so it has ended. Please begin again."),),
        subject=_("Your identity check has ended"),
        paragraphs=(
            HELLO,
            _(
                "Nobody has looked at your identity check while its pictures were kept, so it has ended. They are deleted."
            ),
            _("Please begin again, or speak with whoever asked you to sign “%(title)s”."),
        ),
    ),
    "review_alone": Letter(
        sms=(
            _(
                "Your identity check waits for a person, and nobody here but you may decide. See your e-mail or account."
            ),
        ),
        subject=_("Nobody here may decide about your identity check"),
        paragraphs=(
            HELLO,
            _("Your identity check waits for a person, and nobody decides about their own identity."),
            _("You are the only owner here. Make a member an owner, or ask whoever operates the server."),
            _("They can decide with the command “python -m bff review”. Their name is written into the record."),
        ),
    ),
    "identity_refused": Letter(
        sms=(_("Your identity check was not accepted. Please speak with whoever asked you to sign."),),
        subject=_("Your identity check was not accepted"),
        paragraphs=(HELLO, _("Somebody has looked at your identity check and did not accept it."), REASON),
    ),
    "identity_again": Letter(
        sms=(_('Please do your identity check for "%(title)s" once more: open your link again.'),),
        subject=_("Please do your identity check once more"),
        paragraphs=(
            HELLO,
            _("Somebody has looked at your identity check and asks you to do it once more."),
            REASON,
            _("Open the link to “%(title)s” again to go on."),
        ),
    ),
}

FOOTER = _("Sent by %(organisation)s with Countersign.")


def compose(template: str, params: Mapping[str, str], language: str, channel: Channel) -> Text:
    """The finished message. Values it may use: name, sender, who, title, url, deadline, message, reason, fingerprint,
    code, minutes, host, organisation; one that is missing counts as empty."""
    letter = LETTERS[template]
    values = {name: clean(value) for name, value in params.items()}
    if channel is Channel.SMS:
        return Text(subject="", body=_sms(letter, values, language))
    return _email(letter, values, language)


def clean(value: str) -> str:
    """One line of visible text: no control or direction-changing characters, no runs of white space."""
    seen = "".join(c if c in JOINERS or unicodedata.category(c)[0] != "C" else " " for c in value)
    return " ".join(seen.split())[:LONGEST_VALUE]


# --- text messages -----------------------------------------------------------------------------------


def _sms(letter: Letter, values: Mapping[str, str], language: str) -> str:
    """The text in as few segments as allowed: whatever is longest of title and names gives way first."""
    names = {name: _no_link(values.get(name, "")) for name in ("title", "sender", "who", "organisation")}
    longest = max(SHORTEST_NAME, *map(len, names.values()))
    for limit in range(min(longest, SEGMENTS * 160), SHORTEST_NAME - 1, -1):
        shortened = {name: _shortened(value, limit) for name, value in names.items()}
        text = "\n".join(words(language)(line) % defaultdict(str, {**values, **shortened}) for line in letter.sms)
        if segments(text) <= SEGMENTS:
            break
    return text


def _no_link(value: str) -> str:
    """Phones make anything that looks like an address a link: `evil.example` and `//` are taken apart."""
    return re.sub(r"(?<=\w)\.(?=[^\W\d]{2})", ". ", value).replace("//", "/ /").replace("@", "(at)")


def _shortened(value: str, limit: int) -> str:
    return value if len(value) <= limit else value[: limit - 3].rstrip() + "..."


GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""3GPP TS 23.038, the default alphabet: a text in it has 7-bit characters, any other 16-bit ones."""
GSM_TWICE = set("^{}\\[~]|€\f")


def segments(text: str) -> int:
    """How many messages a network makes of this text."""
    if all(c in GSM or c in GSM_TWICE for c in text):
        length, alone, joined = len(text) + sum(c in GSM_TWICE for c in text), 160, 153
    else:
        length, alone, joined = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= alone else -(-length // joined)


# --- e-mail ------------------------------------------------------------------------------------------


def _email(letter: Letter, values: Mapping[str, str], language: str) -> Text:
    subject = "".join(_filled((letter.subject,), values, language))[:LONGEST_SUBJECT]
    paragraphs = _filled(letter.paragraphs, values, language)
    footer = _filled((FOOTER,), values, language)
    link = values.get("url", "") if letter.button else ""
    label = words(language)(letter.button) if link else ""
    shown = [
        *paragraphs,
        *([f"{_labelled(label, language)}\n{link}"] if link else []),
        *(["-- \n" + line for line in footer]),
    ]
    return Text(subject, "\n\n".join(shown) + "\n", _page(language, subject, paragraphs, footer, label, link))


def _labelled(label: str, language: str) -> str:
    return words(language)(_("%(button)s:")) % {"button": label}


def _filled(sentences: tuple[str, ...], values: Mapping[str, str], language: str) -> list[str]:
    """The sentences in the reader's language, without those that name an empty value."""
    translate = words(language)
    wanted = [s for s in sentences if all(values.get(name) for name in re.findall(r"%\((\w+)\)s", s))]
    return [translate(s) % values for s in wanted]


PAGE = """<!doctype html>
<html lang="{language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>{subject}</title></head>
<body style="margin:0;padding:24px 16px;background:#f4f5f7;color:#1b1f24;\
font:16px/1.6 -apple-system,'Segoe UI',Roboto,'Noto Sans','PingFang SC','Microsoft YaHei',sans-serif">
<div style="max-width:520px;margin:0 auto;padding:28px 24px;background:#ffffff;border-radius:16px">
{content}</div>
<p style="max-width:520px;margin:16px auto;color:#5b6470;font-size:13px;text-align:center">{footer}</p>
</body></html>
"""
PARAGRAPH = '<p style="margin:0 0 16px;overflow-wrap:anywhere">{text}</p>\n'
BUTTON = (
    '<p style="margin:24px 0 8px"><a href="{link}" style="display:inline-block;padding:14px 28px;border-radius:12px;'
    'background:#1f5eff;color:#ffffff;font-weight:600;text-decoration:none">{label}</a></p>\n'
)


def _page(language: str, subject: str, paragraphs: list[str], footer: list[str], label: str, link: str) -> str:
    content = "".join(PARAGRAPH.format(text=html.escape(p)) for p in paragraphs)
    if link:
        content += BUTTON.format(link=html.escape(link), label=html.escape(label))
    return PAGE.format(
        language=language.replace("_", "-"),
        subject=html.escape(subject),
        content=content,
        footer=html.escape(" ".join(footer)),
    )
