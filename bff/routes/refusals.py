"""Refusals in words: for every code the sentence a person reads and the status a browser gets.

A sentence says what happened, what it means and what to do. Nothing here tells whether an address or a contract exists for
somebody else.
"""

from dataclasses import dataclass

from flask_babel import gettext

from bff.core.errors import Refusal
from bff.realname.hints import PHOTOGRAPH, VIDEO
from bff.signing.reasons import REASONS
from bff.words import mark as _


@dataclass(frozen=True)
class Said:
    """A refusal as shown: HTTP status and the translated sentence."""

    status: int
    sentence: str
    field: str = ""
    """The field of the form that it is about, so that the sentence can stand beside it."""


def say(refusal: Refusal) -> Said:
    """The words for this refusal; an unknown code reads as a plain apology and is 400."""
    status, sentence = SENTENCES.get(refusal.code, (400, _("This cannot be done now. Please go back and try again.")))
    params = {
        "label": "",
        "known": "",
        "name": "",
        "address": "",
        "left": 0,
        "most": 0,
        "minutes": 1,
        "seconds": 60,
        "why": "",
        **refusal.params,
    }
    if (why := REASONS.get(str(params.get("fault")))) is not None:
        params["why"] = gettext(why)
    return Said(status, " ".join(gettext(sentence, **params).split()), FIELDS.get(refusal.code, ""))


FIELDS = {
    "phone_unreadable": "phone",
    "phone_not_mobile": "phone",
    "email_unreadable": "email",
    "signer_unreachable": "email",
    "same_address_twice": "email",
    "sender_elsewhere": "email",
    "signer_name_missing": "name",
    "enterprise_name_unreadable": "enterprise",
    "register_number_wrong": "enterprise",
    "country_unreadable": "enterprise",
    "signer_name_too_long": "name",
    "title_missing": "title",
    "deadline_in_the_past": "day",
    "deadline_unreadable": "day",
}


SENTENCES: dict[str, tuple[int, str]] = {
    # the link and the contract
    "link_unknown": (
        404,
        _(
            "This link does not work. It may have been replaced by a newer one: look for the latest message, or ask the sender."
        ),
    ),
    "link_expired": (410, _("This link is too old to be used. Ask the sender for a new one.")),
    "no_such_contract": (404, _("There is no such contract here, or it is not yours.")),
    "no_head_yet": (404, _("There is no such head of the tree.")),
    "no_such_signer": (404, _("There is no such signer in this contract.")),
    "contract_declined": (409, _("Somebody declined this contract, so it cannot be signed any more.")),
    "contract_withdrawn": (409, _("The sender has withdrawn this contract, so it cannot be signed any more.")),
    "contract_expired": (
        410,
        _("The deadline has passed, so this contract cannot be signed any more. Ask the sender for a new one."),
    ),
    "contract_stuck": (
        409,
        _("We are repairing something about this contract. Nothing is lost; please come back later."),
    ),
    "not_now": (409, _("This is not possible in the state the contract is in now. Reload the page to see it.")),
    "not_your_turn": (409, _("It is not your turn yet. You get a message when it is.")),
    "already_signed": (409, _("You have already signed. There is nothing more to do.")),
    "already_signed_by_somebody": (
        409,
        _("Somebody has already signed, so the contract cannot be edited any more. Withdraw it and start again."),
    ),
    "already_signed_by_everybody": (409, _("Everybody has signed: this is a contract now and cannot be withdrawn.")),
    "changed_meanwhile": (409, _("Something changed while you were looking. Reload the page and try again.")),
    "document_changed": (
        409,
        _("The document is not the one you were shown. Reload the page, read it and sign again."),
    ),
    "no_longer_a_draft": (409, _("This contract is no longer a draft, so it cannot be edited.")),
    "not_sealed_yet": (409, _("The signed document is not ready yet. It appears here as soon as it is.")),
    # choosing and proving
    "consent_missing": (422, _("Please agree to sign electronically first.")),
    "nothing_chosen_yet": (409, _("Choose your signature first.")),
    "mark_unreadable": (422, _("We could not read your signature. Please choose or draw it again.")),
    "mark_is_a_dot": (422, _("That is only a dot. Please draw your signature.")),
    "mark_too_large": (422, _("Your drawing has too many strokes. Please draw a simpler signature.")),
    "field_not_yours": (403, _("That field belongs to somebody else.")),
    "field_empty": (422, _("A required field is still empty: %(label)s")),
    "field_too_long": (422, _("That text is too long (at most %(most)s characters): %(label)s")),
    "intent_unknown": (409, _("This confirmation does not belong to this document. Please start the last step again.")),
    "intent_expired": (
        409,
        _("The time for confirming has run out. Please start the last step again; your entries are kept."),
    ),
    "intent_unreadable": (400, _("This confirmation cannot be read. Please start the last step again.")),
    "code_wrong": (422, _("That code is not right. You have %(left)s tries left.")),
    "code_void": (409, _("This code cannot be used any more. Ask for a new one.")),
    "code_late": (409, _("This code is too old. Ask for a new one.")),
    "code_not_sent": (503, _("The message could not be sent. Nothing is lost; please try again in a minute.")),
    "code_sent_just_now": (429, _("A code is already on its way. You can ask for another one in %(seconds)s seconds.")),
    "no_phone_for_code": (
        409,
        _(
            "There is no phone number to send a code to. Use your fingerprint or face, or ask the sender to add your number."
        ),
    ),
    "passkey_refused": (422, _("Your device's confirmation was not accepted. Please try again, or use a code.")),
    "passkey_cloned": (422, _("Your device's confirmation was not accepted. Please try again, or use a code.")),
    "passkey_not_enrolled": (409, _("This device is not set up for you yet. Use a code this time.")),
    "passkey_signs_only": (
        403,
        _(
            "This fingerprint or face was set up through a link, so it can sign but not sign in yet. Sign in with a code once, and say on your page that it is yours."
        ),
    ),
    "address_not_confirmed": (
        409,
        _("First sign in once with a code that is sent to %(address)s; then you can keep it."),
    ),
    "no_such_passkey": (404, _("There is no such fingerprint or face here; it may have been removed.")),
    "slow_down": (429, _("Too many tries. Please wait a while and try again.")),
    "identity_needed": (
        409,
        _("The sender wants to know who you are first. Open the link again and follow the steps."),
    ),
    "identity_name_differs": (
        409,
        _("The name on your document is not the one in the contract. The sender has to accept it first."),
    ),
    "face_not_enrolled": (409, _("Your face is not known here yet. Confirm another way, or show who you are first.")),
    # who somebody is
    "check_unknown": (
        404,
        _(
            "This link to an identity check does not work any more. Go back to your contract or account and begin again."
        ),
    ),
    "contact_unproven": (
        403,
        _("This link alone is not enough to show who you are. Ask for a code at your address, or sign in."),
    ),
    "check_over": (409, _("This identity check is over. Go back to your contract or account.")),
    "check_not_now": (
        409,
        _("This step is done already, or it is not its turn yet. Reload the page to see where you are."),
    ),
    "check_needs_more": (422, _("The document alone is not enough for this contract.")),
    "photograph_missing": (422, _("Take or choose a photograph first.")),
    "photograph_first": (422, _("Take a photograph first, so that a person can compare it with what you enter.")),
    "portrait_needed": (
        422,
        _(
            "We found no portrait on your photograph to compare your face with. Take it again, or be checked by a person."
        ),
    ),
    "too_many_photographs": (
        409,
        _("Those were many photographs. Please stop here and begin again, or ask to be checked by a person."),
    ),
    "too_many_videos": (409, _("Those were many videos. Please choose to be checked by a person.")),
    "document_name_missing": (422, _("Enter the name as the document says it.")),
    "document_number_missing": (422, _("Enter the number of the document.")),
    "document_number_wrong": (422, _("This number does not add up. Compare it with the document.")),
    "document_birth_wrong": (422, _("Enter the date of birth as the document says it.")),
    "document_under_age": (422, _("By this date of birth you are under 18, so you cannot sign here.")),
    "document_expiry_wrong": (422, _("Enter until when the document is valid.")),
    "document_expired": (422, _("This document has expired. Use one that is valid.")),
    "video_unknown": (404, _("This recording does not belong here, or its time is over. Please record it again.")),
    "video_missing": (422, _("The recording did not arrive. Please record it again.")),
    "video_incomplete": (422, _("The recording did not arrive in full. Please record it again.")),
    "video_differs": (
        422,
        _(
            "What arrived is not the recording that this page had announced. Please record it again, and leave this page open until all is sent."
        ),
    ),
    "video_recommitted": (
        422,
        _(
            "For these movements another recording was announced before. Please record it again: there are new movements then."
        ),
    ),
    "video_uncommitted": (422, _("This page is from before an update. Load it again, then record again.")),
    "video_offset": (409, _("The recording did not arrive in one piece. It is sent again.")),
    "challenge_late": (409, _("That took too long. Please record it again.")),
    "review_unknown": (404, _("There is no such check here, or it does not wait for you.")),
    "review_not_oneself": (403, _("Nobody decides about their own identity.")),
    "review_by_another": (409, _("You have accepted this already. Another person has to look at it too.")),
    "declaration_missing": (422, _("Say how you met this person, and that you compared them with their document.")),
    "source_gone": (
        409,
        _(
            "This contract asks that an authoritative source confirms who you are, and none is set up here any more. "
            "Ask the sender to ask for less."
        ),
    ),
    "review_reason_missing": (422, _("Say why, in a sentence.")),
    "no_source_here": (422, _("No authoritative source is set up here, so that level cannot be reached.")),
    # the desk
    "title_missing": (422, _("Give the contract a title.")),
    "deadline_in_the_past": (422, _("The deadline is in the past. Choose a later one.")),
    "deadline_unreadable": (422, _("We could not read the deadline. Choose day and time.")),
    "signers_missing": (422, _("Add at least one signer.")),
    "signer_name_missing": (422, _("Every signer needs a name.")),
    "signer_name_too_long": (422, _("That name is too long.")),
    "signer_unreachable": (422, _("Enter an e-mail address or a mobile number for every signer: %(name)s")),
    "same_address_twice": (422, _("Two signers have the same address. Each signer needs their own.")),
    "sender_elsewhere": (
        422,
        _("You sign at an address that is your own. To have somebody else sign, add them as a signer."),
    ),
    "two_senders": (422, _("You can be a signer only once.")),
    "too_many_signers": (422, _("At most %(most)s signers are possible.")),
    "too_many_fields": (422, _("At most %(most)s fields are possible.")),
    "field_unreadable": (422, _("A field could not be saved. Reload the page and place it again.")),
    "field_off_the_page": (422, _("A field lies outside its page. Move it back.")),
    "field_without_signer": (422, _("A field belongs to nobody. Choose a signer for it.")),
    "nothing_to_remind": (409, _("There is nobody to remind: it is not this signer's turn.")),
    "reminded_already": (429, _("This signer got a message less than %(minutes)s minutes ago. Wait a little.")),
    "cannot_send_now": (
        503,
        _(
            "The contract cannot be sent now because something it needs is not working. %(why)s Nothing is lost; the operator can see what it is. Try again later."
        ),
    ),
    "email_unreadable": (422, _("That does not look like an e-mail address.")),
    "phone_unreadable": (422, _("That does not look like a phone number. Start with + and the country code.")),
    "phone_not_mobile": (422, _("That number cannot receive messages. Enter a mobile number.")),
    "contact_unreadable": (422, _("Enter an e-mail address, or a mobile number that starts with +.")),
    # files
    "intake_missing": (422, _("Choose a file first.")),
    "intake_too_large": (413, _("That is too large. Up to 60 MB are possible.")),
    "intake_too_many_pages": (422, _("This file has too many pages. Up to 300 pages are possible.")),
    "intake_not_a_pdf": (
        422,
        _("This is neither a PDF nor a Word file nor a picture. Save or export the document as PDF and upload that."),
    ),
    "intake_one_kind_only": (422, _("Choose one PDF, or one Word file, or several pictures.")),
    "intake_too_many_files": (422, _("These are too many files. Up to %(most)s pictures become one document.")),
    "intake_image_unreadable": (422, _("A picture cannot be read. Save it again as JPEG or PNG and upload that.")),
    "intake_image_too_large": (422, _("A picture has too many pixels. Save it smaller and upload that.")),
    "intake_word_not_installed": (
        422,
        _("Word files cannot be converted here. Save it as PDF in Word and upload that."),
    ),
    "intake_word_unreadable": (
        422,
        _("This Word file could not be converted. Save it as PDF in Word and upload that."),
    ),
    "intake_word_macros": (
        422,
        _("This Word file contains macros, so it is not opened here. Save it as PDF in Word and upload that."),
    ),
    "intake_password_needed": (
        422,
        _("This PDF needs a password to be opened. Save a copy without a password and upload that."),
    ),
    "intake_owner_restricted": (
        422,
        _("This PDF forbids changes, so nobody could sign it. Ask its author for a copy without restrictions."),
    ),
    "intake_unreadable": (422, _("This PDF is damaged and cannot be read. Export it again and upload the new file.")),
    "intake_no_pages": (422, _("This PDF has no pages.")),
    "intake_certified_no_changes": (
        422,
        _(
            "The author certified this PDF and forbade any change, so nobody could sign it. Ask for the document before certification."
        ),
    ),
    "intake_dynamic_xfa": (
        422,
        _("This PDF is an Adobe form that other programs cannot show. Print it to PDF and upload that."),
    ),
    "intake_executable_attached": (
        422,
        _(
            "A program is attached inside this PDF, so it is not passed on. Remove the attachment, or print the document to PDF, and upload that."
        ),
    ),
    "intake_signed_and_encrypted": (
        422,
        _("This PDF is signed and encrypted, so no signature can be added. Ask for an unencrypted copy."),
    ),
    "intake_signed_and_damaged": (
        422,
        _("This PDF is signed and damaged. Mending it would break the signature, so it cannot be used."),
    ),
    "intake_cannot_be_sealed": (
        422,
        _("This PDF is built in a way that cannot be signed safely. Print it to PDF and upload that."),
    ),
    "intake_too_complex": (422, _("This PDF is too complex to be opened safely. Print it to PDF and upload that.")),
    "cannot_be_sealed": (
        422,
        _("This PDF is built in a way that cannot be signed safely. Print it to PDF and upload that."),
    ),
    "too_complex_to_prepare": (
        422,
        _(
            "This PDF is too complex to be prepared safely. Print it to PDF and upload that, or place fewer fields. Nothing has been changed."
        ),
    ),
    "signed_file_takes_signatures_only": (
        422,
        _("This PDF arrived signed, so only signature fields can be added to it. Remove the others."),
    ),
    "no_such_page": (404, _("There is no such page.")),
    "page_unreadable": (422, _("This page cannot be drawn. Download the document to read it.")),
    # faces and documents
    **{code: (422, sentence) for code, sentence in PHOTOGRAPH.items()},
    "face_enrol_again": (409, VIDEO["face_enrol_again"]),
    "face_media_gone": (410, _("These pictures have been erased, as promised. What was concluded from them is kept.")),
    "gestures_unreadable": (400, _("We could not read this request, so nothing was done. Go back and try again.")),
    # enterprises
    "payout_not_offered": (409, _("Proving a bank account is not offered here. Choose another way.")),
    "no_such_enterprise": (404, _("There is no such enterprise here, or you have no part in it.")),
    "enterprise_known": (
        409,
        _("%(name)s has proven itself here already. Ask one of its owners to add you as a member."),
    ),
    "enterprise_not_allowed": (403, _("Your role in %(name)s does not allow that. Ask one of its owners.")),
    "enterprise_not_now": (409, _("This is not possible in the state %(name)s is in now. Reload the page to see it.")),
    "enterprise_ended": (410, _("%(name)s acts here no more.")),
    "enterprise_name_unreadable": (422, _("Enter the enterprise's full name as it is registered.")),
    "representative_unreadable": (422, _("Enter the legal representative's full name.")),
    "register_unknown": (422, _("Choose the kind of number.")),
    "register_number_wrong": (422, _("This number cannot be right: please compare it with the licence.")),
    "country_unreadable": (422, _("Enter the country's two letters, such as DE.")),
    "too_many_registrations": (
        409,
        _("You have %(most)s enterprises that are not proven yet. Prove or give up one of them first."),
    ),
    "licence_missing": (409, _("Show the business licence first: a photograph of it that can be read.")),
    "licence_being_read": (409, _("The licence is being read. This takes a few seconds; then go on.")),
    "licence_says_otherwise": (
        409,
        _("The licence says otherwise than what you typed. Correct what you typed, or photograph the licence again."),
    ),
    "register_being_asked": (409, _("The trade register is being asked. This takes a few seconds; then go on.")),
    "register_says_otherwise": (
        409,
        _(
            "The trade register says otherwise than what you typed. Correct what you typed, or have the register corrected."
        ),
    ),
    "register_inactive": (
        409,
        _("The trade register says that this enterprise is struck off or dissolved, so nobody can prove it here."),
    ),
    "register_not_asked_here": (409, _("No trade register is asked here.")),
    "enterprise_struck_off": (
        409,
        _("The trade register does not know %(name)s as an active enterprise any more, so nobody can sign for it."),
    ),
    "proving_already": (409, _("Another way is under way. Finish it or give it up first.")),
    "representative_not_checked": (
        409,
        _(
            "%(name)s has to show an identity document and their face here first, on their own account. Then come back to this page."
        ),
    ),
    "representative_another": (
        409,
        _("The name on the identity document is not %(name)s. The legal representative has to do this personally."),
    ),
    "representative_vouched": (
        409,
        _(
            "That %(name)s is who they say rests on the word of a contract's sender, or of whoever wants to act for the enterprise. It takes a face video, or an owner of this service who has no part in it."
        ),
    ),
    "account_unreadable": (422, _("That does not look like an account number.")),
    "bank_code_unreadable": (422, _("That does not look like a bank code.")),
    "too_many_transfers": (
        409,
        _("%(most)s transfers have been ordered; no more are possible for this registration. Choose another way."),
    ),
    "no_transfer": (409, _("There is no transfer to confirm. Order one, or choose another way.")),
    "statement_wrong": (
        422,
        _("Sum or code is not right. Compare both with the account's statement. You have %(left)s tries left."),
    ),
    "transfer_void": (409, _("That was the third wrong answer, so this transfer is void. Order another one.")),
    "transfer_too_late": (410, _("The seven days are over, so this transfer is void. Order another one.")),
    "letter_to_oneself": (
        422,
        _("This is an address of your own. The letter goes to the legal representative, at an address of theirs."),
    ),
    "no_letter": (409, _("There is no letter under way.")),
    "role_unknown": (422, _("Choose a role.")),
    "member_already": (409, _("This person is a member already. Change their role in the list.")),
    "no_such_member": (404, _("This person is no member.")),
    "too_many_members": (409, _("At most %(most)s members are possible.")),
    "last_owner": (409, _("An enterprise keeps at least one owner. Make somebody else an owner first.")),
    "no_such_seal": (404, _("There is no such seal.")),
    "no_such_grant": (404, _("There is no such right.")),
    "too_many_seals": (409, _("At most %(most)s seals are possible.")),
    "seal_words_too_long": (422, _("These words are too long for a seal.")),
    "seal_decided_already": (409, _("This seal has been decided on already.")),
    "seal_not_red": (
        422,
        _("No red seal was found on the picture. Photograph a red imprint on white paper, or have a round seal drawn."),
    ),
    "seal_not_approved": (409, _("This seal has not been approved by an owner.")),
    "viewers_do_not_seal": (422, _("A viewer signs nothing. Give them another role first.")),
    "grant_until_unreadable": (422, _("Choose a day from tomorrow on, at most five years ahead.")),
    "enterprise_not_proven": (409, _("%(name)s has not proven itself here, so nobody can sign for it.")),
    "enterprise_another_name": (
        409,
        _("This number belongs to %(known)s here, not to %(name)s. Ask the sender to correct it."),
    ),
    "enterprise_proof_old": (
        409,
        _("%(name)s was proven more than a year ago. One of its owners has to prove it again before anybody signs."),
    ),
    "not_a_member": (403, _("You are not a member of %(name)s. Ask one of its owners to add you at this address.")),
    "no_right_to_seal": (403, _("You have no right to use a seal of %(name)s. Ask one of its owners for it.")),
    "right_to_seal_over": (
        403,
        _("Your right to use the seal of %(name)s has ended. Ask one of its owners to renew it."),
    ),
    # accounts
    "owner_link_unknown": (404, _("This link has been used already. Sign in instead.")),
    "owner_only": (403, _("Only the owner of this house can do that.")),
    "still_a_member": (409, _("%(name)s may still send from this house, so their contracts stay with them.")),
    "name_missing": (422, _("Enter your name.")),
    "sender_only": (403, _("Only people who send contracts from here can do that. Ask the owner to add you.")),
    # requests
    "foreign_request": (
        403,
        _("This request did not come from our own page, so nothing was done. Go back, reload the page and try again."),
    ),
    "unknown_host": (400, _("This address is not ours.")),
    "request_unreadable": (400, _("We could not read this request, so nothing was done. Go back and try again.")),
    "request_too_large": (413, _("That is more than can be sent here, so nothing was done.")),
    "out_of_order": (
        503,
        _(
            "Something that this needs is not working right now. Nothing is lost; the operator can see what it is. Try again later."
        ),
    ),
}
"""Code -> (status, message id)."""
