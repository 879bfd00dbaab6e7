"""PDF: read as it is read by people: columns, whole words and sentences, filled forms; what is not readable is told."""

from pathlib import Path

import pytest

from platform_app.errors import Invalid
from platform_app.rag.readers import pdf
from platform_app.rag.readers.reader_report import Report
from tests.pdf_files import Line, drawn, form, unmapped


def read(folder: Path, data: bytes) -> tuple[str, list[str]]:
    path, report = folder / "a.pdf", Report()
    path.write_bytes(data)
    text = pdf.read(path, report)
    return text, [str(said["sentence"]).format(**said["values"]) for said in report.finish()]


def under(left: float, *texts: str, top: float = 700, step: float = 14) -> list[Line]:
    return [(left, top - step * number, text) for number, text in enumerate(texts)]


def level(*columns: list[Line]) -> list[Line]:
    """Return columns drawn line by line over all of them."""
    return [line for row in zip(*columns, strict=False) for line in row]


ONE = under(60, "Delivery within the", "city is free for orders", "of three thousand and", "takes a single day.")
TWO = under(240, "Goods are taken back", "within fourteen days if", "they come with the bill", "and were not used.")
THREE = under(420, "We are open daily from", "ten to eight, and on", "holidays we close at", "six in the evening.")
WHOLE = [
    "Delivery within the city is free for orders of three thousand and takes a single day.",
    "Goods are taken back within fourteen days if they come with the bill and were not used.",
    "We are open daily from ten to eight, and on holidays we close at six in the evening.",
]


@pytest.mark.parametrize(
    ("page", "count"),
    [
        (level(ONE, TWO), 2),
        (ONE + TWO, 2),
        (level(ONE, TWO, THREE), 3),
        (level(ONE, [(x, y - 6, text) for x, y, text in TWO]), 2),
        ([(60, 730, "A heading over both of the columns of this page"), *level(ONE, TWO)], 2),
    ],
)
def test_columns_are_read_one_after_another(tmp_path: Path, page: list[Line], count: int) -> None:
    text, _ = read(tmp_path, drawn(page))
    places = [text.find(sentence) for sentence in WHOLE[:count]]
    assert -1 not in places and places == sorted(places), text


def test_the_rows_of_a_table_stay_together(tmp_path: Path) -> None:
    names = under(60, "Service", "Tube change", "Brake check", "Full clean")
    prices = under(300, "Price", "500", "300", "1200")
    assert read(tmp_path, drawn(level(names, prices)))[0] == (
        "| Service | Price |\n|---|---|\n| Tube change | 500 |\n| Brake check | 300 |\n| Full clean | 1200 |"
    )


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["We take back goods of pro-", "per quality."], "We take back goods of proper quality."),
        (["The e-mail and the e-", "mail again."], "The e-mail and the e-mail again."),
        (["From Stratford-", "Avon by car."], "From Stratford-Avon by car."),
        (
            ["A sentence that is cut by the end of its", "line goes on."],
            "A sentence that is cut by the end of its line goes on.",
        ),
        (["Our rules", "Delivery is free."], "Our rules\nDelivery is free."),
        (["1. One thing", "2. Another thing"], "1. One thing\n2. Another thing"),
    ],
)
def test_lines_become_sentences(tmp_path: Path, lines: list[str], text: str) -> None:
    assert read(tmp_path, drawn(under(60, *lines)))[0] == text


def test_a_sentence_goes_on_over_the_page_and_its_edges(tmp_path: Path) -> None:
    pages = [
        [(60, 800, "Rules of the shop"), *under(60, "The deposit is", f"paid {word}"), (300, 30, f"Page {n} of 3")]
        for n, word in enumerate(("back when the", "by those who", "at the end."), 1)
    ]
    text, _ = read(tmp_path, drawn(*pages))
    assert text.count("Rules of the shop") == 1 and text.count("Page") <= 1
    assert "The deposit is paid at the end." in text


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_turned_text_is_read(tmp_path: Path, rotate: int) -> None:
    lines = under(0, "A sentence that stands", "on its side.", top=100)
    assert read(tmp_path, drawn(lines, rotate=rotate))[0] == "A sentence that stands on its side."


def test_forms_are_read_with_what_was_filled_in(tmp_path: Path) -> None:
    text, _ = read(tmp_path, form(fault="The chain slips", price="3500 at most", urgent="tick"))
    assert text == "Order of a repair.\n\nFault: The chain slips\nPrice: 3500 at most\n☒ Urgent"


def test_pages_without_text_are_told(tmp_path: Path) -> None:
    pages = [under(60, "Rules of the shop are few."), [], under(60, "And they are short."), [], []]
    assert read(tmp_path, drawn(*pages))[1] == ["Pages without text (possibly scans): 2, 4, 5."]


def test_letters_that_a_font_does_not_tell_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="fonts lack letter data"):
        read(tmp_path, unmapped("Payment is due within seven days: no later."))


def test_signs_at_random_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="fonts lack letter data"):
        read(tmp_path, drawn(under(60, "#$%&' *+,-/ ;<=>? @[]^ {|}~ !#$%& *+;<=>?", "': .' $%&*")))
    text, said = read(tmp_path, drawn(under(60, "Contents ........................................ 3")))
    assert "Contents" in text and not said
