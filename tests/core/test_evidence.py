"""The evidence chain: whatever is altered, dropped, swapped, inserted or cut, the first bad entry is named."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.core import evidence
from bff.core.evidence import Break, Entry

MINE = "c0ffee"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def a_chain(length: int = 6, contract_id: str = MINE) -> list[Entry]:
    entries: list[Entry] = []
    head = evidence.START
    for seq in range(length):
        entry = evidence.append(
            head,
            seq=seq,
            contract_id=contract_id,
            kind="noted",
            at=NOON + timedelta(seconds=seq),
            actor='"contract_id":"foreign',
            data={"what": "read", "contract_id": "foreign", "seq": 99},
        )
        entries.append(entry)
        head = entry.head
    return entries


def rehashed(entries: list[Entry]) -> list[Entry]:
    """The same lines with heads that fit, as somebody would who can write the whole log."""
    made, head = [], evidence.START
    for entry in entries:
        head = evidence.link(head, entry.raw)
        made.append(replace(entry, head=head))
    return made


def check(entries: list[Entry]) -> Break | None:
    return evidence.check(entries, contract_id=MINE)


def test_a_chain_as_it_was_written_holds() -> None:
    assert check(a_chain()) is None
    assert check([]) is None


@given(st.integers(0, 5), st.data())
def test_any_changed_byte_is_found_in_its_own_entry(which: int, data: st.DataObject) -> None:
    entries = a_chain()
    raw = bytearray(entries[which].raw)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    entries[which] = replace(entries[which], raw=bytes(raw))
    assert check(entries) == Break(which, "altered")


def test_a_dropped_entry_is_named() -> None:
    entries = a_chain()
    del entries[2]
    assert check(entries) == Break(2, "missing")


def test_swapped_entries_are_found_at_the_first_of_them() -> None:
    entries = a_chain()
    entries[1], entries[3] = entries[3], entries[1]
    assert check(entries) == Break(1, "missing")
    numbered = [replace(e, seq=n) for n, e in enumerate(entries)]
    assert check(numbered) == Break(1, "altered")


def test_an_inserted_entry_is_found() -> None:
    entries = a_chain()
    entries.insert(3, replace(entries[3], raw=entries[2].raw))
    assert check(entries) == Break(3, "altered")


def test_a_log_that_was_written_anew_with_another_numbering_is_found() -> None:
    entries = a_chain()
    del entries[2]
    anew = rehashed([replace(e, seq=n) for n, e in enumerate(entries)])
    assert check(anew) == Break(2, "foreign")


def test_another_contracts_log_is_not_this_contracts() -> None:
    assert check(a_chain(contract_id="decade")) == Break(0, "foreign")
    mixed = rehashed([*a_chain()[:3], *a_chain(contract_id="decade")[3:]])
    assert check(mixed) == Break(3, "foreign")


def test_a_contract_id_inside_the_data_is_not_taken_for_the_entrys_own() -> None:
    assert evidence.check(a_chain(), contract_id="foreign") == Break(0, "foreign")


@pytest.mark.parametrize("odd", ['a"b', "ü中", "\\", "\n"])
def test_ids_are_compared_as_they_are_written_in_json(odd: str) -> None:
    entries = a_chain(contract_id=odd)
    assert evidence.check(entries, contract_id=odd) is None
    assert json.loads(entries[0].raw)["contract_id"] == odd
