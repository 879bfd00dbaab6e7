"""Custom field values: every kind is read and written, and what does not fit is refused."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from platform_app.integrations.kommo import custom_field_values as values
from platform_app.integrations.kommo.custom_field_values import coded_values, read_values, to_kommo, to_python
from platform_app.integrations.kommo.entities import CustomField, Lead, Pipeline, read_list

ENUMS = [{"id": 11, "value": "Red", "sort": 1}, {"id": 12, "value": "Blue", "sort": 2}]
AT = 1764460800  # 2025-11-30 00:00 UTC
ROUND_TRIPS = [
    ("text", [{"value": "Frame 54"}], "Frame 54"),
    ("textarea", [{"value": "a\nb"}], "a\nb"),
    ("url", [{"value": "https://a.example"}], "https://a.example"),
    ("numeric", [{"value": "12.5"}], 12.5),
    ("price", [{"value": "590"}], 590),
    ("monetary", [{"value": "590"}], 590),
    ("checkbox", [{"value": True}], True),
    ("date", [{"value": AT}], date(2025, 11, 30)),
    ("birthday", [{"value": AT}], date(2025, 11, 30)),
    ("date_time", [{"value": AT}], datetime(2025, 11, 30, tzinfo=UTC)),
    ("streetaddress", [{"value": "Nevsky 1"}], "Nevsky 1"),
    ("tracking_data", [{"value": "google"}], "google"),
    ("legal_entity", [{"value": {"name": "Shop LLC", "vat_id": "77"}}], [{"name": "Shop LLC", "vat_id": "77"}]),
    ("file", [{"value": {"file_uuid": "u", "version_uuid": "v"}}], [{"file_uuid": "u", "version_uuid": "v"}]),
]


def field(kind: str, **more: Any) -> CustomField:
    return CustomField(id=5, name="Field", type=kind, **more)


def read(kind: str, given: list[dict[str, Any]]) -> Any:
    return to_python(read_values([{"field_id": 5, "field_type": kind, "values": given}])[5])


@pytest.mark.parametrize(("kind", "given", "value"), ROUND_TRIPS)
def test_a_value_is_read_and_written_back(kind: str, given: list[dict[str, Any]], value: Any) -> None:
    assert read(kind, given) == value
    assert to_kommo(field(kind), value) == {"field_id": 5, "values": given}


def test_choices_are_written_by_id_and_read_as_text() -> None:
    assert read("select", [{"value": "Red", "enum_id": 11}]) == "Red"
    assert to_kommo(field("select", enums=ENUMS), "red")["values"] == [{"enum_id": 11}]
    assert to_kommo(field("radiobutton", enums=ENUMS), 12)["values"] == [{"enum_id": 12}]
    assert to_kommo(field("multiselect", enums=ENUMS), ["Blue", "Red"])["values"] == [{"enum_id": 12}, {"enum_id": 11}]
    assert read("multiselect", [{"value": "Red", "enum_id": 11}, {"value": "Blue", "enum_id": 12}]) == ["Red", "Blue"]
    with pytest.raises(ValueError):
        to_kommo(field("select", enums=ENUMS), "Green")


def test_phones_keep_their_kind_and_addresses_their_parts() -> None:
    assert to_kommo(field("multitext", code="PHONE"), ["+7 900"])["values"] == [
        {"value": "+7 900", "enum_code": "WORK"}
    ]
    kept = {"value": "+7 901", "enum_code": "MOB"}
    assert to_kommo(field("multitext", code="PHONE"), [kept])["values"] == [kept]
    held = [{"field_id": 1, "field_code": "PHONE", "values": [kept, {"value": None}, {"value": "+7 902"}]}]
    assert coded_values(held, "PHONE") == ["+7 901", "+7 902"]
    parts = [{"value": "RU", "enum_code": "country"}, {"value": "Nevsky 1", "enum_code": "address_line_1"}]
    assert read("smart_address", parts) == "Nevsky 1, RU"
    assert to_kommo(field("smart_address"), {"city": "Moscow", "evil": "x"})["values"] == [
        {"value": "Moscow", "enum_code": "city"}
    ]


@pytest.mark.parametrize("kind", sorted(values.KINDS) + ["of tomorrow"])
def test_nothing_clears_a_field_of_every_kind(kind: str) -> None:
    for nothing in (None, "", []):
        assert to_kommo(field(kind), nothing) == {"field_id": 5, "values": None}
    assert read(kind, []) is None and read(kind, [{"value": None}]) is None


@pytest.mark.parametrize(("kind", "value"), [("numeric", "many"), ("date", "soon"), ("numeric", "nan"), ("file", "x")])
def test_a_value_that_does_not_fit_is_refused_and_read_as_nothing(kind: str, value: str) -> None:
    with pytest.raises(ValueError):
        to_kommo(field(kind), value)
    assert kind == "file" or read(kind, [{"value": value}]) is None


@pytest.mark.parametrize(
    "hostile", [None, 5, "x", {}, {"field_id": "5", "values": []}, {"field_id": 5, "values": None}]
)
def test_malformed_values_are_left_out(hostile: Any) -> None:
    assert read_values([hostile]) == {}


def test_entities_are_read_with_nulls_and_without_what_is_unknown() -> None:
    lead = Lead.model_validate(
        {
            "id": 1,
            "name": None,
            "price": None,
            "loss_reason_id": None,
            "custom_fields_values": None,
            "of_tomorrow": 1,
            "_embedded": {"tags": [{"id": 1, "name": "vip"}], "contacts": [{"id": 5}, {"id": 6, "is_main": True}]},
        }
    )
    assert (lead.name, lead.price, lead.tags, lead.contact_ids) == ("", 0, ["vip"], [6, 5])
    pipeline = Pipeline.model_validate(
        {"id": 1, "_embedded": {"statuses": [{"id": 142, "sort": 10000}, {"id": 9, "sort": 20, "type": 0}]}}
    )
    assert [status.id for status in pipeline.statuses] == [9, 142]


def test_an_entity_that_cannot_be_read_does_not_stop_the_others() -> None:
    assert [lead.id for lead in read_list(Lead, [{"id": 1}, {"id": None}, "x", {"id": 2}])] == [1, 2]
