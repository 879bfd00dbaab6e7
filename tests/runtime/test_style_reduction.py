"""Style reduction: what is dropped of the theme's style sheet is never used, and what is used is left as it is."""

import gzip
from pathlib import Path

import pytest

from platform_app.install_paths import PACKAGE
from platform_app.runtime.style_reduction import Used, reduce, reduce_files, used_components, used_scales

SCALES = frozenset({"iris", "gray"})
USED = Used(SCALES, frozenset({"rt-Button", "rt-BaseButton"}))


@pytest.mark.parametrize(
    ("sheet", "left"),
    [
        (r".rt-r-p-1{padding:4px}", r".rt-r-p-1{padding:4px}"),
        (r"@media (width>=520px){.xs\:rt-r-p-1{padding:4px}}", ""),
        (r"@media (width>=520px){.xs\:rt-r-p-1{padding:4px}.card{margin:0}}", "@media (width>=520px){.card{margin:0}}"),
        (r".rt-Button:where(.md\:rt-variant-soft):hover{color:red}", ""),
        (r".rt-Button:where(.rt-variant-soft,.md\:rt-variant-soft){x:y}", None),
        (r".a,.sm\:rt-r-m,.b{margin:0}", ".a,.b{margin:0}"),
        (r".a:not(.lg\:rt-r-m){margin:0}", None),
        (r".rt-Button,.rt-SliderRoot:where(.rt-r-size-1){x:y}", ".rt-Button{x:y}"),
        (r".rt-Button:where(:not(.rt-SliderRoot)){x:y}", None),
        (r".rt-Button:not(.rt-SliderRoot){x:y}", None),
        (r".rt-Button:where(.rt-SliderRoot *){x:y}", ""),
        (r"[data-accent-color=tomato]{--accent-1:var(--tomato-1)}", ""),
        (r"[data-accent-color=iris]{--accent-1:var(--iris-1)}", None),
        (r":root,.light{--iris-1:#fff;--tomato-1:#f00;--tomato-a12:#f003}", ":root,.light{--iris-1:#fff}"),
        (r":root{--tomato-contrast:#fff;--shadow-1:0 0}", ":root{--shadow-1:0 0}"),
        (r"@supports (color:red){@media (color-gamut:p3){:root{--ruby-1:red}}}", ""),
        (r".a{color:var(--tomato-1)}", None),
        (r'.a::after{content:";--tomato-1:x"}', None),
        ("@keyframes a{from{opacity:0}}", None),
        ("@font-face{font-family:Inter}", None),
        ("@media print{aside{display:none}}", None),
    ],
)
def test_a_sheet_is_left_with_what_is_used(sheet: str, left: str | None) -> None:
    assert reduce(sheet, USED) == (sheet if left is None else left)


def test_scales_are_those_that_sources_name(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text('badge(color_scheme="amber")\nsaid = "a tomato is red"\n')
    (tmp_path / "own.css").write_text(".a { color: var(--teal-a3); }")
    found = used_scales(tmp_path.iterdir())
    assert {"amber", "teal", "gray"} <= found and not {"tomato", "red"} & found


def test_components_are_those_that_scripts_name(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text('n("rt-Button",r,`rt-variant-${v}`,"rt-r-m")')
    assert used_components(tmp_path.iterdir()) == {"rt-Button"}


def test_the_compressed_copy_is_the_reduced_one(tmp_path: Path) -> None:
    sheet = tmp_path / "all.css"
    sheet.write_text(r".a{margin:0}.xs\:b{margin:0}")
    (tmp_path / "all.css.gz").write_bytes(gzip.compress(b"old"))
    reduce_files(tmp_path, SCALES)
    assert sheet.read_text() == ".a{margin:0}"
    assert gzip.decompress((tmp_path / "all.css.gz").read_bytes()).decode() == sheet.read_text()


def test_nothing_asks_for_the_classes_of_single_widths() -> None:
    """Such classes are dropped; what depends on the width stands in the console's own style sheets."""
    sources = ((path, path.read_text(encoding="utf-8")) for path in PACKAGE.glob("**/*.py"))
    assert [path.name for path, text in sources if "breakpoints(" in text] == []
