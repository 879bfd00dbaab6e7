"""Reference names: the names of the stages, agents and members that conditions hold by id."""

from collections.abc import Iterator, Mapping
from functools import cached_property

from platform_app.db import Transaction
from platform_app.fact_snapshots import entity_names


class ReferenceNames(Mapping[str, str]):
    """The names of stages, pipelines, agents and members by id, read at the first access."""

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
