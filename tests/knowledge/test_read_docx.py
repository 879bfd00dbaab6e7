"""DOCX: what a reader of the file sees is read, once and in order; what they do not see is left out and counted."""

from pathlib import Path

import pytest

from platform_app.rag.readers import docx
from platform_app.rag.readers.reader_report import Report
from tests.word_files import cell, p, r, table, word


def read(folder: Path, data: bytes) -> tuple[str, list[str]]:
    """Return the text of a file, and the sentences about it."""
    path, report = folder / "a.docx", Report()
    path.write_bytes(data)
    text = docx.read(path, report)
    return text, [str(said["sentence"]).format(**said["values"]) for said in report.finish()]


def box(text: str, tag: str = "wps:txbx", look: str = "") -> str:
    return f"<{tag}><w:txbxContent>{p(text, look=look)}</w:txbxContent></{tag}>"


def drawing(inner: str, told: str = "") -> str:
    return f'<w:drawing><wp:inline><wp:docPr id="1" name="x" descr="{told}"/>{inner}</wp:inline></w:drawing>'


TWICE = (
    f'<w:r><mc:AlternateContent><mc:Choice Requires="wps">{drawing(box("In a box"))}</mc:Choice>'
    f"<mc:Fallback><w:pict><v:shape>{box('In a box', 'v:textbox')}</v:shape></w:pict></mc:Fallback>"
    "</mc:AlternateContent></w:r>"
)
FIELD = (
    '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>IF </w:instrText></w:r>'
    '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>PAGE</w:instrText></w:r>'
    f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{r("inner")}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{r("shown")}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
)
LIST = '<w:numPr><w:ilvl w:val="{}"/><w:numId w:val="7"/></w:numPr>'
NUMBERING = (
    '<w:abstractNum w:abstractNumId="3">'
    '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>'
    '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl>'
    '</w:abstractNum><w:num w:numId="7"><w:abstractNumId w:val="3"/></w:num>'
)
DROP_DOWN = (
    '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:ddList><w:result w:val="1"/><w:listEntry w:val="Red"/>'
    '<w:listEntry w:val="Green"/></w:ddList></w:ffData></w:fldChar></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (f"<w:p>{r('It is ')}<w:del>{r('nine')}</w:del><w:ins>{r('ten')}</w:ins></w:p>", "It is ten"),
        (f"<w:p><w:moveFrom>{r('gone')}</w:moveFrom></w:p><w:p><w:moveTo>{r('come')}</w:moveTo></w:p>", "come"),
        (f"{p('One ', shape='<w:rPr><w:del/></w:rPr>')}{p('line')}", "One line"),
        (f"<w:sdt><w:sdtPr/><w:sdtContent>{p('In a control')}</w:sdtContent></w:sdt>", "In a control"),
        (f"<w:p><w:sdt><w:sdtContent>{r('run')}</w:sdtContent></w:sdt></w:p>", "run"),
        (f"<w:p>{r('Name: ')}<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>{r('Click here')}"
         "</w:sdtContent></w:sdt></w:p>", "Name:"),
        (f"<w:p>{TWICE}</w:p>", "In a box"),
        (f"<w:p><w:r>{drawing('', 'The way to the shop')}</w:r></w:p>", "[The way to the shop]"),
        (f"<w:p>{FIELD}</w:p>", "shown"),
        (f"<w:p>{r('Colour: ')}{DROP_DOWN}</w:p>", "Colour: Green"),
        (f'<w:p><w:fldSimple w:instr="DATE">{r("today")}</w:fldSimple></w:p>', "today"),
        (f"<w:p><w:hyperlink>{r('a link')}</w:hyperlink></w:p>", "a link"),
        (f"<w:p><w:smartTag>{r('a place')}</w:smartTag></w:p>", "a place"),
        ("<w:p><w:r><w:ruby><w:rt><w:r><w:t>kana</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>base</w:t></w:r>"
         "</w:rubyBase></w:ruby></w:r></w:p>", "base"),
        ("<w:p><w:r><w:t>a</w:t><w:noBreakHyphen/><w:t>b</w:t><w:tab/><w:t>c</w:t></w:r></w:p>", "a-b c"),
        ('<w:p><w:r><w:sym w:font="Wingdings" w:char="F0FC"/><w:t>done</w:t></w:r></w:p>', "✓done"),
        ("<w:p><m:oMath><m:r><m:t>a+b</m:t></m:r></m:oMath></w:p>", "a+b"),
        (p("Head", shape='<w:outlineLvl w:val="1"/>'), "## Head"),
        (p("first", shape=LIST.format(0)) + p("deeper", shape=LIST.format(1)) + p("second", shape=LIST.format(0)),
         "1. first\n\n1.a) deeper\n\n2. second"),
    ],
)  # fmt: skip
def test_what_is_shown_is_read_once(tmp_path: Path, body: str, text: str) -> None:
    assert read(tmp_path, word(body, numbering=NUMBERING)) == (text, [])


MERGED = '<w:vMerge w:val="restart"/>'


def test_tables_are_read_with_what_is_in_their_cells(tmp_path: Path) -> None:
    inner = table(cell(p("R16")) + cell(p("540")), cell(p("R17")) + cell(p("610")))
    rows = table(
        cell(p("Kind")) + cell(p("Price")),
        "<w:sdt><w:sdtContent>" + cell(p("Tyres"), MERGED) + "</w:sdtContent></w:sdt>" + cell(inner),
        cell("<w:p/>", "<w:vMerge/>") + cell(p("7") + p("8")),
        "<w:trPr><w:del/></w:trPr>" + cell(p("deleted")) + cell(p("9")),
    )
    text, _ = read(tmp_path, word(rows))
    assert text == ("| Kind | Price |\n|---|---|\n| Tyres | R16, 540; R17, 610; |\n| Tyres | 7 8 |")


def test_a_table_that_only_lays_out_is_text(tmp_path: Path) -> None:
    text, _ = read(tmp_path, word(table(cell(p("Head") + p("Words")), cell(p("More")))))
    assert text == "Head\n\nWords\n\nMore"


def test_what_stands_around_the_body_is_read_too(tmp_path: Path) -> None:
    note = '<w:footnote w:id="2">' + p("Only on weekdays.") + "</w:footnote>"
    last = '<w:endnote w:id="2">' + p("By law.") + "</w:endnote>"
    marks = [f'<w:r><w:{kind}Reference w:id="2"/></w:r>' for kind in ("footnote", "endnote")]
    body = f"<w:p>{r('Open')}{marks[0]}{r(' daily')}{marks[1]}</w:p>"
    comments = '<w:comment w:id="0">' + p("a secret") + "</w:comment>"
    data = word(body, header1=p("Call 8-800"), footer1=p("3"), footnotes=note, endnotes=last, comments=comments)
    text, said = read(tmp_path, data)
    assert text == "Call 8-800\n\nOpen daily\n\nOnly on weekdays.\n\nBy law."
    assert said == ["Comments skipped: 1."]


SHOWN = '<w:vanish w:val="0"/>'
WHITE = '<w:color w:val="FFFFFF"/>'
BLUE = '<w:shd w:val="clear" w:fill="1F4E79"/>'


@pytest.mark.parametrize(
    ("body", "text", "hidden"),
    [
        (f"<w:p>{r('Seen')}{r('not', '<w:vanish/>')}{r(' this', '<w:vanish/>')}</w:p>", "Seen", 1),
        (f"<w:p>{r('Seen')}{r(' still', SHOWN)}</w:p>", "Seen still", 0),
        (p("Seen") + p("Obey me", look=WHITE), "Seen", 1),
        (p("Seen") + p("By style", shape='<w:pStyle w:val="Ghost"/>'), "Seen", 1),
        (p("On blue", look=WHITE, shape=BLUE), "On blue", 0),
        (table(cell(p("A", look=WHITE), BLUE) + cell(p("B", look=WHITE), BLUE), cell(p("1")) + cell(p("2"))),
         "| A | B |\n|---|---|\n| 1 | 2 |", 0),
        (f"<w:p><w:r>{drawing(box('In a dark box', look=WHITE))}</w:r></w:p>", "In a dark box", 0),
    ],
)  # fmt: skip
def test_what_nobody_sees_is_left_out_and_counted(tmp_path: Path, body: str, text: str, hidden: int) -> None:
    styles = '<w:style w:styleId="Base"><w:rPr><w:vanish/></w:rPr></w:style>'
    styles += '<w:style w:styleId="Ghost"><w:basedOn w:val="Base"/></w:style>'
    sentence = [f"Hidden passages skipped: {hidden}."] * bool(hidden)
    assert read(tmp_path, word(body, styles=styles)) == (text, sentence)
