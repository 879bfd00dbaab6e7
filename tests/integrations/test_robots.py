"""Robots, sitemaps and addresses: what a site allows, what it names, and one form for each address."""

import gzip
import time
import zlib

import pytest

from platform_app.errors import Invalid
from platform_app.integrations import robots, sitemaps, web_addresses, web_pages
from platform_app.integrations.web_addresses import canonical


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("", "/a", True),
        ("User-agent: *\nDisallow:", "/a", True),
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nAllow: /a/b\nDisallow: /a", "/a/c", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a", "/a", True),
        ("User-agent: *\nDisallow: /*?", "/a?b=c", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/a.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/a.pdfx", True),
        ("User-agent: *\nDisallow: /a$", "/a/b", True),
        ("User-agent: *\nDisallow: /caf%C3%A9", "/café", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: GPT-Agents/2\nDisallow: /x", "/a", True),
        ("User-agent: other\nUser-agent: gpt-agents\nDisallow: /", "/a", False),
        ("User-agent: other\nDisallow: /", "/a", True),
        ("user-AGENT : *  # all\ndisallow : /a # this", "/a", False),
        ("Disallow: /", "/a", True),
    ],
)
def test_the_longest_rule_for_us_decides(text: str, path: str, allowed: bool) -> None:
    rules = robots.parse(text)
    assert rules.allows(path) is allowed
    assert robots.from_json(rules.as_json()).allows(path) is allowed


def test_a_delay_is_bounded_and_sitemaps_are_named() -> None:
    text = "Sitemap: https://x.test/a.xml\nUser-agent: *\nCrawl-delay: 9000\n\nSitemap: /b.xml"
    found = robots.parse(text)
    assert (found.delay, found.sitemaps) == (robots.MAX_DELAY, ["https://x.test/a.xml", "/b.xml"])
    assert robots.parse("User-agent: *\nCrawl-delay: soon").delay == 0


def test_a_hostile_file_takes_no_time() -> None:
    pattern = "/" + "*a" * 200 + "$"
    found = robots.parse("User-agent: *\n" + f"Disallow: {pattern}\n" * 10_000)
    began = time.process_time()
    found.allows("/" + "a" * 2_000 + "b")
    sitemaps.parse("<loc>" * 500_000)
    sitemaps.parse("<sitemapindex " * 200_000)
    assert time.process_time() - began < 2 and len(found.rules) <= robots.MAX_RULES


def test_a_sitemap_names_pages_or_sitemaps() -> None:
    pages = sitemaps.parse("<urlset><url><loc> https://x.test/a?b=1&amp;c=2 </loc></url></urlset>")
    assert (pages.is_index, pages.addresses) == (False, ["https://x.test/a?b=1&c=2"])
    index = sitemaps.parse(
        "<sitemapindex><sitemap><loc><![CDATA[https://x.test/b.xml]]></loc></sitemap></sitemapindex>"
    )
    assert (index.is_index, index.addresses) == (True, ["https://x.test/b.xml"])
    assert sitemaps.parse("https://x.test/a\n\nhttps://x.test/b\n").addresses == [
        "https://x.test/a",
        "https://x.test/b",
    ]


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("HTTPS://Shop.Example.COM:443", "https://shop.example.com/"),
        ("https://shop.example.com/a/../b/./c#part", "https://shop.example.com/b/c"),
        ("https://shop.example.com/a?utm_source=x&id=7&gclid=1", "https://shop.example.com/a?id=7"),
        ("http://shop.example.com:8080/a b", "http://shop.example.com:8080/a%20b"),
        ("https://магазин.рф/цены", "https://xn--80aairftm.xn--p1ai/%D1%86%D0%B5%D0%BD%D1%8B"),
        ("/x?y", "https://base.test/x?y"),
        ("/x?q=%F6%e5&&n=1+2", "https://base.test/x?q=%F6%E5&n=1+2"),  # a query in another charset stays what it is
        ("/x?redirect=https://a.test/b?c", "https://base.test/x?redirect=https://a.test/b?c"),
        ("/x;jsessionid=1A?PHPSESSID=2&a=1&ASPSESSIONIDQ=3", "https://base.test/x?a=1"),
        ("/%7euser/%d1%86%2f100%", "https://base.test/~user/%D1%86%2F100%25"),
        ("/a/%2e%2e/b/.", "https://base.test/b/"),
        ("https://x.test//other.test/a", "https://x.test//other.test/a"),
        ("https://x.test./a", "https://x.test/a"),
        ("?page=2", "https://base.test/dir/file?page=2"),
    ],
)
def test_an_address_has_one_form(address: str, form: str) -> None:
    assert canonical(address, "https://base.test/dir/file") == form
    assert canonical(form) == form


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://x.test/\ud800",
        "javascript:alert(1)",
        "mailto:a@b.c",
        "https://u:p@x.test/",
        "https://[::1",
        "https://x.test/" + "a" * 3_000,
    ],
)
def test_what_cannot_be_called_is_refused(address: str) -> None:
    with pytest.raises(Invalid) as refused:
        canonical(address)
    assert refused.value.field == "address"


def test_an_address_is_shown_in_its_letters() -> None:
    assert web_addresses.readable(canonical("https://магазин.рф/цены/")) == "магазин.рф/цены"
    assert web_addresses.readable("https://x.test/%FF%0A") == "x.test/%FF%0A"


def test_scheme_and_www_make_no_other_site() -> None:
    assert web_addresses.is_same_site("http://www.x.test/a", "https://x.test/")
    assert not web_addresses.is_same_site("https://y.x.test/", "https://x.test/")
    assert not web_addresses.is_same_site("https://x.test:8443/", "https://x.test/")
    assert web_addresses.hash_of("http://www.x.test/a") == web_addresses.hash_of("https://x.test/a")


def test_below_a_path_are_its_own_segments() -> None:
    for prefix in ("", "/help", "/help/"):
        assert web_addresses.is_below("https://x.test/help/a", prefix)
    assert web_addresses.is_below("https://x.test/help?a=1", "/help")
    assert not web_addresses.is_below("https://x.test/helpdesk", "/help")


def test_a_packed_page_is_unpacked_within_bounds() -> None:
    assert web_pages.unpack(gzip.compress(b"text"), "gzip") == web_pages.unpack(zlib.compress(b"text"), "deflate")
    assert web_pages.unpack(gzip.compress(b"te") + gzip.compress(b"xt"), "gzip") == b"text"
    assert web_pages.unpack(gzip.compress(b"text") + b"\0\0", "gzip") == b"text"
    assert web_pages.unpack(b"", "gzip") == b""
    for cut_or_large in (gzip.compress(b"text" * 99)[:-20], gzip.compress(bytes(web_pages.MAX_BYTES)) * 2):
        with pytest.raises(web_pages.FetchFailed):
            web_pages.unpack(cut_or_large, "gzip")
    began = time.process_time()
    web_pages.unpack(gzip.compress(b"") * 140_000, "gzip")
    assert time.process_time() - began < 2
    with pytest.raises(web_pages.FetchFailed):
        web_pages.unpack(gzip.compress(bytes(web_pages.MAX_BYTES + 1)), "gzip")
    with pytest.raises(web_pages.FetchFailed):
        web_pages.unpack(b"no gzip", "gzip")
