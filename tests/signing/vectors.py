"""The conformance vectors of docs/evidence-format.md: files that hold and files that do not, each with what a verifier must say.

`python -m tests.signing.vectors` (`make vectors`) writes them to tests/vectors, the same bytes every time. A vector is a
function here, named as its file is: `@good` or `@bad("what must be named", …)`, its docstring says what was done. It tells
a `Story` and gives the file's bytes. A new kind of proof needs one function for the file that holds and one for each lie.

What must be named, in the words of index.json: `signer NAME: CHECK` with a check of section 7, where everything about
the signature itself is `signature`; `seal`, `timestamp`, `foreign` for a signature that does not hold; `unsealed`: no valid
seal closes a contract; `unsigned`: nobody signed; `tail`: octets that nobody signed; `unreadable`: no PDF or bundle;
`bundle: CHECK`. With `perhaps_unreadable` a verifier that does not read on says only that.
"""

import base64
import hashlib
import io
import json
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from bff.core import evidence, gestures, tree
from bff.core.contract import Field, FieldKind, Signer
from bff.core.evidence import Entry
from bff.core.gestures import Pace
from bff.core.intent import FORMAT_FOR, Intent
from bff.core.mark import Mark
from bff.core.ports import Act
from bff.signing import bundle, cms, packed, pades
from tests.signing import tampering
from tests.signing.fixed import ECDSA, fixed
from tests.signing.packing import deflated
from tests.signing.paperwork import (
    ANA,
    LI,
    START,
    DownTimestamps,
    Paperwork,
    b64,
    canonical,
    checked,
    cose,
    face_proof,
    sms_proof,
)

pack = packed.pack

FOLDER = Path(__file__).resolve().parents[1] / "vectors"
FORMAT = "countersign-vectors/1"
FIELDS = (
    Field("f1", "s1", FieldKind.SIGNATURE, 1, 1000, 1000, 3000, 800),
    Field("f2", "s1", FieldKind.DATE, 1, 5000, 1000, 2000, 300),
    Field("f3", "s2", FieldKind.SIGNATURE, 1, 1000, 3000, 3000, 800),
    Field("f4", "s2", FieldKind.CHECKBOX, 1, 5000, 3000, 300, 200),
    Field("f5", "s2", FieldKind.TEXT, 1, 6000, 3000, 2000, 300),
)
BICYCLE = "Sale of a bicycle"
AT = START + timedelta(days=1)
YEAR = timedelta(days=365)

Lie = Callable[[Act], Act]


@dataclass(frozen=True)
class Vector:
    """A file and what a verifier must say of it, with these roots, at that time. `wrong`: what must be named."""

    name: str
    what: str
    content: bytes
    wrong: tuple[str, ...]
    signers: tuple[str, ...] | None
    roots: str = "roots.pem"
    at: datetime = AT
    perhaps_unreadable: bool = False

    @property
    def file(self) -> str:
        ending = "zip" if self.content.startswith(b"PK") else "pdf"
        return f"{'bad' if self.wrong else 'good'}/{self.name}.{ending}"

    def entry(self) -> dict[str, Any]:
        bad = {w.split(":")[0].removeprefix("signer ") for w in self.wrong if w.startswith("signer ")}
        signers = None if self.signers is None else [{"name": n, "ok": n not in bad} for n in self.signers]
        return {
            "name": self.name,
            "file": self.file,
            "what": self.what,
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "roots": self.roots,
            "at": self.at.isoformat(),
            "ok": not self.wrong,
            "wrong": list(self.wrong),
            "perhaps_unreadable": self.perhaps_unreadable,
            "signers": signers,
        }


def main() -> int:
    """Writes what is not there as it should be, and removes what should not be there."""
    files = rebuilt()
    for path in sorted(p for p in FOLDER.rglob("*") if p.is_file()):
        if str(path.relative_to(FOLDER)) not in files:
            path.unlink()
    for name, content in files.items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_bytes(content)
    print(f"{len(files) - 4} vectors, {sum(map(len, files.values())) // 1000} kB in {FOLDER}")
    return 0


def rebuilt() -> dict[str, bytes]:
    """Every file of tests/vectors by name, made anew."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder))
        made = list(_made(house))
        roots = {"roots.pem": house.roots("house"), "other-roots.pem": house.roots("another house")}
    entries = [vector.entry() for vector in made]
    index = {"format": FORMAT, "roots": "roots.pem", "vectors": entries}
    text = json.dumps(index, ensure_ascii=False, indent=1) + "\n"
    return {
        "index.json": text.encode(),
        "gestures.json": gestures_told(),
        **roots,
        **{vector.file: vector.content for vector in made},
    }


def gestures_told() -> bytes:
    """What follows from a challenge and a nonce, for whoever writes the derivation of section 3.2 anew."""
    told = []
    for number in range(12):
        secret, nonce = hashlib.sha256(b"%d" % number).digest(), hashlib.sha256(b"nonce %d" % number).digest()[:16]
        pace, colours = list(Pace)[number % 2], number % 3 > 0
        asked = gestures.derived(secret, nonce, pace=pace, colours=colours)
        given = {"challenge": secret.hex(), "nonce": nonce.hex(), "pace": str(pace), "colours": colours}
        told.append({**given, "gestures": asked.canonical().decode(), "sha256": asked.sha256()})
    return (json.dumps(told, indent=1) + "\n").encode()


# --- a house and its contracts --------------------------------------------------------------------------------------


class House:
    """Two houses whose keys are always the same; every story begins with its own folder and the same authority."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._told = 0

    def roots(self, name: str) -> bytes:
        return b"".join(self._paperwork(name).authority.roots_pem())

    def story(self, *signers: Signer, contract: str = "k1", house: str = "house") -> "Story":
        work = self._paperwork(house, signers=signers or (LI, ANA), fields=FIELDS, contract_id=contract)
        return Story(work, contract)

    def _paperwork(self, house: str, **how: Any) -> Paperwork:
        self._told += 1
        with fixed(house):
            device = ec.generate_private_key(ec.SECP256R1())
            return Paperwork(self.folder / str(self._told), device=device, **how)


class Story:
    """One contract from its preparation on, its log kept beside it. The clock moves a minute with each step."""

    def __init__(self, work: Paperwork, contract: str) -> None:
        self.work = work
        self.contract = contract
        self.log: list[Entry] = []
        self.record: list[Entry] = []
        """Of the enterprise that somebody signs for."""
        self.upload = a_pdf()
        work.fields = tuple(f for f in FIELDS if f.signer_id in {s.id for s in work.signers})
        with fixed(f"{contract} prepared"):
            work.prepare(self.upload)
        self.prepared = work.content
        self.note("prepared", document_sha256=_sha256(work.content))

    def note(self, kind: str, *, actor: str = "platform", **data: Any) -> str:
        """One more entry; the log's head after it."""
        self.work.clock.wait(minutes=1)
        last = self.log[-1].head if self.log else evidence.START
        at = self.work.clock.now()
        said = {"seq": len(self.log), "contract_id": self.contract, "kind": kind, "at": at, "actor": actor}
        self.log.append(evidence.append(last, **said, data=data))
        return self.log[-1].head.hex()

    def for_an_enterprise(self) -> "Story":
        """Li signs for an enterprise, whose record has it."""
        signer = replace(LI, organisation=ENTERPRISE, organisation_id=NUMBER)

        def acting(act: Act) -> Act:
            head = self._use_the_seal(hashlib.sha256(act.intent).hexdigest())
            known = {"identifier": NUMBER, "name": ENTERPRISE, "role": "signer", "record_head": head}
            return replace(act, signer=signer, identity={**act.identity, "enterprise": known})

        return self.sign(LI, "passkey", lie=acting, **FOR)

    def _use_the_seal(self, challenge: str) -> str:
        """The record's head when it has told of this act."""
        used = {"contract_id": self.contract, "signer_id": LI.id, "grant": "g1", "challenge": challenge}
        at, head = self.work.clock.now(), evidence.START
        for kind, data in (("registered", {"number": NUMBER}), ("seal_used", used)):
            said = {"contract_id": RECORD_OF, "kind": kind, "at": at, "actor": LI.id}
            self.record.append(evidence.append(head, seq=len(self.record), data=data, **said))
            head = self.record[-1].head
        return head.hex()

    def sign(
        self,
        signer: Signer,
        method: str = "sms",
        *,
        lie: Lie = lambda act: act,
        shown: bytes | None = None,
        **said: Any,
    ) -> "Story":
        """The signer's revision. `lie` changes the act, `said` the intent, `shown` the document that it is about."""
        with fixed(f"{self.contract} {signer.id} {method}"):
            intent = replace(self.work.intent(signer, shown=shown, method=method), nonce="5e" * 16, **said)
            act = lie(self.work.act(signer, intent))
            head = self.note("signed", actor=signer.id, challenge=hashlib.sha256(act.intent).hexdigest())
            act = replace(act, evidence_head=head, signed_at=self.work.clock.now())
            self.work.content = self.work.pades.sign(self.work.content, act).content
        self.note("applied", document_sha256=_sha256(self.work.content), signer_id=signer.id)
        return self

    def seal(self, contract: str | None = None) -> bytes:
        head = self.log[-1].head.hex()
        with fixed(f"{self.contract} seal"):
            written = self.work.pades.seal(self.work.content, contract_id=contract or self.contract, evidence_head=head)
        self.work.content = written.content
        self.note("sealed", document_sha256=_sha256(written.content), level=written.level)
        return written.content

    def report(self, content: bytes) -> bytes:
        """A report about this contract, sealed."""
        said = {"contract_id": self.contract, "document_sha256": _sha256(content)}
        with fixed(f"{self.contract} report"):
            prepared = pades.prepare_report(self.upload, page=1, box=(40, 40, 240, 100))
            return self.work.pades.seal_report(prepared, **said, evidence_head=self.log[-1].head.hex()).content

    def seal_as_a_report(self) -> bytes:
        said = {"contract_id": self.contract, "document_sha256": "00" * 32}
        with fixed(f"{self.contract} seal"):
            return self.work.pades.seal_report(self.work.content, **said, evidence_head="00" * 32).content

    def renew(self, after: timedelta) -> bytes:
        self.work.clock.wait(days=after.days)
        with fixed(f"{self.contract} renewal"):
            self.work.authority.rotate(self.work.clock.now())
            self.work.content = self.work.pades.renew(self.work.content).content
        return self.work.content

    def proof(self) -> dict[str, Any]:
        """The log's place in a tree of three, under a head that the house signed and timestamped; with a record, of four."""
        mine = tree.Leaf(self.contract, len(self.log) - 1, self.log[-1].head.hex())
        leaves = [tree.Leaf("k8", 4, "88" * 32), mine, tree.Leaf("k9", 7, "99" * 32)]
        leaves += [tree.Leaf(RECORD_OF, entry.seq, entry.head.hex()) for entry in self.record[-1:]]
        size = len(leaves)
        nodes = {(lv, ix): n for lv, ix, n in tree.grown(0, [leaf.hash() for leaf in leaves], lambda *_: b"")}
        lookup = lambda level, index: nodes[level, index]  # noqa: E731  # a table, asked as a function
        self.work.clock.wait(minutes=1)
        house = bundle.fingerprint(self.work.authority.roots_pem()[0])
        raw = tree.Head(house, size, tree.root(size, lookup).hex(), self.work.clock.now()).canonical()
        with fixed(f"{self.contract} head"):
            seal = self.work.authority.seal
            signature = seal.key.sign(raw, ECDSA)
            token = self.work.timestamps.timestamp(hashlib.sha256(raw).digest())
        pem = self.work.authority.certificates("seal")[-1].public_bytes(Encoding.PEM)
        signed = bundle.signed_head(raw, signature=signature, certificate=pem, tokens=[token])
        proof = {"format": "countersign-history/1", **_placed(leaves, 1, lookup), **signed}
        if self.record:
            before, last = self.record[-2:]
            told = {"before": before.head.hex(), "entry": last.raw.decode()}
            proof["records"] = [{**_placed(leaves, 3, lookup), **told}]
        return proof

    def bundled(self) -> bytes:
        roots = self.work.authority.roots_pem()
        return bundle.pack(self.work.content, self.log, self.proof(), roots=roots, title=BICYCLE)

    def recorded(self) -> bytes:
        """The enterprise's record, as its owner has it."""
        proof = self.proof()
        mine = {name: proof["records"][0][name] for name in ("leaf", "position", "path")}
        del proof["records"]
        roots = self.work.authority.roots_pem()
        return bundle.pack_record(self.record, {**proof, **mine}, roots=roots, title=ENTERPRISE)


def _placed(leaves: Sequence[tree.Leaf], position: int, nodes: tree.Nodes) -> dict[str, Any]:
    leaf, path = leaves[position], tree.inclusion(position, len(leaves), nodes)
    told = {"contract_id": leaf.contract_id, "seq": leaf.seq, "head": leaf.head}
    return {"leaf": told, "position": position, "path": [step.hex() for step in path]}


def a_pdf(*, streams: bool = False) -> bytes:
    """One page with a line of words, as small as a PDF can be; `streams`: its cross-references are a stream."""
    words = b"BT /F1 14 Tf 40 540 Td (The price is 1000 euros.) Tj ET"
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 600]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(words), words),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    out, places = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
    for number, value in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, value)
    name = b"/Root 1 0 R/ID[<%b><%b>]" % (2 * (b"5e" * 16,))
    if streams:
        rows = b"\0\0\0\xff" + b"".join(b"\1%b\0" % at.to_bytes(2) for at in (*places, len(out)))
        index = b"<</Type/XRef/W[1 2 1]/Size 7%b/Length %d>>stream\n%b\nendstream" % (name, len(rows), rows)
        return out + b"6 0 obj\n%b\nendobj\nstartxref\n%d\n%%%%EOF\n" % (index, len(out))
    table = b"0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % at for at in places)
    return out + b"xref\n0 6\n%btrailer\n<</Size 6%b>>\nstartxref\n%d\n%%%%EOF\n" % (table, name, len(out))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# --- the table ----------------------------------------------------------------------------------------------------

LEI, PEREZ = LI.name, ANA.name
BOTH = (f"signer {LEI}: signature", f"signer {PEREZ}: signature")
ALL = (*BOTH, "seal", "timestamp")
DOCUMENT = tuple(f"signer {name}: document" for name in (LEI, PEREZ))
Recipe = Callable[[House], bytes]


@dataclass(frozen=True)
class Told:
    """A recipe and what it should lead to."""

    make: Recipe
    wrong: tuple[str, ...]
    how: Mapping[str, Any]


RECIPES: list[Told] = []


def good(*signers: str, **how: Any) -> Callable[[Recipe], Recipe]:
    return _listed((), **{"signers": signers or (LEI,), **how})


def bad(*wrong: str, signers: Sequence[str] = (LEI,), **how: Any) -> Callable[[Recipe], Recipe]:
    return _listed(wrong, signers=tuple(signers), **how)


def _listed(wrong: tuple[str, ...], **how: Any) -> Callable[[Recipe], Recipe]:
    def list_it(make: Recipe) -> Recipe:
        RECIPES.append(Told(make, wrong, how))
        return make

    return list_it


def _made(house: House) -> Iterator[Vector]:
    for told in RECIPES:
        what = " ".join((told.make.__doc__ or "").split())
        yield Vector(told.make.__name__, what, told.make(house), told.wrong, **told.how)
    yield from _attacked(_two(house))


# --- what holds ---------------------------------------------------------------------------------------------------


@good()
def sms(house: House) -> bytes:
    """One signer, confirmed by an SMS code, sealed."""
    return house.story(LI).sign(LI).seal()


@good()
def passkey(house: House) -> bytes:
    """One signer, confirmed with a passkey (ES256), sealed."""
    return house.story(LI).sign(LI, "passkey").seal()


@good()
def passkey_ed25519(house: House) -> bytes:
    """One signer, confirmed with a passkey whose key is an Ed25519 one."""
    return house.story(LI).sign(LI, "passkey", lie=_with_ed25519).seal()


@good(LEI, PEREZ)
def earlier_format(house: House) -> bytes:
    """As files were made before: acts of the first format, neither packed nor the intent as text."""
    with _packing(_plain):
        return house.story().sign(LI, "passkey").sign(ANA).seal()


@good(LEI)
def packed_by_another(house: House) -> bytes:
    """The act is packed in one block that is not packed at all, in octets that no dictionary is needed for."""
    with _packing(_stored):
        return house.story(LI).sign(LI, "passkey").seal()


@good()
def face(house: House) -> bytes:
    """One signer, confirmed by a face video that was asked for this document; checked before by document and face."""
    return house.story(LI).sign(LI, "face").seal()


@good()
def face_slow_without_colours(house: House) -> bytes:
    """The same for somebody who asked for more time and for no colours."""
    how = {"pace": "slow", "colours": False}
    return _lying(house, lambda act: replace(act, proof=face_proof(_intent_of(act), **how)), method="face")


@good()
def face_checked_by_a_person(house: House) -> bytes:
    """The face was judged unsure when the person was checked, and a person decided that."""
    known = checked(reviewed_by=["p7"], review="match_unsure")
    known["checked"]["face"] |= {"outcome": "review", "reason": "match_unsure"}
    return _lying(house, lambda act: replace(act, identity=known), method="face")


@good()
def checked_by_a_source(house: House) -> bytes:
    """A passkey of somebody whose document and face an authoritative source confirmed."""
    source = {"outcome": "match", "provider": "Example register", "reference": "r1", "compared": ["name", "number"]}
    known = checked("document+face+source", source_asked=True, source={**source, "reason": ""})
    return _lying(house, lambda act: replace(act, identity=known))


@good()
def checked_in_person(house: House) -> bytes:
    """An SMS code of somebody whose document a person compared with its bearer."""
    known = checked("document", reviewed_by=["p7"], review="attended", attended_by="p7")
    return _lying(house, lambda act: replace(act, identity=known), method="sms")


@good()
def for_an_enterprise(house: House) -> bytes:
    """One signer who signs for an enterprise: an intent of the second format, both names in the certificate."""
    acting = replace(LI, organisation=ENTERPRISE, organisation_id=NUMBER)
    return house.story(LI).sign(LI, "passkey", lie=partial(_acting, acting), **FOR).seal()


@good()
def device_from_a_link(house: House) -> bytes:
    """Confirmed with a device that was set up by whoever held the link: it holds, and must not be called the signer's own."""
    known = {
        "level": "contact",
        "passkey_set_up": "this_link",
        "passkey_kept_at": None,
        "passkey_link_channel": "email",
    }
    return house.story(LI).sign(LI, "passkey", lie=lambda act: replace(act, identity=known)).seal()


@good(LEI, PEREZ)
def two_signers(house: House) -> bytes:
    """Two signers one after the other, passkey and SMS code, with values in fields."""
    return _two(house)


@good(LEI, PEREZ)
def two_signers_at_once(house: House) -> bytes:
    """Two signers who were shown the same revision: the second one's document is not what stands right before."""
    story = house.story()
    return story.sign(LI).sign(ANA, shown=story.prepared).seal()


@good()
def cross_reference_streams(house: House) -> bytes:
    """The document came with a cross-reference stream, so every revision has one."""
    story = house.story(LI)
    with fixed("streams"):
        story.work.prepare(a_pdf(streams=True))
    return story.sign(LI).seal()


@good()
def without_timestamps(house: House) -> bytes:
    """The timestamp service was down: level B-B, no time is proven, all else holds."""
    story = house.story(LI)
    story.work.pades = story.work.with_timestamps(DownTimestamps())
    return story.sign(LI).seal()


@good(at=START + 12 * YEAR)
def renewed(house: House) -> bytes:
    """Renewed after nine years and judged when every earlier certificate has ended."""
    story = house.story(LI)
    story.sign(LI, "passkey").seal()
    return story.renew(9 * YEAR)


@good(signers=())
def evidence_report(house: House) -> bytes:
    """The house's report about a contract, under its seal: nobody signs it."""
    story = house.story(LI)
    return story.report(story.sign(LI).seal())


@good(LEI, PEREZ)
def evidence_bundle(house: House) -> bytes:
    """The evidence bundle of a contract with two signers, as a house gives it."""
    return _bundled(house)


@good(LEI, PEREZ)
def evidence_bundle_stored(house: House) -> bytes:
    """The same parts in another order, none of them compressed."""
    return _zipped(dict(sorted(bundle.unpack(_bundled(house)).items())))


@good()
def bundle_for_an_enterprise(house: House) -> bytes:
    """Somebody signed for an enterprise, and the bundle proves that its record, in the same tree, tells of this act."""
    return _for_enterprise(house)


@_listed((), signers=())
def record_of_an_enterprise(house: House) -> bytes:
    """An enterprise's record and its place in the tree, as its owners have it; nobody signs it."""
    return _recorded(house)


def _for_enterprise(house: House) -> bytes:
    story = house.story(LI).for_an_enterprise()
    story.seal()
    return story.bundled()


def _recorded(house: House) -> bytes:
    story = house.story(LI).for_an_enterprise()
    story.seal()
    return story.recorded()


def _two(house: House) -> bytes:
    return house.story().sign(LI, "passkey").sign(ANA).seal()


def _bundled(house: House, *signers: Signer) -> bytes:
    story = house.story(*signers)
    for signer, method in zip(signers or (LI, ANA), ("passkey", "sms"), strict=False):
        story.sign(signer, method)
    story.seal()
    return story.bundled()


def _zipped(parts: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name, bundle.MOMENT), part)
    return buffer.getvalue()


def _packing(instead: Callable[[bytes], bytes]) -> Any:
    return patch.object(packed, "pack", instead)


def _plain(said: bytes) -> bytes:
    """As `countersign-act/1` had it."""
    return canonical({**json.loads(_with_base64(said)), "format": pades.ACT_FORMATS[0]})


def _with_base64(said: bytes) -> bytes:
    act = json.loads(said)
    return canonical({**act, "intent": base64.b64encode(act["intent"].encode()).decode()})


def _stored(said: bytes) -> bytes:
    """RFC 1951, section 3.2.4."""
    return packed.VERSION + b"\1" + len(said).to_bytes(2, "little") + (~len(said) & 0xFFFF).to_bytes(2, "little") + said


def _with_ed25519(act: Act) -> Act:
    """The same assertion by a key of the other kind."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(b"\x5e" * 32)
    said = dict(act.proof)
    raw = key.public_key().public_bytes_raw()
    signed = _unb64(said["authenticator_data"]) + hashlib.sha256(_unb64(said["client_data_json"])).digest()
    proof = {
        **said,
        "public_key": b64(b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20" + raw),
        "signature": b64(key.sign(signed)),
    }
    return replace(act, proof=proof)


ENTERPRISE, NUMBER = "某某自行车有限公司", "NTRCN-91350100M000100Y43"
RECORD_OF = "enterprise:e1"
FOR = {"organisation": ENTERPRISE, "organisation_identifier": NUMBER, "format": FORMAT_FOR}


def _acting(signer: Signer, act: Act, number: str = NUMBER) -> Act:
    """The certificate is in the signer's and the enterprise's name, and the house knew the enterprise."""
    known = {**act.identity, "enterprise": {"identifier": number, "name": ENTERPRISE, "role": "seal"}}
    return replace(act, signer=signer, identity=known)


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# --- acts that are not what was confirmed: signed with a real key, as only the house could ----------------------------


@bad(f"signer {LEI}: intent")
def intent_not_canonical(house: House) -> bytes:
    """The intent's octets say the same with a blank in them: not canonical JSON."""
    return _lying(house, lambda act: replace(act, intent=act.intent.replace(b'":', b'": ', 1)))


@bad(f"signer {LEI}: intent")
def packed_and_torn(house: House) -> bytes:
    """The packed act lacks its last octet."""
    with _packing(lambda said: pack(said)[:-1]):
        return house.story(LI).sign(LI).seal()


@bad(f"signer {LEI}: intent")
def packed_with_another_dictionary(house: House) -> bytes:
    """The packed act reaches back to before the dictionary begins, where its beginning would stand."""
    with _packing(lambda said: packed.VERSION + deflated(said, said[:100] + packed.DICTIONARY)):
        return house.story(LI).sign(LI).seal()


@bad(f"signer {LEI}: intent")
def intent_of_the_earlier_format(house: House) -> bytes:
    """The act says that it is of the second format, and has the intent in base64 as the first one has."""
    with _packing(lambda said: pack(_with_base64(said))):
        return house.story(LI).sign(LI).seal()


@bad(f"signer {LEI}: intent")
def intent_with_another_member(house: House) -> bytes:
    """The intent has a member more than section 3.1 names."""
    return _lying(house, lambda act: replace(act, intent=canonical({**json.loads(act.intent), "price": "1"})))


@bad("signer Eve: name", signers=["Eve"])
def certificate_in_another_name(house: House) -> bytes:
    """The certificate is Eve's; the intent was Li Lei's."""
    return _lying(house, lambda act: replace(act, signer=replace(act.signer, name="Eve")))


@bad(f"signer {LEI}: mark")
def another_mark(house: House) -> bytes:
    """What was drawn is not the mark that was confirmed."""
    return _lying(house, lambda act: replace(act, mark=Mark("typed", LEI, "caveat")))


@bad(f"signer {PEREZ}: values", signers=[PEREZ])
def other_values(house: House) -> bytes:
    """A field was filled with something else than what was confirmed."""
    return _lying(house, lambda act: replace(act, values={**act.values, "f5": "Paris"}), ANA, "sms")


@bad(f"signer {LEI}: time")
def signed_before_it_was_said(house: House) -> bytes:
    """The intent was issued a day after the time that the timestamp proves."""
    late = START + timedelta(days=1)
    return house.story(LI).sign(LI, issued_at=late.isoformat(), expires_at=late.isoformat()).seal()


@bad(f"signer {LEI}: document")
def another_document(house: House) -> bytes:
    """What was shown is not in this file: the intent names a document with another price."""
    shown = house.story(LI).prepared.replace(b"1000", b"9000")
    return house.story(LI).sign(LI, "passkey", shown=shown).seal()


@bad(f"signer {PEREZ}: document", signers=[LEI, PEREZ])
def swapped_revision(house: House) -> bytes:
    """Two houses' revisions swapped: the second signer was shown another contract's first revision."""
    other = house.story(contract="k2").sign(LI, "passkey").work.content
    return house.story().sign(LI, "passkey").sign(ANA, shown=other).seal()


@bad(f"signer {LEI}: document")
def shown_later_than_signed(house: House) -> bytes:
    """The intent names the file as it was when everybody had signed: that was not there to be shown."""
    whole = house.story(LI).sign(LI, "passkey").seal()
    return house.story(LI).sign(LI, "passkey", shown=whole).seal()


@bad(f"signer {LEI}: challenge")
def swapped_proof(house: House) -> bytes:
    """The assertion is a true one of the same device, for another contract."""
    other = house.story(LI, contract="k2").work
    with fixed("another proof"):
        proof = other.passkey(other.intent(LI, method="passkey"))
    return _lying(house, lambda act: replace(act, proof=proof))


@bad(f"signer {PEREZ}: challenge", signers=[LEI, PEREZ])
def proof_of_another_signer(house: House) -> bytes:
    """Both signers of one contract carry the assertion of the first."""
    first: list[Act] = []
    story = house.story().sign(LI, "passkey", lie=lambda act: first.append(act) or act)
    return story.sign(ANA, "passkey", lie=lambda act: replace(act, proof=first[0].proof)).seal()


@bad(f"signer {LEI}: method")
def proof_of_another_kind(house: House) -> bytes:
    """The intent says passkey; the proof is the record of an SMS code."""
    return _lying(house, lambda act: replace(act, proof=sms_proof()))


@bad(f"signer {LEI}: method", f"signer {LEI}: proof")
def proof_of_no_kind(house: House) -> bytes:
    """A proof that no specification knows."""
    return _lying(house, lambda act: replace(act, proof={"method": "handshake"}))


@bad(f"signer {LEI}: method", f"signer {LEI}: proof")
def proof_missing(house: House) -> bytes:
    """There is no proof at all."""
    return _lying(house, lambda act: replace(act, proof={}))


@bad(f"signer {LEI}: organisation")
def for_another_enterprise(house: House) -> bytes:
    """The house knew another enterprise than the one that the statement and the certificate name."""
    acting = replace(LI, organisation=ENTERPRISE, organisation_id=NUMBER)
    lie = partial(_acting, acting, number="NTRCN-91350100M000100Y44")
    return house.story(LI).sign(LI, "passkey", lie=lie, **FOR).seal()


@bad(f"signer {LEI}: organisation")
def enterprise_in_the_certificate_alone(house: House) -> bytes:
    """The certificate names an enterprise; the statement signs for nobody but the signer."""
    acting = replace(LI, organisation=ENTERPRISE, organisation_id=NUMBER)
    return _lying(house, lambda act: replace(act, signer=acting))


def _device(name: str, what: str, *wrong: str, **lie: Any) -> None:
    """One that lies about one thing that the device said."""

    def make(house: House) -> bytes:
        story = house.story(LI)
        return story.sign(LI, "passkey", lie=lambda act: _answered(story, act, lie)).seal()

    make.__name__, make.__doc__ = name, what
    bad(*(f"signer {LEI}: {each}" for each in wrong))(make)


def _answered(story: Story, act: Act, lie: Mapping[str, Any]) -> Act:
    return replace(act, proof=story.work.passkey(Intent(**json.loads(act.intent)), **lie))


_device(
    "asked_by_another_site", "The assertion was asked for by another origin.", "origin", origin="https://evil.example"
)
_device(
    "asked_from_a_frame", "The assertion was asked for from inside another site's page.", "origin", crossOrigin=True
)
_device("user_not_verified", "The device saw a touch, but verified nobody.", "device", flags=0x01)
_device("nobody_present", "The device verified somebody who was not there.", "device", flags=0x04)
_device(
    "registration_instead", "What was signed is a registration, not an assertion.", "challenge", type="webauthn.create"
)


@bad(f"signer {LEI}: assertion")
def signed_by_another_device(house: House) -> bytes:
    """The assertion is by another key than the one beside it."""
    with fixed("another device"):
        other = ec.generate_private_key(ec.SECP256R1())
    return _lying(house, lambda act: replace(act, proof={**act.proof, "public_key": b64(cose(other))}))


# --- faces that prove nothing, and people who were not checked as it is said: also only the house could sign these ------


def _intent_of(act: Act) -> Intent:
    return Intent(**json.loads(act.intent))


def _faced(name: str, what: str, *wrong: str, lie: Lie) -> None:
    """One whose face video, or the check of the person, is not what it is said to be."""

    def make(house: House) -> bytes:
        return _lying(house, lie, method="face")

    make.__name__, make.__doc__ = name, what
    bad(*(f"signer {LEI}: {each}" for each in wrong))(make)


def _said(**members: Any) -> Lie:
    """Other members of the proof."""
    return lambda act: replace(act, proof={**act.proof, **members})


def _judged(**members: Any) -> Lie:
    """Other members of the verdict; a table's are put into it, None removes one."""

    def changed(old: Any, new: Any) -> Any:
        if not isinstance(old, dict) or not isinstance(new, dict):
            return new
        return {name: value for name, value in {**old, **new}.items() if value is not None}

    def lie(act: Act) -> Act:
        verdict = act.proof["verdict"]
        told = {name: changed(verdict.get(name), value) for name, value in members.items()}
        return _said(verdict={**verdict, **told})(act)

    return lie


def _identified(identity: Mapping[str, Any]) -> Lie:
    return lambda act: replace(act, identity=identity)


def _shifted(**seconds: int) -> Lie:
    """Times of the proof, in seconds from when the intent was issued."""

    def lie(act: Act) -> Act:
        issued = datetime.fromisoformat(_intent_of(act).issued_at)
        return _said(**{name: (issued + timedelta(seconds=after)).isoformat() for name, after in seconds.items()})(act)

    return lie


def _of_another_challenge(act: Act) -> Act:
    """Gestures and their digest fit each other, and another intent."""
    other = face_proof(replace(_intent_of(act), contract_id="k2"))
    verdict = {**act.proof["verdict"], "challenge_sha256": other["verdict"]["challenge_sha256"]}
    return _said(gestures=other["gestures"], verdict=verdict)(act)


def _rearranged(act: Act) -> Act:
    asked = json.loads(act.proof["gestures"])
    first, second, third = asked["steps"]
    asked["steps"] = [{**first, "action": second["action"]}, {**second, "action": first["action"]}, third]
    raw = canonical(asked)
    verdict = {**act.proof["verdict"], "challenge_sha256": _sha256(raw)}
    return _said(gestures=raw.decode(), verdict=verdict)(act)


@bad(f"signer {LEI}: gestures")
def face_of_another_contract(house: House) -> bytes:
    """The face video is a true one of the same person, for another contract."""
    other = house.story(LI, contract="k2").work
    proof = face_proof(other.intent(LI, method="face"))
    return _lying(house, lambda act: replace(act, proof=proof), method="face")


_faced(
    "face_gestures_of_another_challenge",
    "The gestures follow from another intent; their digest is the verdict's.",
    "gestures",
    lie=_of_another_challenge,
)
_faced("face_gestures_rearranged", "Two of the actions changed places.", "gestures", lie=_rearranged)
_faced("face_another_nonce", "The nonce is another one.", "gestures", lie=_said(nonce="5f" * 16))
_faced("face_another_pace", "The pace is another one.", "gestures", lie=_said(pace="slow"))
_faced(
    "face_judged_by_other_gestures",
    "The verdict is about a video that had to show something else.",
    "gestures",
    lie=_judged(challenge_sha256="77" * 32),
)
_faced(
    "face_not_passed",
    "The verdict left it to a person.",
    "verdict",
    lie=_judged(outcome="review", reason="match_unsure"),
)
_faced("face_without_verdict", "There is no verdict.", "gestures", "verdict", "compared", lie=_said(verdict=None))
_faced(
    "face_unlike",
    "The verdict says pass with a likeness below its own threshold.",
    "verdict",
    lie=_judged(scores={"match": 3999}),
)
_faced(
    "face_spliced",
    "The verdict says pass though one frame is unlike the portrait.",
    "verdict",
    lie=_judged(scores={"portrait_least": 1200}),
)
_faced(
    "face_that_did_nothing",
    "The verdict says pass though nothing was done.",
    "verdict",
    lie=_judged(scores={"yaw_most": 3, "yaw_least": -2, "mouth_most": 500, "eyes_least": 2800}),
)
_faced("face_lost", "Half of the frames show no face.", "verdict", lie=_judged(scores={"frames_lost": 55}))
_faced("face_in_other_light", "Other colours than the screen's.", "verdict", lie=_judged(scores={"glow": 1000}))
_faced(
    "face_score_missing",
    "What was measured of the likeness is not said.",
    "verdict",
    lie=_judged(scores={"match": None}),
)
_faced(
    "face_threshold_missing",
    "A threshold is not said.",
    "verdict",
    lie=_judged(thresholds={"among": None}),
)
_faced(
    "face_threshold_of_nothing",
    "The threshold of the likeness is nothing.",
    "verdict",
    lie=_judged(scores={"match": 0}, thresholds={"match": 0, "review": 0}),
)
_faced(
    "face_thresholds_crossed",
    "A likeness that passes need not even be one that a person looks at.",
    "verdict",
    lie=_judged(scores={"match": 3000}, thresholds={"match": 2000}),
)
_faced(
    "face_recorded_too_late",
    "Recorded after the intent ran out.",
    "verdict",
    lie=_shifted(recorded_at=400, judged_at=401),
)
_faced("face_recorded_too_early", "Recorded before it was asked for.", "verdict", lie=_shifted(recorded_at=-1))
_faced("face_committed_too_late", "Committed to after it was recorded.", "verdict", lie=_shifted(committed_at=21))
_faced("face_judged_before_recorded", "Judged before it was recorded.", "verdict", lie=_shifted(judged_at=19))
_faced("face_judged_after_signed", "Judged an hour after the signature.", "verdict", lie=_shifted(judged_at=3600))
_faced(
    "face_of_another_person",
    "The face was compared with another check than the signature names.",
    "compared",
    lie=_said(compared_with="c2"),
)
_faced(
    "face_identity_swapped",
    "The identity is that of another person's check.",
    "compared",
    lie=_identified(checked(check="c2", name="韩梅梅")),
)
_faced(
    "face_by_another_recogniser",
    "The person is known by a description that this recogniser cannot read.",
    "compared",
    lie=_judged(models={"recognition": "d9" * 32}),
)
_faced("face_of_nobody", "Nothing is known but an address.", "compared", lie=_identified({"level": "contact"}))
_faced(
    "face_of_other_types",
    "Nothing is of the type that it should be of.",
    *("gestures", "verdict", "compared", "identity"),
    lie=lambda act: _identified({"level": ["document+face"], "checked": "yes"})(
        _said(nonce=7, pace={}, colours="yes", gestures=[], recorded_at=1e300, judged_at=None, verdict=[[]])(act)
    ),
)


def _person(name: str, what: str, identity: Mapping[str, Any], method: str = "passkey") -> None:
    def make(house: House) -> bytes:
        return _lying(house, _identified(identity), method=method)

    make.__name__, make.__doc__ = name, what
    bad(f"signer {LEI}: identity")(make)


_person(
    "identity_called_higher",
    "The level says that a source confirmed it; none was asked.",
    {**checked(), "level": "document+face+source"},
)
_person(
    "identity_source_said_no",
    "The source was asked, and there was no match.",
    checked("document+face+source", source_asked=True, source={"outcome": "no_match", "provider": "Example register"}),
)
_person("identity_without_check", "The level says document and face; no check is there.", {"level": "document+face"})
_person("identity_without_face", "The level says face; no verdict and no person says so.", checked(face=None), "sms")
_person(
    "identity_face_refused",
    "The level says face; the verdict refused it, and nobody decided otherwise.",
    checked(face={"outcome": "refused", "reason": "other_person"}),
    "sms",
)
_person("identity_run_out", "The check was good until a day before.", checked(valid_until="2026-10-31T00:00:00+00:00"))
_person(
    "identity_checked_later", "The check was made after the signing.", checked(checked_at="2026-11-02T00:00:00+00:00")
)
_person("identity_without_time", "When the check was made is not said.", checked(checked_at="recently"))
_person("identity_of_no_level", "A level that no specification knows.", {"level": "vip"}, "sms")
_person(
    "identity_called_lower",
    "The level says that nothing but an address is known, and a check stands beside it.",
    {**checked(), "level": "contact"},
    "sms",
)


def _lying(house: House, lie: Lie, signer: Signer = LI, method: str = "passkey") -> bytes:
    return house.story(signer).sign(signer, method, lie=lie).seal()


# --- files that are not whole, or not this house's -----------------------------------------------------------------


@bad("unsealed")
def not_sealed(house: House) -> bytes:
    """Signed, and never closed."""
    return house.story(LI).sign(LI).work.content


@bad("unsealed")
def seal_of_another_contract(house: House) -> bytes:
    """The seal is the house's and valid, and closes another contract."""
    return house.story(LI).sign(LI).seal(contract="k2")


@bad("unsealed")
def sealed_as_a_report(house: House) -> bytes:
    """The seal's statement is that of a report: it closes no contract."""
    return house.story(LI).sign(LI).seal_as_a_report()


@bad(*ALL, signers=[LEI, PEREZ], roots="other-roots.pem")
def foreign_root(house: House) -> bytes:
    """The file of the vector two_signers, judged with another house's roots."""
    return _two(house)


@bad(*ALL, signers=[LEI, PEREZ])
def foreign_house(house: House) -> bytes:
    """Another house's file, judged with this house's roots."""
    return house.story(house="another house").sign(LI, "passkey").sign(ANA).seal()


@bad(f"signer {LEI}: signature", "seal", "timestamp", at=START + 12 * YEAR)
def never_renewed(house: House) -> bytes:
    """Judged when every certificate in it has ended, and nobody renewed it before."""
    return house.story(LI).sign(LI, "passkey").seal()


@bad("timestamp", f"signer {LEI}: signature", "seal", at=START + 14 * YEAR)
def renewed_too_late(house: House) -> bytes:
    """Renewed when the certificate under the timestamp had ended already: that proves nothing any more."""
    story = house.story(LI)
    story.sign(LI, "passkey").seal()
    return story.renew(11 * YEAR)


# --- bundles whose log or proof was changed -----------------------------------------------------------------------------

SIGNED, SEALED, NAMED = "bundle: signed", "bundle: seal", "bundle: document"
Change = Callable[[dict[str, bytes]], None]


def _changed(name: str, what: str, *wrong: str, change: Change) -> None:
    """The bundle of one signer with one part changed."""

    def make(house: House) -> bytes:
        parts = bundle.unpack(_bundled(house, LI))
        change(parts)
        return _zipped(parts)

    make.__name__, make.__doc__ = name, what
    bad(*wrong, signers=[LEI])(make)


def _lines(edit: Callable[[list[bytes]], list[bytes]]) -> Change:
    def change(parts: dict[str, bytes]) -> None:
        parts[bundle.LOG] = b"".join(edit(parts[bundle.LOG].splitlines(keepends=True)))

    return change


def _proof(edit: Callable[[dict[str, Any]], None]) -> Change:
    def change(parts: dict[str, bytes]) -> None:
        proof = json.loads(parts[bundle.HISTORY])
        edit(proof)
        parts[bundle.HISTORY] = json.dumps(proof, sort_keys=True).encode()

    return change


def _another_time(lines: list[bytes]) -> list[bytes]:
    """Of the first entry; all heads after it are other ones."""
    return [lines[0].replace(b'"at":"2026', b'"at":"2025'), *lines[1:]]


def _later_head(proof: dict[str, Any]) -> None:
    proof["head"] = proof["head"].replace('"at":"2026', '"at":"2027')


_changed(
    "log_entry_altered",
    "An entry's time is another: what comes after is another chain than was signed.",
    *(SIGNED, SEALED, "bundle: leaf"),
    change=_lines(_another_time),
)
_changed("log_entry_dropped", "An entry is missing.", "bundle: log", change=_lines(lambda all_: all_[:1] + all_[2:]))
_changed("log_entry_doubled", "An entry stands twice.", "bundle: log", change=_lines(lambda all_: all_[:2] + all_[1:]))
_changed(
    "log_entries_swapped",
    "Two entries changed places.",
    "bundle: log",
    change=_lines(lambda all_: [all_[1], all_[0], *all_[2:]]),
)
_changed("log_cut", "The last entry is missing.", NAMED, "bundle: leaf", change=_lines(lambda all_: all_[:-1]))
_changed("log_empty", "The log has no entries.", "bundle: log", change=_lines(lambda _: []))
_changed(
    "log_of_another_contract",
    "The log is a whole one of another contract.",
    "bundle: log",
    change=_lines(lambda all_: [line.replace(b'"contract_id":"k1"', b'"contract_id":"k2"') for line in all_]),
)
_changed(
    "proof_elsewhere",
    "The leaf is said to stand elsewhere.",
    "bundle: inclusion",
    change=_proof(lambda p: p.update(position=2)),
)
_changed(
    "proof_by_another_path",
    "The proof leads to another head.",
    "bundle: inclusion",
    change=_proof(lambda p: p["path"].reverse()),
)
_changed(
    "wrong_tree_head",
    "The head says another time than was signed and timestamped.",
    *("bundle: head", "bundle: head_time"),
    change=_proof(_later_head),
)
_changed(
    "head_without_time",
    "The head has no timestamps.",
    "bundle: head_time",
    change=_proof(lambda p: p.update(timestamps=[])),
)
_changed(
    "leaf_of_another_log",
    "The leaf names another head of the log.",
    *("bundle: leaf", "bundle: inclusion"),
    change=_proof(lambda p: p["leaf"].update(head="00" * 32)),
)
_changed("proof_missing", "There is no proof.", "bundle: tree", change=lambda parts: parts.pop(bundle.HISTORY) and None)
_changed(
    "proof_unreadable",
    "The proof is no JSON.",
    "bundle: tree",
    change=lambda parts: parts.update({bundle.HISTORY: b"{"}),
)


def _of_record(name: str, what: str, edit: Callable[[list[dict[str, Any]]], None]) -> None:
    """The bundle of somebody who signed for an enterprise, with the proof of its record changed."""

    def make(house: House) -> bytes:
        parts = bundle.unpack(_for_enterprise(house))
        _proof(lambda proof: edit(proof["records"]))(parts)
        return _zipped(parts)

    make.__name__, make.__doc__ = name, what
    bad("bundle: record", signers=[LEI])(make)


def _in_entry(before: str, after: str) -> Callable[[list[dict[str, Any]]], None]:
    return lambda records: records[0].update(entry=records[0]["entry"].replace(before, after))


_of_record("record_left_out", "The list of records is empty.", lambda records: records.clear())
_of_record("record_altered", "The record's entry names another right.", _in_entry('"g1"', '"g2"'))
_of_record("record_of_another_kind", "The record's entry is no use of a seal.", _in_entry("seal_used", "seal_USED"))
_of_record("record_before_another", "The head before the entry is another.", lambda r: r[0].update(before="00" * 32))
_of_record("record_elsewhere", "The record's leaf is said to stand elsewhere.", lambda r: r[0].update(position=2))
_of_record(
    "record_of_another", "The leaf is another enterprise's.", lambda r: r[0]["leaf"].update(contract_id="enterprise:e2")
)


@bad("bundle: record", signers=[LEI])
def record_of_another_act(house: House) -> bytes:
    """The record tells, in its right place in the tree, of another act than the one that was signed."""
    story = house.story(LI).for_an_enterprise()
    story.seal()
    story.record.clear()
    story._use_the_seal("00" * 32)
    return story.bundled()


@bad("bundle: leaf", signers=())
def record_cut(house: House) -> bytes:
    """The record's last line is missing."""
    parts = bundle.unpack(_recorded(house))
    return _zipped({**parts, bundle.RECORD: parts[bundle.RECORD].splitlines(keepends=True)[0]})


@bad("unreadable", signers=())
def record_beside_a_document(house: House) -> bytes:
    """A bundle that has a record.jsonl as well."""
    return _zipped({**bundle.unpack(_for_enterprise(house)), bundle.RECORD: b"{}\n"})


@bad("bundle: signed", "bundle: seal", "bundle: document", signers=[LEI])
def documents_swapped(house: House) -> bytes:
    """The log is of this contract, the file of another time that it was signed, a step later."""
    story = house.story(LI)
    story.note("opened", signer_id="s1")
    other = story.sign(LI, "passkey").seal()
    parts = bundle.unpack(_bundled(house, LI))
    return _zipped({**parts, bundle.PDF: other})


@bad("unreadable", signers=())
def bundle_with_a_stranger(house: House) -> bytes:
    """A ZIP with a part that bundles do not have."""
    return _zipped({**bundle.unpack(_bundled(house, LI)), "evil.exe": b"MZ"})


@bad("unreadable", signers=())
def bundle_without_a_log(house: House) -> bytes:
    """A ZIP without evidence.jsonl."""
    parts = bundle.unpack(_bundled(house, LI))
    return _zipped({name: part for name, part in parts.items() if name != bundle.LOG})


@bad("unreadable", signers=())
def bundle_torn(house: House) -> bytes:
    """A bundle whose second half is missing."""
    whole = _bundled(house, LI)
    return whole[: len(whole) // 2]


# --- what anybody can do to a file, without a key -----------------------------------------------------------------------


def _attacked(sealed: bytes) -> Iterator[Vector]:
    """The file of the vector two_signers, changed: what must be named, and what was done."""
    named = dict(tampering.attacks(sealed))
    for attack in (*_flips(sealed), *_cuts(sealed, named), *_revisions(sealed)):
        yield Vector(attack.name, attack.what, attack.content, attack.wrong, attack.signers, **attack.how)


@dataclass(frozen=True)
class Attack:
    name: str
    what: str
    content: bytes
    wrong: tuple[str, ...]
    signers: tuple[str, ...] | None = (LEI, PEREZ)
    how: Mapping[str, Any] = field(default_factory=dict)


def _flips(sealed: bytes) -> Iterator[Attack]:
    """One bit in each part of the file: whoever's signature covers it must be named, and nobody before it."""
    first, second, seal, stamp = pades.find(sealed)
    validation = sealed.index(b"endstream", seal.end) - 40
    for name, what, place, wrong in (
        ("in_the_words", "in the page's words: 1000 euros become 9000", sealed.index(b"1000 euros"), (*ALL, *DOCUMENT)),
        ("in_an_act", "in the first signer's act", _in_the_act(sealed, first.gap), ALL),
        ("in_a_later_act", "in the second signer's act", _in_the_act(sealed, second.gap), ALL[1:]),
        ("in_the_seal", "in the seal's statement", _in_hexadecimal(sealed, seal.gap, b'"contract_id"'), ALL[2:]),
        ("in_the_last_timestamp", "at the end of the last timestamp", _last_digit(sealed, stamp.gap), ALL[3:]),
        ("in_a_range", "in a digit of the seal's range", sealed.index(b"/ByteRange[", seal.gap[1]) + 16, ALL[2:]),
        ("in_the_validation_data", "in a certificate that was added for later", validation, ALL[3:]),
    ):
        changed = bytearray(sealed)
        changed[place] ^= 8 if name == "in_the_words" else 1
        yield Attack(f"flipped_{name}", f"One bit is another, {what}.", bytes(changed), wrong)


def _in_hexadecimal(sealed: bytes, gap: tuple[int, int], what: bytes) -> int:
    """The digit with the last bits of that text's second octet inside a signature."""
    return gap[0] + sealed[slice(*gap)].lower().index(what.hex().encode()) + 3


def _in_the_act(sealed: bytes, gap: tuple[int, int]) -> int:
    """A digit of the packed octets, well behind the attribute's identifier."""
    return _in_hexadecimal(sealed, gap, cms.oid(pades.ACT)) + 120


def _last_digit(sealed: bytes, gap: tuple[int, int]) -> int:
    return gap[0] + len(sealed[slice(*gap)].rstrip(b"0>")) - 1


def _cuts(sealed: bytes, named: Mapping[str, bytes]) -> Iterator[Attack]:
    ends = [f.end for f in pades.find(sealed)]
    torn = {"perhaps_unreadable": True}
    yield Attack("cut_after_a_signer", "Cut after the first signer.", sealed[: ends[0]], ("unsealed",), (LEI,))
    yield Attack("cut_before_the_seal", "Cut after the last signer.", sealed[: ends[1]], ("unsealed",))
    yield Attack("cut_in_half", "The second half is missing.", named["cut_in_half"], ("unreadable",), ())
    yield Attack(
        "cut_by_one", "The last octet of the last %%EOF is missing.", named["cut_last_byte_of_eof"], ("unreadable",), ()
    )
    yield Attack("appended", "A comment was appended.", named["appended_garbage"], ("tail",))
    yield Attack("appended_blanks", "Forty blanks were appended.", named["appended_space"], ("tail",))
    yield Attack("prefixed", "A line feed was put in front.", named["prefixed"], ALL, how=torn)
    for name, what, done in (
        ("hidden_in_the_padding", "An octet stands behind the last timestamp, in its place.", "hidden_in_the_padding"),
        ("another_case", "A hexadecimal digit of the last timestamp is a capital.", "digit_in_another_case"),
    ):
        yield Attack(name, what, named[done], ("timestamp",))
    what = "The tag around the last timestamp is another, so that it is none."
    yield Attack("another_tag", what, named["another_tag_around_the_signature"], ("foreign",), how=torn)
    what = "Signature wrapping: what the last timestamp covers was moved to the end, other octets stand in its place."
    yield Attack("wrapped", what, _wrapped(sealed), ("timestamp",))
    yield Attack(
        "twin_in_the_gap", "Beside the last timestamp another entry begins.", _twin(sealed), ("timestamp",), how=torn
    )


def _wrapped(sealed: bytes) -> bytes:
    """The digest is right: the range leads over a copy, whose range says so, to the octets that were signed."""
    begin, end = pades.find(sealed)[-1].gap
    signed = sealed[end:]
    head, rest = signed[: len(b"/ByteRange[")], signed[signed.index(b"]") :]
    numbers = b"0 %d %d %d" % (begin, len(sealed), len(signed))
    return sealed[:end] + head + numbers.ljust(len(signed) - len(head) - len(rest)) + rest + signed


def _twin(sealed: bytes) -> bytes:
    """The string of the timestamp ends early, and what no range covers goes on with another string."""
    begin, end = pades.find(sealed)[-1].gap
    size = (len(sealed[begin:end].rstrip(b"0>")) + 1) // 2 * 2
    twin = b">/Twin<"
    return sealed[: begin + size + 1] + twin + sealed[begin + size + 1 + len(twin) : end] + sealed[end:]


WHAT = {
    "shadow_replace_contents": "Shadow attack, replace: the page points at other words.",
    "shadow_replace_in_place": "Shadow attack, replace: the page's words are other ones.",
    "shadow_hide_pages": "Shadow attack, hide: the catalogue points at other pages.",
    "evil_annotation": "Evil annotation attack: a white stamp lies over the words.",
    "sneaky_visible_field": "Sneaky signature attack: a new signature field whose picture lies over the words.",
    "forgery_without_range": "Universal signature forgery: the first signature has no /ByteRange any more.",
    "open_action": "Incremental saving attack: a script that runs when the file is opened.",
    "attachment": "Incremental saving attack: a program is attached.",
    "mark_moved": "Incremental saving attack: a signer's mark is somewhere else.",
    "mark_redrawn": "Incremental saving attack: a signer's mark looks different.",
    "signature_removed": "Incremental saving attack: a signer's field is empty again.",
    "seal_removed": "Incremental saving attack: the seal's field is empty again.",
    "form_removed": "Incremental saving attack: the form is gone, and with it all signatures.",
}
ADDED = tuple(f"signer {name}: additions" for name in (LEI, PEREZ))
REVISED: Mapping[str, tuple[tuple[str, ...], tuple[str, ...] | None]] = {
    "sneaky_visible_field": (("tail", *ADDED), (LEI, PEREZ)),
    "mark_redrawn": (("tail", *ALL, ADDED[1]), (LEI, PEREZ)),
    "signature_removed": (("tail", *ALL[1:], ADDED[1], "unsealed"), (PEREZ,)),
    "seal_removed": (("tail", "unsealed"), None),
    "form_removed": (("unsigned",), ()),
    "forgery_without_range": (("tail", *ALL, DOCUMENT[0]), (LEI, PEREZ)),
}
"""What must be named besides everything, and the signers that are found; None: whether they hold is not said."""


def _revisions(sealed: bytes) -> Iterator[Attack]:
    for name, change in tampering.REVISIONS.items():
        wrong, signers = REVISED.get(name, (("tail", *ALL, *ADDED), (LEI, PEREZ)))
        how = {"perhaps_unreadable": name == "forgery_without_range"}
        with fixed(name):
            yield Attack(name, WHAT[name], tampering._revised(sealed, change), wrong, signers, how)


if __name__ == "__main__":
    sys.exit(main())
