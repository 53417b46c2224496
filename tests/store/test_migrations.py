"""Migrations: what they build is what the models say, on both databases; they may run again and at the same time."""

import hashlib
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import DatabaseError

from bff.core import contract as c
from bff.core import evidence
from bff.store import Store
from bff.store.people import Person
from bff.store.store import MIGRATIONS, metadata
from bff.store.timebook import Given
from tests.builders import Clock
from tests.databases import ON_BOTH
from tests.postgres import Postgres
from tests.store.papers import a_contract, bob, kept

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def url(database_url: str, tmp_path: Path) -> str:
    """The address of the store's database."""
    return database_url or f"sqlite:///{tmp_path}/test.db"


@ON_BOTH
def test_migrations_build_what_the_models_say(store: Store, url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata()) == []
        assert context.get_current_revision() == ScriptDirectory(str(MIGRATIONS)).get_current_head()
    engine.dispose()


@ON_BOTH
def test_migrating_again_keeps_every_row(store: Store, olga: Person) -> None:
    contract = kept(store, a_contract(olga, bob()))
    with store.begin() as unit:
        unit.step(contract, c.Noted(unit.now, "read"))
    with store.read() as unit:
        before = unit.contracts.get(contract.id)
    store.migrate()
    with store.read() as unit:
        assert unit.contracts.get(contract.id) == before
        assert evidence.check(unit.contracts.evidence(contract.id), contract_id=contract.id) is None
        assert unit.people.get(olga.id) == olga


@ON_BOTH
def test_rows_of_the_first_release_survive_every_migration(url: str, clock: Clock) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        _upgrade(connection, "0001")
        connection.execute(text("PRAGMA foreign_keys=ON" if engine.name == "sqlite" else "SELECT 1"))
        connection.execute(
            text("INSERT INTO people VALUES ('olga', 'Olga', 'en', 'owner', :handle, :now)"),
            {"handle": b"h", "now": clock.now()},
        )
        connection.execute(text(OLD_CONTRACT), {"head": evidence.START, "now": clock.now()})
        connection.execute(text("INSERT INTO evidence VALUES ('c1', 0, :raw, :head)"), {"raw": b"{}", "head": b"h"})
    engine.dispose()
    store = Store(url, clock)
    store.migrate()
    with store.begin() as unit:
        contract = unit.contracts.get("c1")
        assert contract is not None
        assert (contract.title, contract.state, contract.owner_id) == ("房屋租赁合同", c.State.SENT, "olga")
        assert [e.raw for e in unit.contracts.evidence("c1")] == [b"{}"]
        unit.step(contract, c.Withdrawn(unit.now))
    store.close()


OLD_CONTRACT = """
INSERT INTO contracts (id, owner_id, title, state, pages, timezone, message, language, notes, folder, search,
                       evidence_seq, evidence_head, created_at, changed_at)
VALUES ('c1', 'olga', '房屋租赁合同', 'sent', '[]', 'UTC', '', 'en', '[]', '', '', 1, :head, :now, :now)
"""


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def test_two_hosts_may_migrate_at_the_same_time(postgres_server: Postgres, tmp_path: Path) -> None:
    """On SQLite the set-up's own lock keeps them apart."""
    url = postgres_server.fresh()
    code = f"from bff.store import Store; Store({url!r}, None).migrate()"
    runs = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(2)]
    assert [run.wait(60) for run in runs] == [0, 0]


@ON_BOTH
def test_migrations_are_one_line_without_branches(store: Store) -> None:
    assert len(ScriptDirectory(str(MIGRATIONS)).get_heads()) == 1


@ON_BOTH
def test_a_row_that_points_nowhere_is_refused(store: Store, url: str, database_url: str) -> None:
    """Foreign keys hold on SQLite too, where they have to be asked for."""
    with pytest.raises(Exception, match=r"(?i)foreign key"), store.begin() as unit:
        unit.contracts.add(a_contract(Person("nobody", "", "", None, b"", ())), pages=())
    engine = create_engine(url)
    with engine.connect() as connection:
        assert "contracts" in inspect(connection).get_table_names()
        assert connection.execute(text("SELECT count(*) FROM contracts")).scalar_one() == 0
    engine.dispose()


@ON_BOTH
def test_contracts_sealed_before_time_stamps_were_renewed_are_found_to_be_looked_into(url: str, clock: Clock) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        _upgrade(connection, "0002")
        connection.execute(
            text("INSERT INTO people VALUES ('olga', 'Olga', 'en', 'owner', :handle, :now)"),
            {"handle": b"h", "now": clock.now()},
        )
        old = OLD_CONTRACT.replace("'c1'", "'c2'").replace("'sent'", "'archived'")
        old = old.replace("search,", "search, level,").replace("'', '', 1", "'', '', 'B-LTA', 1")
        connection.execute(text(old), {"head": evidence.START, "now": clock.now()})
    engine.dispose()
    store = Store(url, clock)
    store.migrate()
    with store.read() as unit:
        contract = unit.contracts.get("c2")
        assert contract is not None
        assert (contract.state, contract.stamped_until, contract.renew_at) == (c.State.ARCHIVED, None, None)
        assert unit.contracts.to_renew(10) == ["c2"]
    store.close()


@ON_BOTH
@pytest.mark.parametrize("act", ["UPDATE time_stamps SET digest = digest", "DELETE FROM time_stamps"])
def test_the_book_of_time_stamps_takes_no_changes(store: Store, url: str, act: str, clock: Clock) -> None:
    given = Given(serial=255, digest=b"d" * 32, at=clock.now(), certificate=7)
    with store.begin() as unit:
        unit.time_book.add(given)
    engine = create_engine(url)
    with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
        connection.execute(text(act))
    engine.dispose()
    with store.read() as unit:
        assert unit.time_book.find(255) == given
        assert unit.time_book.count() == {7: 1}


@ON_BOTH
def test_passkeys_that_came_by_a_link_before_are_found_and_sign_in_no_more(url: str, clock: Clock) -> None:
    engine = create_engine(url)
    digest = hashlib.sha256(b"by a link").hexdigest()
    entry = {"data": {"what": "passkey_enrolled", "signer_id": "s1", "link_channel": "email"}}
    entry["data"]["credential_sha256"] = digest
    with engine.begin() as connection:
        _upgrade(connection, "0003")
        now = {"now": clock.now()}
        connection.execute(
            text("INSERT INTO people VALUES ('olga', 'Olga', 'en', 'owner', :h, :now)"), {"h": b"h", **now}
        )
        connection.execute(text(OLD_CONTRACT), {"head": evidence.START, **now})
        connection.execute(
            text(
                "INSERT INTO signers (id, contract_id, position, name, role, email, language, turn_order, is_sender, state,"
                " applied, link_generation) VALUES ('s1', 'c1', 0, 'Li', '', 'li@example.org', 'en', 1, :no, 'signed', :no, 1)"
            ),
            {"no": False},
        )
        raw = json.dumps(entry, separators=(",", ":")).encode()
        connection.execute(text("INSERT INTO evidence VALUES ('c1', 0, :raw, :head)"), {"raw": raw, "head": b"h"})
        for credential in (b"by a link", b"signed in"):
            connection.execute(
                text("INSERT INTO passkeys VALUES (:c, 'olga', :key, 0, :no, '[]', :now, NULL)"),
                {"c": credential, "key": b"k", "no": False, **now},
            )
    engine.dispose()
    store = Store(url, clock)
    store.migrate()
    with store.read() as unit:
        linked, own = unit.people.passkey(b"by a link"), unit.people.passkey(b"signed in")
        assert linked is not None
        assert own is not None
        assert (linked.link_address, linked.link_signer, linked.signs_in) == ("li@example.org", "s1", False)
        assert (own.link_address, own.signs_in) == (None, True)
    store.close()


@ON_BOTH
def test_chronicles_of_before_wait_for_the_tree_and_so_does_what_the_running_release_writes(
    url: str, clock: Clock
) -> None:
    engine = create_engine(url)
    row = text("INSERT INTO chronicle (subject, seq, raw, head) VALUES ('person:olga', :seq, :raw, :head)")
    with engine.begin() as connection:
        _upgrade(connection, "0008")
        connection.execute(row, {"seq": 0, "raw": b"{}", "head": b"\x01" * 32})
    store = Store(url, clock)
    store.migrate()
    with engine.begin() as connection:
        connection.execute(row, {"seq": 1, "raw": b"{}", "head": b"\x02" * 32})
    engine.dispose()
    with store.begin() as unit:
        leaves = unit.history.behind(10)
        assert [(leaf.contract_id, leaf.seq) for leaf in leaves] == [("person:olga", 0), ("person:olga", 1)]
        unit.history.append(leaves)
        assert not unit.history.behind(10)
        assert not unit.history.waits("person:olga")
    store.close()


@ON_BOTH
def test_what_was_erased_before_leaves_no_trace_of_movements_and_what_came_after_keeps_its_own(
    url: str, clock: Clock
) -> None:
    engine = create_engine(url)
    now = clock.now()
    with engine.begin() as connection:
        _upgrade(connection, "0009")
        connection.execute(
            text("INSERT INTO people VALUES ('olga', 'Olga', 'en', 'owner', :h, :now)"), {"h": b"h", "now": now}
        )
        for check, reason in (("c1", "match"), ("c2", "match"), ("c3", "consent_withdrawn")):
            connection.execute(
                text(
                    "INSERT INTO checks (id, person_id, token_hash, state, value, media, created_at, changed_at, expires_at)"
                    " VALUES (:c, 'olga', :c, 'passed', :value, '{}', :now, :now, :now)"
                ),
                {"c": check, "value": json.dumps({"reason": reason}), "now": now},
            )
        connection.execute(
            text(
                "INSERT INTO identities (check_id, person_id, level, name, document, checked_at, valid_until, ended_at,"
                " facts, media) VALUES ('c1', 'olga', 'contact', 'Olga', 'passport', :now, :now, :now, '{}', '{}')"
            ),
            {"now": now},
        )
        for check, made in (("c1", -60), ("c2", 60), ("c3", 60)):
            connection.execute(
                text(
                    "INSERT INTO face_videos (id, person_id, check_id, challenge, nonce, state, mime, pieces, size, trace,"
                    " created_at, expires_at) VALUES (:c, 'olga', :c, :b, :b, 'over', '', '[]', 0, 'left', :made, :made)"
                ),
                {"c": check, "b": b"", "made": now + timedelta(seconds=made)},
            )
    engine.dispose()
    store = Store(url, clock)
    store.migrate()
    with store.read() as unit:
        assert unit.identities.traces("olga", but="") == ["left"]
        assert unit.identities.traces("olga", but="c2") == []
        assert unit.identities.generation("olga") == 0
    store.close()
