"""The operator's entrance: `python -m bff COMMAND`.

Each command imports what it needs when it is called, so `up` stays small and `--help` is instant. A Fault is shown as
what happened and what to do; anything else is a bug of ours and keeps its traceback.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bff.core.errors import Fault
from bff.settings import ELSEWHERE_ROOTS, from_environment, owner_link


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    try:
        code: int = chosen.command(chosen)
    except Fault as fault:
        print(f"{fault.what} {fault.do}", file=sys.stderr)
        return 1
    except ValueError as error:
        if not str(error).startswith("BFF_"):
            raise
        print(error, file=sys.stderr)
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bff", description="Run and look after a Countersign house.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="set up the data directory and run every unit of the Procfile here")
    up.add_argument("--port", type=int, help="port of the pages (default: BFF_PORT, 8000); live uses the next one")
    up.set_defaults(command=_up)

    migrate = commands.add_parser("migrate", help="make directories, secrets and keys; bring the database up to date")
    migrate.set_defaults(command=_migrate)

    owner = commands.add_parser("owner-link", help="print the one-time link of the first owner, while there is none")
    owner.set_defaults(command=_owner_link)

    doctor = commands.add_parser("doctor", help="check keys, clock, storage, queue, providers; say what to do")
    doctor.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    doctor.set_defaults(command=_doctor)

    verify = commands.add_parser("verify", help="judge a signed PDF or an evidence bundle offline, from the file alone")
    verify.add_argument("file", type=Path)
    verify.add_argument("--root", type=Path, action="append", default=[], help="root certificates, PEM; may repeat")
    verify.add_argument(
        "--at", metavar="TIME", help="judge at this time, ISO 8601, UTC unless it says so (default: now)"
    )
    verify.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    verify.set_defaults(command=_verify)

    again = commands.add_parser(
        "retry", help="try again every contract that is stuck, for instance after an outage of the seal's key"
    )
    again.add_argument("--reason", action="append", default=[], help="only what is stuck for this reason; may repeat")
    again.add_argument("--dry-run", action="store_true", help="say what would be tried again, and change nothing")
    again.add_argument("--json", action="store_true", help="one JSON list instead of lines")
    again.set_defaults(command=_retry)

    _add_authority(commands.add_parser("authority", help="certificates and keys of the house: show, rotate, export"))

    _add_review(commands.add_parser("review", help="identity checks that wait for a human: list, show, decide"))

    models = commands.add_parser("models", help="the face models: build the pack, or check that it works")
    models.add_argument("act", choices=["build", "check"])
    models.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    models.set_defaults(command=_models)
    return parser


def _add_authority(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(required=True, metavar="ACT")

    show = acts.add_parser("show", help="every certificate, the days that it has left, and where its key is")
    show.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    show.set_defaults(command=_show_authority)

    rotate = acts.add_parser("rotate", help="the next generation of the seal's and the time stamps' certificates")
    rotate.add_argument("--only", choices=["tsa", "seal"], help="one of the two")
    rotate.add_argument("--tsa-root-key", type=Path, help="the time stamps' root key, when it was taken away")
    rotate.set_defaults(command=_rotate_authority)

    export = acts.add_parser("export-root", help="the root certificates, PEM, for those who check")
    export.add_argument("file", type=Path, nargs="?", help="where to (default: the terminal)")
    export.set_defaults(command=_export_root)

    take = acts.add_parser(
        "take-root-key", help="move the time stamps' root key out of the house; only rotate needs it"
    )
    take.add_argument("folder", type=Path)
    take.set_defaults(command=_take_root_key)


def _add_review(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(required=True, metavar="ACT")
    acts.add_parser("list", help="every check that waits").set_defaults(command=_list_reviews)

    show = acts.add_parser("show", help="what is to be compared; pictures and video are written into a folder")
    show.add_argument("check")
    show.add_argument("folder", type=Path)
    show.set_defaults(command=_show_review)

    for act, accepted, words in (
        ("accept", True, "the document is theirs"),
        ("refuse", False, "it is not"),
        ("again", None, "they are asked to do it once more"),
    ):
        decide = acts.add_parser(act, help=words)
        decide.add_argument("check")
        decide.add_argument("--name", required=True, help="who decides; it becomes part of the evidence")
        decide.add_argument("--reason", required=True, help="why, in a sentence; it is kept")
        decide.add_argument("--seen", choices=["in_person", "video"], default="", help="how you met an attended person")
        decide.set_defaults(command=_decide_review, accepted=accepted)


def _list_reviews(_chosen: argparse.Namespace) -> int:
    from bff import reviewing, wiring

    reviewing.waiting(wiring.build(from_environment()))
    return 0


def _show_review(chosen: argparse.Namespace) -> int:
    from bff import reviewing, wiring

    reviewing.show(wiring.build(from_environment()), chosen.check, chosen.folder)
    return 0


def _decide_review(chosen: argparse.Namespace) -> int:
    from bff import reviewing, wiring

    reviewing.decide(
        wiring.build(from_environment()),
        chosen.check,
        accepted=chosen.accepted,
        name=chosen.name,
        reason=chosen.reason,
        seen=chosen.seen,
    )
    return 0


def _show_authority(chosen: argparse.Namespace) -> int:
    from bff import generations, wiring

    generations.show(wiring.build(from_environment()), as_json=chosen.json)
    return 0


def _rotate_authority(chosen: argparse.Namespace) -> int:
    from bff import generations, wiring

    generations.rotate(wiring.build(from_environment()), tsa_root_key=chosen.tsa_root_key, only=chosen.only)
    return 0


def _export_root(chosen: argparse.Namespace) -> int:
    from bff import generations, wiring

    generations.export_root(wiring.build(from_environment()), chosen.file)
    return 0


def _take_root_key(chosen: argparse.Namespace) -> int:
    from bff import wiring

    print(wiring.build(from_environment()).authority.take_root_key(chosen.folder))
    return 0


def _up(chosen: argparse.Namespace) -> int:
    from bff import launch

    return launch.up(os.environ, port=chosen.port)


def _migrate(_chosen: argparse.Namespace) -> int:
    from bff import standing

    settings = from_environment()
    if settings.database_url or not standing.holds(settings.data_dir, repr(settings)):
        from bff import wiring

        wiring.set_up(settings)
    return 0


def _owner_link(_chosen: argparse.Namespace) -> int:
    link = owner_link(from_environment())
    if link is not None:
        print(link)
    return 0


def _doctor(chosen: argparse.Namespace) -> int:
    from bff import doctor, launch, wiring

    beside = {**launch.running(from_environment().data_dir), **os.environ}
    return doctor.report(doctor.run(wiring.build(from_environment(beside))), as_json=chosen.json)


def _retry(chosen: argparse.Namespace) -> int:
    from bff import retrying, wiring

    lines = retrying.retry(wiring.build(from_environment()), reasons=chosen.reason, only_look=chosen.dry_run)
    return retrying.report(lines, as_json=chosen.json)


def _verify(chosen: argparse.Namespace) -> int:
    from bff.signing import judging, verify

    roots = chosen.root or _roots_here()
    at = [f"--at={chosen.at}"] if chosen.at else []
    words = [str(chosen.file), *(f"--root={root}" for root in roots), *at, *(["--json"] if chosen.json else [])]
    return verify.main(words, judge=judging.judge if _is_bundle(chosen.file) else verify.verify)


def _roots_here() -> list[Path]:
    """The roots of the house that stands here, for its operator. Anybody else names those that they trust."""
    settings = from_environment()
    folder = settings.data_dir / "authority"
    own = [folder / "signing-root.pem", folder / "tsa-root.pem"]
    outside = [Path(settings.tsa_roots)] if settings.tsa_roots else []
    return [path for path in [*own, *outside, folder / ELSEWHERE_ROOTS] if path.is_file()]


def _is_bundle(file: Path) -> bool:
    from bff.signing.bundle import is_bundle

    try:
        with file.open("rb") as opened:
            return is_bundle(opened.read(4))
    except OSError:
        return False  # the judge says what is wrong with it


def _models(chosen: argparse.Namespace) -> int:
    from bff.biometrics import pack

    settings = from_environment()
    if chosen.act == "build":
        said: dict[str, object] = {"folder": str(pack.DEFAULT_PACK), "digests": dict(pack.build())}
    else:
        said = dict(pack.check(pack.opened(Path(settings.face_pack) if settings.face_pack else None)))
    print(json.dumps(said) if chosen.json else "\n".join(f"{name}: {value}" for name, value in said.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
