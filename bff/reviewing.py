"""Identity checks that wait for a human, decided at the server itself: `python -m bff review …`.

It is for what no owner may decide: nobody decides about their own identity, and a house may have one owner. Whoever operates the
house gives their name; it stands in the person's record and in every signature that rests on the check, as the operator's.
"""

import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING

from bff.core.errors import Fault, Refusal
from bff.realname.person import Reviewed, operating

if TYPE_CHECKING:
    from bff.wiring import House

LISTING = "the list"
"""In the place of a name where nothing is decided."""
WHY_NOT = {
    "review_unknown": "No check of this id waits here; `python -m bff review list` shows those that do.",
    "review_not_oneself": "The document is in this name, and nobody decides about their own identity.",
    "review_by_another": "The operator has accepted this already. Another person has to look at it too.",
    "review_reason_missing": "Say why, in a sentence: --reason.",
    "declaration_missing": "Say how you met this person: --seen in_person or --seen video.",
    "name_missing": "Say who decides: --name.",
    "face_media_gone": "The pictures have been deleted.",
}


def waiting(home: "House") -> None:
    """One line a check: its id, since when, whose, why, and for which contract."""
    pending = home.enrolment.pending(operating(LISTING))
    for one in pending:
        print(_line(one))
    if not pending:
        print("Nothing waits.")


def _line(one: Reviewed) -> str:
    who = one.signer_name or one.person.name
    title = f", for {one.title}" if one.title else ""
    return f"{one.check.id}  {one.since:%Y-%m-%d %H:%M}Z  {who} ({one.check.why_review}{title})"


def show(home: "House", check_id: str, folder: Path) -> None:
    """What is to be compared: fields on the terminal, pictures and video into a folder that only its owner reads."""
    try:
        seen = home.enrolment.to_review(operating(LISTING), check_id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        print(_line(seen))
        for name, value in seen.fields.items():
            print(
                f"  {name}: {value}"
                + (f"   (read: {seen.read.get(name, '-')})" if name in seen.check.corrected else "")
            )
        for which in _pictures(seen):
            content, kind = home.enrolment.picture(operating(LISTING), check_id, which)
            _written(folder / f"{check_id}-{which}{mimetypes.guess_extension(kind.split(';')[0]) or ''}", content)
    except Refusal as refusal:
        raise _fault(refusal) from refusal


def _pictures(seen: Reviewed) -> list[str]:
    video = ["video"] if seen.video is not None and seen.video.state == "over" else []
    return [*(["portrait"] if seen.portrait else []), *video, *map(str, range(seen.photographs))]


def _written(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
    print(f"  {path}")


def decide(home: "House", check_id: str, *, accepted: bool | None, name: str, reason: str, seen: str) -> None:
    """Accept, refuse, or ask for it once more. Raises Fault, named for why that is not possible."""
    try:
        after = home.enrolment.decide(operating(name), check_id, accepted=accepted, reason=reason, seen=seen)
    except Refusal as refusal:
        raise _fault(refusal) from refusal
    print(f"{check_id}: {after.state}" + (f", {after.level}" if after.level else ""))


def _fault(refusal: Refusal) -> Fault:
    return Fault(refusal.code, what="Nothing was decided.", do=WHY_NOT.get(refusal.code, refusal.code))
