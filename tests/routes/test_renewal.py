"""A contract's page tells until when its proof lasts, and each renewal."""

from bff.store.people import Person
from bff.wiring import House
from tests.builders import Clock, a_sealed_contract, work
from tests.routes.conftest import Visit


def test_the_page_says_until_when_it_proves_and_that_it_was_renewed(
    home: House, owner: Person, clock: Clock, visit: Visit
) -> None:
    contract = a_sealed_contract(home, owner)
    assert contract.stamped_until is not None

    def page() -> str:
        return visit(owner.contacts[0]).get(f"/contracts/{contract.id}").text

    assert f"Proves until {contract.stamped_until:%Y}" in page()
    assert "A new timestamp was added" not in page()
    clock.forward(days=8 * 365 + 30)
    home.renewal.look()
    work(home)
    renewed = home.desk.look(owner, contract.id)
    assert renewed.stamped_until is not None
    assert renewed.stamped_until > contract.stamped_until
    assert f"Proves until {renewed.stamped_until:%Y}" in page()
    assert "A new timestamp was added, so that the proof goes on; archived and read back from: A, B" in page()
