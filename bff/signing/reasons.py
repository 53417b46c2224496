"""Why a contract is stuck, in words: for the pages and for the messages to its sender.

The code is that of the Fault or Refusal with which a job gave up; the operator finds the rest in the log.
"""

from collections.abc import Callable

from bff.words import mark as _

REASONS = {
    "tsa_down": _("The timestamp service does not answer."),
    "archive_quorum": _("Not enough archive sites can be written to."),
    "archive_lost": _("A file cannot be found at any archive site."),
    "fonts_missing": _("Fonts that the document needs are missing."),
    "secret_missing": _("A key of this house is missing."),
    "font_missing": _("Fonts that the document needs are missing."),
    "document_missing": _("A file cannot be found at any archive site."),
    "pdf_unwritable": _("The signature could not be written into this PDF."),
    "seal_check_failed": _("The sealed file did not pass our own check, so it was thrown away."),
    "job_killed": _("Sealing was interrupted each time it was tried. The document may be too much for this machine."),
    "job_too_slow": _("Sealing took too long and was stopped. The document may be too much for this machine."),
    "job_too_large": _("Sealing needed more memory than it may have. The document may be too much for this machine."),
    "seal_key_away": _("The key that seals documents is kept elsewhere and cannot be used there just now."),
    "authority_missing": _("A key of this house is missing."),
    "keys_exposed": _("A key of this house is not kept safely."),
    "certificate_ended": _("The certificate that seals documents has ended."),
    "disk_full": _("There is no room left to store documents."),
    "no_message_provider": _("No provider for e-mail or SMS is set, so nobody would be told."),
    "message_not_taken": _("The provider did not take a message."),
}
UNKNOWN = _("The document could not be processed (%(code)s).")


def reason(code: str | None, say: Callable[[str], str]) -> str:
    """The sentence for this code, through the look-up `say`."""
    return say(REASONS.get(code or "", UNKNOWN)) % {"code": code or "?"}
