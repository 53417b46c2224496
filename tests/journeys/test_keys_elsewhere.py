"""A house whose seal's key lies in a module: real units, forked jobs, and the operator's doctor beside them."""

import json
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.x509 import load_der_x509_certificate

from bff.signing import cms
from tests.journeys.house import running
from tests.journeys.plain import Guest, Sender
from tests.journeys.walks import Party
from tests.outsiders import pdfsig, signatures_in
from tests.softhsm import softhsm_tokens

BOB = Party("Bob Buyer", "bob@example.org", "+4915112345678")


def test_contracts_are_sealed_by_the_modules_key(tmp_path: Path) -> None:
    with softhsm_tokens(tmp_path, ("RSA",)) as tokens:
        token = tokens["RSA"]
        given = {"seal_key": token.uri, "seal_key_secret_file": token.pin_file, "clock_seconds": 1}
        with running(tmp_path, **given) as house:
            sender = Sender(house)
            contracts = [sender.send([BOB], title=f"Lease {number}") for number in (1, 2)]
            for _ in contracts:
                Guest(house, BOB).sign()
            for contract in contracts:
                sender.wait(contract, "archived", level="B-LTA")
            content, roots = sender.sealed(contracts[1]), house.roots()
            lines = {line["name"]: line for line in json.loads(house.command("doctor", "--json").stdout)}
    assert (lines["seal key"]["state"], "token RSA signed a trial" in lines["seal key"]["said"]) == ("ok", True)
    file = tmp_path / "sealed.pdf"
    file.write_bytes(content)
    assert [(o.valid, o.trusted) for o in pdfsig(file, [roots])] == [(True, True)] * 2
    (certificate,) = cms.opened(signatures_in(content)[1][0]).certificates
    spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed_with = load_der_x509_certificate(certificate).public_key().public_bytes(*spki)
    assert signed_with == token.key.public_key().public_bytes(*spki)
