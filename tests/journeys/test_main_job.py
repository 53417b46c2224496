"""The main job through the front door: the real units, real phones, nothing patched.

Olga claims the house, uploads, names Bob and Li Lei, sends. Bob signs by the code from the development inbox, Li Lei by
fingerprint. The sealed file is downloaded and given to validators that nobody here wrote.
"""

import json
from pathlib import Path

from playwright.sync_api import expect

from tests.journeys.house import RunningHouse
from tests.journeys.phone import Authenticator, Phones
from tests.journeys.walks import (
    BOB,
    LI_LEI,
    claim,
    download_sealed,
    sign_by_code,
    sign_by_fingerprint,
    upload_and_send,
)
from tests.outsiders import pdfsig


def test_a_contract_goes_from_upload_to_a_sealed_file_signed_on_two_phones(
    house: RunningHouse, phone: Phones, tmp_path: Path
) -> None:
    sender = phone()
    claim(sender, house)
    upload_and_send(sender, house, [BOB, LI_LEI])
    sign_by_code(phone(), house, BOB)
    li_lei = phone()
    Authenticator(li_lei)
    sign_by_fingerprint(li_lei, house, LI_LEI)
    signed = download_sealed(li_lei, tmp_path / "signed.pdf")
    sender.goto(f"{house.url}/?q=purchase")
    expect(sender.locator(".list .row")).to_contain_text("Bob Buyer")
    opinions = pdfsig(signed, [house.roots()])
    assert len(opinions) == 3
    assert all(opinion.valid and opinion.trusted for opinion in opinions)
    (tmp_path / "roots.pem").write_bytes(house.roots())
    told = house.command("verify", str(signed), "--root", str(tmp_path / "roots.pem"), "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    assert {s["method"] for s in json.loads(told.stdout)["signers"]} == {"sms", "passkey"}
