"""Import of contacts: the columns on the page are those of the table that is open, as they were chosen."""

from platform_app.models.person import Identity
from platform_app.services.crm import imports
from platform_app.state.crm.contact_import import ImportContactsState
from tests.crm.test_imports import parts
from tests.headless.harness import Tab, sign_in
from tests.headless.test_rule_pages import seen


def matched(tab: Tab) -> list[tuple[str, str]]:
    return [(one.header, one.target) for one in seen(tab, ImportContactsState, "columns")]


async def test_each_table_has_its_own_columns(who: Identity) -> None:
    first = await imports.store_upload(who, "a.csv", parts(b"Name,Phone\nAnna,+79990000001\n"))
    second = await imports.store_upload(who, "b.csv", parts(b"Phone,Name,Remark\n+79990000002,Boris,x\n"))
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/contacts/import?i={first}", settle=False)
        await tab.until(lambda: seen(tab, ImportContactsState, "file_name") == "a.csv")
        assert matched(tab) == [("Name", "name"), ("Phone", "phones")]
        await tab.goto(f"/manage/acme/contacts/import?i={second}", settle=False)
        await tab.until(lambda: seen(tab, ImportContactsState, "file_name") == "b.csv")
        assert [head for head, _ in matched(tab)] == ["Phone", "Name", "Remark"]
        await tab.send(ImportContactsState.map_column("2", "tags"), settle=False)
        await tab.until(lambda: matched(tab)[2] == ("Remark", "tags"))
        await tab.send(ImportContactsState.load, settle=False)
        await tab.until(lambda: seen(tab, ImportContactsState, "file_name") == "b.csv")
        assert matched(tab)[2] == ("Remark", "tags")
