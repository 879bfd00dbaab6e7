"""Reference names: the names of entities that conditions and actions refer to by id."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from platform_app.db import Transaction
from platform_app.fact_snapshots import entity_names


class ReferenceNames(Mapping[str, str]):
    """A mapping of the ids of stages, pipelines, agents and members to names, read on first use."""

    def __init__(self, session: Transaction, tenant_id: str) -> None:
        self._session, self._tenant_id = session, tenant_id

    @cached_property
    def _found(self) -> dict[str, str]:
        return entity_names(self._session, self._tenant_id)

    def __getitem__(self, row_id: str) -> str:
        return self._found[row_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)
