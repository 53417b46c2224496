"""The reader's language: every page, message and mark of a Chinese signer is Chinese, and a button changes it at any time."""

import re
import subprocess
from datetime import UTC, datetime
from html.parser import HTMLParser

import pypdfium2
import pytest
from flask.testing import FlaskClient

from bff.core.contract import Contract, SignerState
from bff.signing import consent
from bff.signing.desk import NewSigner
from bff.store.people import Person
from bff.wiring import House
from tests.builders import BOB, a_draft, a_sent_contract, inbox, token_of, work
from tests.outsiders import need
from tests.routes.conftest import Visit

LI = NewSigner(name="李雷", email="li@example.org", phone="+8613800138000", language="zh_Hans_CN")
HAN = NewSigner(name="韩梅梅", email="han@example.org", phone="+8613800138001", language="")
DEADLINE = datetime(2099, 12, 1, 10, 0, tzinfo=UTC)
LATIN = re.compile(r"[A-Za-z]{2,}")
SAME_EVERYWHERE = {
    *(
        "SHA",
        "PDF",
        "ZIP",
        "PIN",
        "English",
        "CET",
        "UTC",
        "Olga",
        "Owner",
        "Purchase",
        "agreement",
        "localhost",
        "https",
        "http",
    ),
    *("Countersign", "JavaScript", "MB", "com", "org", "example", "li", "BLTA", "LTA", "Word"),
}


@pytest.fixture
def sent(home: House, owner: Person) -> Contract:
    """To a signer for whom the sender chose Chinese, with a text and a date to write; the contract itself is English."""
    draft = a_draft(home, owner)
    named = home.desk.name_signers(owner, draft.id, [LI])
    home.desk.set_terms(
        owner, draft.id, title=draft.title, message="", deadline=DEADLINE, timezone="Europe/Berlin", language="en"
    )
    box = {"signer_id": named.signers[0].id, "page": 1, "x": 1000, "w": 4000, "h": 900}
    kinds = {"signature": 3000, "text": 5000, "date": 7000}
    home.desk.place_fields(
        owner, draft.id, [{**box, "id": k, "kind": k, "y": y, "label": ""} for k, y in kinds.items()]
    )
    home.desk.prepare(owner, draft.id)
    contract = home.desk.send(owner, draft.id)
    work(home)
    return contract


@pytest.fixture
def link(home: House, sent: Contract) -> str:
    return f"/s/{token_of(home, sent, '李雷')}"


# --- a Chinese signer, from the message to the paper ---


def test_invitation_is_chinese_with_the_deadline_and_its_zone(home: House, sent: Contract) -> None:
    letter = inbox(home, to="li@example.org")[0]
    assert letter.subject == "Olga Owner请您签署《Purchase agreement》"
    assert "李雷，您好：" in letter.body
    assert "请在 2099-12-01 11:00 CET (UTC+01:00) 前签署。" in letter.body
    assert "阅读并签署：\nhttp" in letter.body
    assert 'lang="zh-Hans-CN"' in letter.html
    assert leftovers(letter.body) == []


def test_every_page_of_the_ceremony_is_chinese(stranger: FlaskClient, link: str) -> None:
    pages = [stranger.get(link + path) for path in ("", "/sign", "/decline")]
    stranger.post(link + "/sign", data=filled(stranger, link))
    pages += [stranger.get(link + "/prove"), stranger.post(link + "/code", follow_redirects=True)]
    for page in pages:
        assert page.status_code == 200
        assert '<html lang="zh-Hans">' in page.text
        assert leftovers(read_aloud(page.text)) == [], page.request.path


def test_code_and_refusals_are_chinese(home: House, stranger: FlaskClient, link: str) -> None:
    silent = stranger.post(link + "/sign", data={**filled(stranger, link), "consent": ""})
    assert "请先同意以电子方式签署。" in silent.text
    stranger.post(link + "/sign", data=filled(stranger, link))
    asked = stranger.post(link + "/code", follow_redirects=True).text
    code = inbox(home, to="+8613800138000")[0].body
    assert re.match(r"\d{6} 是签署《Purchase agreement》的验证码，发起方：Olga Owner，文件数字指纹：", code)
    assert re.fullmatch(r"@localhost #\d{6}", code.split("\n")[-1])
    wrong = stranger.post(link + "/sign/code", data={"intent": intent_of(asked), "code": "000000"})
    assert "验证码不正确，还可尝试 4 次。" in wrong.text
    assert "此链接无效" in stranger.get("/s/" + "x" * 43, headers={"Accept-Language": "zh-CN"}).text


def test_mark_date_and_consent_on_paper_are_those_of_the_language_that_was_read(
    home: House, owner: Person, stranger: FlaskClient, sent: Contract, link: str
) -> None:
    stranger.post(link + "/sign", data=filled(stranger, link))
    asked = stranger.post(link + "/code", follow_redirects=True).text
    code = inbox(home, to="+8613800138000")[0].body.rsplit("#", 1)[1]
    done = stranger.post(link + "/sign/code", data={"intent": intent_of(asked), "code": code}, follow_redirects=True)
    assert "李雷，谢谢您" in done.text
    work(home)
    content = home.desk.document(owner, sent.id)[1]
    drawn = marks_of(content)
    assert "由李雷签署" in drawn
    assert "经短信验证码确认" in drawn
    assert re.search(r"\d{4}年\d{1,2}月\d{1,2}日", drawn)
    assert "阅览室" in drawn
    consented = [
        e.value["data"]
        for e in home.desk.details(owner, sent.id).evidence
        if e.value["data"].get("what") == "consented"
    ]
    assert [c["consent_sha256"] for c in consented] == [consent.sha256("zh_Hans_CN")]
    assert "已由各方签署并封存" in inbox(home, to="li@example.org")[0].body
    assert leftovers(read_aloud(stranger.get(link).text)) == []


def test_certificate_page_is_in_the_contracts_language(home: House, owner: Person) -> None:
    draft = a_draft(home, owner)
    home.desk.name_signers(owner, draft.id, [LI])
    home.desk.set_terms(
        owner,
        draft.id,
        title="采购合同",
        message="",
        deadline=DEADLINE,
        timezone="Asia/Shanghai",
        language="zh_Hans_CN",
    )
    home.desk.prepare(owner, draft.id)
    text = text_of(home.desk.document(owner, draft.id)[1])
    for words in ("签署证明", "扫码验证", "2099-12-01 18:00 CST (UTC+08:00)", "签名证明了什么", "如何验证"):
        assert words in text
    assert "Signature certificate" not in text


def test_sender_is_told_in_chinese_why_nothing_goes_on(home: House, owner: Person, sent: Contract, link: str) -> None:
    home.account.rename(owner, name=owner.name, language="zh_Hans_CN")
    with home.store.begin() as unit:
        home.sealing.stuck(unit, sent.id, "tsa_down")
    work(home)
    letter = inbox(home, to="olga@example.org")[0]
    assert letter.subject == "需要您处理：《Purchase agreement》"
    assert "原因：时间戳服务没有响应。" in letter.body
    assert "tsa_down" not in letter.body


def test_whoever_declined_and_why_stands_in_the_message(home: House, owner: Person, sent: Contract, link: str) -> None:
    home.ceremony.decline(link.removeprefix("/s/"), "价格不对")
    work(home)
    letter = inbox(home, to="olga@example.org")[0].body
    assert "Declined by: 李雷" in letter
    assert "Reason: 价格不对" in letter


# --- whose language ---


def test_senders_choice_goes_before_the_browsers(stranger: FlaskClient, link: str) -> None:
    assert '<html lang="zh-Hans">' in stranger.get(link, headers={"Accept-Language": "en"}).text


def test_without_a_choice_the_browser_says_and_messages_keep_to_what_was_agreed_in(
    home: House, owner: Person, visit: Visit
) -> None:
    contract = a_sent_contract(home, owner, HAN)
    link = f"/s/{token_of(home, contract, '韩梅梅')}"
    browser = visit()
    assert inbox(home, to="han@example.org")[0].language == "en"
    assert '<html lang="en">' in browser.get(link, headers={"Accept-Language": "de,en"}).text
    chinese = {"Accept-Language": "zh-CN,zh;q=0.9"}
    assert '<html lang="zh-Hans">' in browser.get(link, headers=chinese).text
    browser.post(link + "/sign", data=filled(browser, link), headers=chinese)
    browser.post(link + "/code", headers=chinese)
    assert inbox(home, to="+8613800138001")[0].language == "zh_Hans_CN"
    home.desk.withdraw(owner, contract.id, "")
    work(home)
    assert inbox(home, to="han@example.org")[0].language == "zh_Hans_CN"


def test_sender_may_leave_the_language_to_the_browser(home: House, owner: Person, desk: FlaskClient) -> None:
    draft = a_draft(home, owner)
    page = f"/contracts/{draft.id}/signers"
    assert re.search(r'<option value="" selected>As their browser says', desk.get(page).text)
    desk.post(page, data={"name": "韩梅梅", "email": "han@example.org", "language": ""})
    desk.post(page, data={"name": "李雷", "email": "li@example.org", "language": "zh_Hans_CN"})
    assert [s.language for s in home.desk.look(owner, draft.id).signers] == ["", "zh_Hans_CN"]


# --- switching ---


@pytest.mark.parametrize("path", ["", "/sign", "/prove", "/decline"])
def test_buttons_change_the_language_of_every_page_of_the_ceremony(stranger: FlaskClient, link: str, path: str) -> None:
    stranger.post(link + "/sign", data=filled(stranger, link))
    page = stranger.get(link + path).text
    answer = press(stranger, page, "en")
    assert '<html lang="en">' in answer
    assert '<html lang="en">' in stranger.get(link + path).text
    assert '<html lang="zh-Hans">' in press(stranger, answer, "zh_Hans_CN")


def test_switching_keeps_what_was_typed_and_does_not_sign(
    home: House, owner: Person, stranger: FlaskClient, sent: Contract, link: str
) -> None:
    typed = filled(stranger, link)
    drawing = '{"kind":"drawn","strokes":[[[100,100,500],[900,300,500]]]}'
    answer = stranger.post(link + "/sign", data={**typed, "mark": drawing, "speak": "en", "consent": ""}).text
    assert '<html lang="en">' in answer
    assert 'value="阅览室"' in answer
    assert re.search(r'data-draw hidden><input type="radio" name="mark" value=""[^>]* checked', answer)
    reason = stranger.post(link + "/decline", data={"reason": "价格不对", "speak": "zh_Hans_CN"}).text
    assert ">价格不对</textarea>" in reason
    assert home.desk.look(owner, sent.id).signers[0].state is SignerState.OPENED
    with home.store.read() as unit:
        assert unit.contracts.choice(sent.signers[0].id) is None


def test_code_that_was_sent_stays_good_when_the_language_changes(
    home: House, stranger: FlaskClient, sent: Contract, link: str
) -> None:
    stranger.post(link + "/sign", data=filled(stranger, link))
    asked = stranger.post(link + "/code", follow_redirects=True).text
    wrong = stranger.post(link + "/sign/code", data={"intent": intent_of(asked), "code": "000000"}).text
    again = press(stranger, wrong, "en", came_from=link + "/prove")
    assert "Confirm your signature" in again
    code = inbox(home, to="+8613800138000")[0].body.rsplit("#", 1)[1]
    done = stranger.post(link + "/sign/code", data={"intent": intent_of(again), "code": code}, follow_redirects=True)
    assert "Thank you, 李雷" in done.text


def test_one_who_switched_gets_the_code_in_that_language(home: House, stranger: FlaskClient, link: str) -> None:
    stranger.post(link + "/sign", data=filled(stranger, link))
    press(stranger, stranger.get(link + "/prove").text, "en")
    stranger.post(link + "/code")
    assert "code to sign" in inbox(home, to="+8613800138000")[0].body


def test_language_button_on_a_search_keeps_the_search(desk: FlaskClient) -> None:
    page = desk.get("/?q=%E5%90%88%E5%90%8C&group=done").text
    assert '<input type="hidden" name="next" value="/?q=%E5%90%88%E5%90%8C&amp;group=done">' in page


def test_desk_is_chinese_for_a_chinese_sender(home: House, owner: Person, desk: FlaskClient) -> None:
    contract = a_sent_contract(home, owner, BOB)
    desk.set_cookie("language", "zh_Hans_CN")
    for path in (
        "/",
        f"/contracts/{contract.id}",
        f"/contracts/{contract.id}/withdraw",
        "/account",
        "/members",
        "/contracts/new",
        "/welcome",
        "/offline",
    ):
        page = desk.get(path)
        assert page.status_code == 200, path
        assert set(leftovers(read_aloud(page.text))) <= {"Bob", "Buyer", "bob", "olga", "test", "code"}, path


def test_installed_app_has_the_readers_language(stranger: FlaskClient) -> None:
    told = stranger.get("/manifest.webmanifest", headers={"Accept-Language": "zh-CN"}).json
    assert (told["lang"], told["description"]) == ("zh-Hans", "在手机上签署合同，不到一分钟。")


# --- helpers ---


def filled(browser: FlaskClient, link: str) -> dict[str, str]:
    """The form of the second step as a person would fill it."""
    browser.get(link)  # reading comes first
    names = re.findall(r'name="(value-\w+)"', browser.get(link + "/sign").text)
    return {"mark": '{"kind":"typed","face":"auto"}', "consent": "yes", **dict.fromkeys(names, "阅览室")}


def intent_of(page: str) -> str:
    return re.search(r'name="intent" value="([^"]+)"', page)[1]  # type: ignore[index]


def press(browser: FlaskClient, page: str, language: str, came_from: str = "") -> str:
    """Press a language button of this page, as a browser without scripts would."""
    button = re.search(rf'<button [^>]*value="{language}"[^>]*>', page)
    assert button is not None
    if own := re.search(r'formaction="([^"]+)"', button[0]):
        return browser.post(own[1], data={"speak": language}).text
    back = re.search(r'name="next" value="([^"]+)"(?=[^§]*class="button quiet small")', page)
    assert back is not None
    answer = browser.post("/language", data={"language": language, "next": came_from or back[1]}, follow_redirects=True)
    assert answer.status_code == 200
    return answer.text


def leftovers(text: str) -> list[str]:
    """Latin words that a Chinese reader would stumble over."""
    plain = re.sub(r"https?://\S+|\S+@\S+|[0-9A-F]{4}-[0-9A-F]{4}\S*|[0-9a-f]{8,}|\S*/\S*", " ", text)
    return [word for word in LATIN.findall(plain) if word not in SAME_EVERYWHERE]


def read_aloud(page: str) -> str:
    """What is read on a page or by a screen reader, scripts and addresses left out."""
    reader = _Aloud()
    reader.feed(page)
    return "\n".join(reader.said)


class _Aloud(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent = tag in ("script", "style", "option", "code", "time")
        for name, value in attrs:
            if name in ("alt", "title", "placeholder", "aria-label") or name.startswith("data-text"):
                self.said.append(re.sub(r"\{\w+\}", "", value or ""))

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.said.append(data)


def marks_of(content: bytes) -> str:
    """Every word on the pages, those drawn into fields included, as poppler reads them."""
    need("pdftotext")
    read = subprocess.run(["pdftotext", "-", "-"], input=content, capture_output=True, check=True)
    return read.stdout.decode()


def text_of(content: bytes) -> str:
    document = pypdfium2.PdfDocument(content)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()
