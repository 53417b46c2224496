"""What a person can do better when a face or a document could not be used, in words.

The codes are those of the verdicts, refusals and doubts of `biometrics`; a test keeps both in line. A hint says what to do
next, never how near it was: a number would help only who tries to get past it.
"""

from collections.abc import Callable

from bff.words import mark as _

VIDEO = {
    "video_format": _("This is not a video that we can open. Record it here, with your phone's camera."),
    "video_type": _("This is not a video that we can open. Record it here, with your phone's camera."),
    "video_unreadable": _("The recording arrived damaged. Please record it again."),
    "video_too_large": _("The recording is too large. Please record it again."),
    "video_no_picture": _("There is no picture in this recording. Allow the camera and record it again."),
    "video_streams": _("This is not a video that we can open. Record it here, with your phone's camera."),
    "video_codec": _("This is not a video that we can open. Record it here, with your phone's camera."),
    "video_too_many_pixels": _("The picture is larger than we need. Please record it here, with your phone's camera."),
    "video_too_few_pixels": _("The picture is too small. Please record it with your phone's camera."),
    "video_too_long": _("The recording is too long. Please record it again."),
    "video_too_short": _("The recording is too short. Please keep going until the end."),
    "video_times": _("The recording arrived damaged. Please record it again."),
    "video_gaps": _("The recording has gaps. Close other apps and record it again."),
    "video_changes": _("Hold your phone the same way until the end, and record it again."),
    "video_too_much_work": _("The recording could not be opened in time. Please record it again."),
    "video_cut_short": _("The recording ended too early. Please keep going until the end."),
    "video_few_frames": _("The recording is jerky. Close other apps or find more light, and record it again."),
    "face_not_found": _("We could not see your face. Hold the phone in front of you, at eye level."),
    "face_lost": _("Your face left the picture. Keep it inside the oval until the end."),
    "face_small": _("Come a little closer."),
    "face_near": _("Hold the phone a little farther away."),
    "face_dark": _("It is too dark. Turn towards a window or a lamp."),
    "face_blurred": _("The picture is blurred. Wipe the camera and hold still."),
    "face_never_frontal": _("Look straight into the camera between the actions."),
    "two_faces": _("There is more than one face in the picture. Please be alone in it."),
    "face_enrol_again": _("Your face was stored in a way that is no longer used. Please show your document again."),
    "other_person": _(
        "The person in the video does not look like the one on the document. There are other ways to go on."
    ),
    "spliced": _("The recording does not show one and the same person throughout. There are other ways to go on."),
    "seen_before": _("This recording was used before. There are other ways to go on."),
    "frozen": _("The picture stood still for a moment. Please record it again."),
    "jumped": _("Your face jumped in the picture. Move slowly and record it again."),
    "action_missing": _("We did not see one of the actions. Do each one clearly, when it is asked for."),
    "action_out_of_order": _("The actions did not come in the order in which they were asked for. Wait for each one."),
    "action_not_asked": _("We saw a movement that was not asked for. Do only what you are asked to."),
    "other_colours": _("The colours of the screen did not show on your face. Switch off other coloured light nearby."),
    "match_unsure": _("Somebody has to look at this. You will get a message."),
    "match_unsure_signing": _("We are not sure that it is you. Try again in better light, or confirm another way."),
    "match": _("That is you. Thank you."),
}
PHOTOGRAPH = {
    "photo_unreadable": _("We cannot open this picture. Take a photograph, or choose a JPEG or PNG."),
    "photo_too_large": _("This picture is too large. Take a photograph with your phone."),
    "photo_no_face": _("We could not find a face on this picture. Show the side with the portrait, without glare."),
    "photo_many_faces": _("There is more than one face on this picture. Show only the document."),
    "photo_face_small": _("The portrait is too small. Come closer, so that the document fills the frame."),
    "photo_face_turned": _(
        "The portrait is turned away too far. Lay the document flat and take the picture from above."
    ),
    "photo_face_blurred": _("The portrait is blurred. Wipe the camera, hold still and take it again."),
    "photo_face_dark": _("The portrait is too dark. Find more light and take it again."),
    "photo_face_glare": _("There is glare on the portrait. Tilt the document a little and take it again."),
}
DOCUMENT = {
    "document_unknown": _("We do not know this kind of document. Enter what it says yourself."),
    "number_missing": _("We could not read the number. Enter it yourself, or take the picture again."),
    "number_check_digit": _("The number does not add up. Compare it with the document."),
    "name_missing": _("We could not read the name. Enter it yourself."),
    "name_latin_only": _("The name is written in Latin letters here. Add it in your own script if it has one."),
    "expiry_missing": _("We could not read until when the document is valid. Enter it yourself."),
    "expired": _("This document has expired. Use one that is valid."),
    "under_age": _("By the date of birth on this document you are under 18."),
    "birth_check_digit": _("The date of birth does not add up. Compare it with the document."),
    "expiry_check_digit": _("The date of expiry does not add up. Compare it with the document."),
    "zone_check_digit": _(
        "The lines at the foot of the document do not add up. Take the picture again, without glare."
    ),
    "read_unsure": _("Some of this was hard to read. Please compare it with the document."),
    "portrait_missing": _("We could not use the portrait on this picture."),
}
CHECK = {
    "show_back": _("Now the other side, please: it says until when the document is valid."),
    "show_front": _("Now the side with the portrait and the number, please."),
    "show_other_side": _("Now the other side, please: the one with the lines of letters and arrows."),
    "show_portrait": _("Now the side with the portrait, please."),
    "do_it_again": _("Somebody has looked at it and asks you to do it once more."),
    "review": _("Somebody has looked at your check and did not accept it."),
}
HINTS = {**VIDEO, **PHOTOGRAPH, **DOCUMENT, **CHECK}


def hint(code: str, say: Callable[[str], str]) -> str:
    """The sentence for this code, through the look-up `say`; a plain one where the code is unknown."""
    return say(HINTS.get(code, _("That did not work. Please try again.")))
