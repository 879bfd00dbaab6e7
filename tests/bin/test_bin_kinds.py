"""Bin kinds: each has its words in both languages, and whatever the bin holds can be restored."""

import pytest

from platform_app.db import owned_tables
from platform_app.engine.bin import bin
from platform_app.i18n import translate
from platform_app.models.bin import BinKind
from platform_app.models.person import Identity, Role
from platform_app.services.bin.bin_kinds import KINDS
from tests.conftest import make_member


def test_every_kind_is_described_and_can_be_restored() -> None:
    assert set(KINDS) == set(BinKind), "services/bin/bin_kinds.py: KINDS"
    assert set(bin.RESTORERS) == set(BinKind), "engine/bin/bin.py: RESTORERS"


@pytest.mark.parametrize("kind", BinKind)
def test_a_kind_is_a_table_has_russian_words_and_names_columns_that_exist(kind: BinKind) -> None:
    held, names = KINDS[kind], {name for model in owned_tables().values() for name in model.model_fields}
    assert "deleted_at" in owned_tables()[kind.value].model_fields and set(held.columns) <= names
    words = (held.label, held.restored, held.removed)
    assert [said for said in words if translate("ru", said) == said] == []


def test_kinds_for_admins_are_seen_by_admins_alone(who: Identity) -> None:
    seen = bin.visible_kinds(make_member(who, Role.OPERATOR))
    assert set(BinKind) - set(seen) == {BinKind.WEBHOOK, BinKind.OUTGOING_WEBHOOK, BinKind.CHANNEL_ACCOUNT}
    assert bin.visible_kinds(make_member(who, Role.ADMIN)) == list(BinKind)
