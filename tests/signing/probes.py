"""Stand-ins for the probe that writes on a file: each dislikes one thing."""

from pathlib import Path

from bff.core.errors import Fault

QPDF_S_HAND = b"%\xbf\xf7\xa2\xfe"


def wants_qpdf_s_hand(path: str, strict: bool) -> None:
    if strict and QPDF_S_HAND not in Path(path).read_bytes()[:64]:
        raise AssertionError


def only_leniently(path: str, strict: bool) -> None:
    if strict:
        raise ValueError(path)


def hates_metadata(path: str, strict: bool) -> None:
    if b"/Metadata" in Path(path).read_bytes():
        raise KeyError("/Metadata")


def never_content(path: str, strict: bool) -> None:
    raise RecursionError


def has_no_fonts(path: str, strict: bool) -> None:
    raise Fault("font_missing", what="It was taken away for the test.", do="Put it back.")
