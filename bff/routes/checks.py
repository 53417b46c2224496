"""A verifier's checks in words, for the page whose script knows only their names (web/lib/verify/judge.js)."""

from flask_babel import gettext

from bff.signing import statements
from bff.words import mark as _

CHECKS: dict[str, tuple[str, str]] = {
    "coverage": (
        _("The signature covers the whole file as it was then."),
        _("The signature does not cover the whole file as it was then, or something hides beside it."),
    ),
    "signature": (
        _("The signature fits the bytes that it covers."),
        _("The signature does not fit: the file was changed, or it was never signed like this."),
    ),
    "certificate": (
        _("The certificate is trusted and was valid at that time."),
        _("The certificate is not trusted: its issuer is not among the roots, or it was over or revoked at that time."),
    ),
    "timestamp": (
        _("The time is proven by a timestamp."),
        _("The timestamp does not hold, or its issuer is not among the roots."),
    ),
    "changed_after": (
        _("After it there are only signatures, timestamps and fields that others filled in."),
        _("After it something was changed that may not be."),
    ),
    "intent": (
        _("The statement that was confirmed can be read."),
        _("The statement that was confirmed cannot be read."),
    ),
    "name": (
        _("The certificate is in the name that the statement gives."),
        _("The certificate is in another name than the statement."),
    ),
    "organisation": (
        _("Certificate and record name the same enterprise that the statement signs for."),
        _("Certificate, record and statement do not name the same enterprise."),
    ),
    "mark": (_("The mark is the one that was confirmed."), _("The mark is not the one that was confirmed.")),
    "values": (
        _("The values of the fields are the ones that were confirmed."),
        _("The values of the fields are not the ones that were confirmed."),
    ),
    "time": (
        _("The time stamp is not older than the statement."),
        _("The time stamp is older than the statement."),
    ),
    "document": (
        _("The document that was shown is in this file, byte for byte, before the signature."),
        _("The document that was shown is not in this file."),
    ),
    "additions": (
        _("Since it was shown, only signatures, filled-in fields and time stamps were added."),
        _("Since it was shown, something else was changed or added."),
    ),
    "method": (
        _("The proof is of the kind that the statement names."),
        _("The proof is of another kind than the statement names."),
    ),
    "proof": (
        _("How it was confirmed is the platform's signed statement; a file cannot prove more than that."),
        _("There is no proof of a kind that is known."),
    ),
    "challenge": (
        _("What the device signed is the challenge made from this statement."),
        _("What the device signed is not the challenge made from this statement."),
    ),
    "origin": (
        _("It was asked for by the address that the statement names."),
        _("It was asked for by another address than the statement names."),
    ),
    "device": (
        _("The device verified its user (fingerprint, face or PIN) for this address."),
        _("The device did not verify its user for this address."),
    ),
    "assertion": (
        _("Checked against the signer's own device key."),
        _("It was not signed by the signer's device key."),
    ),
    "gestures": (
        statements.CHECKS["gestures"],
        _("What the video had to show does not follow from this statement: it was asked for something else."),
    ),
    "verdict": (
        statements.CHECKS["verdict"],
        _("The platform's verdict on the video does not say that it passed in time, by its own thresholds."),
    ),
    "compared": (
        statements.CHECKS["compared"],
        _("The face was not compared with the check of the person that the signature names."),
    ),
    "identity": (
        statements.CHECKS["identity"],
        _("What is said of the person does not fit together: the level, the check behind it, or its time."),
    ),
    "bundle:log": (
        _("The log is one chain, each entry bound to all before it."),
        _("The log is not one chain of this contract: an entry was changed, or is missing."),
    ),
    "bundle:signed": (
        _("The log has this person's act where their signature says it is."),
        _("The log does not have this person's act where their signature says it is."),
    ),
    "bundle:seal": (_("The seal was set on this log."), _("The seal was set on another log.")),
    "bundle:document": (
        _("The log names this document by its SHA-256."),
        _("The log does not name this document."),
    ),
    "bundle:tree": (
        _("The log's place in the tree over all contracts can be read."),
        _("There is no readable proof of the log's place in the tree over all contracts."),
    ),
    "bundle:leaf": (_("The tree's leaf is this log."), _("The tree's leaf is another log, or an earlier part of one.")),
    "bundle:inclusion": (
        _("The leaf is in the tree under its signed head."),
        _("The leaf is not in the tree under this head."),
    ),
    "bundle:head": (
        _("The head is signed by the house's certificate."),
        _("The head is not signed by a certificate of these roots."),
    ),
    "bundle:record": (
        _("The enterprise's record has this act, and is in the tree as well."),
        _("The enterprise's record does not have this act where the signature says it is."),
    ),
    "bundle:head_time": (
        _("The head has been timestamped."),
        _("No timestamp of these roots proves when the head was made."),
    ),
}
"""Name of a check: what it means when it holds, and when it does not."""


def sentences() -> list[tuple[str, str, str]]:
    return [(name, gettext(good), gettext(bad)) for name, (good, bad) in CHECKS.items()]


def known() -> list[tuple[str, str]]:
    """The sentences about a person, and what kinds of documents are called."""
    return [(name, gettext(sentence)) for name, sentence in statements.KNOWN.items()]
