"""Egress: what is inner is refused before anything is connected to, and what was checked is what is reached."""

import gzip
import random
import socket
import ssl
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from platform_app.config import settings
from platform_app.errors import Invalid
from platform_app.integrations import egress
from platform_app.integrations.special_addresses import SPECIAL_V4, SPECIAL_V6
from tests.conftest import free_port
from tests.mail_catcher import certificate
from tests.rules.test_rule_webhooks import Receiver, open_loopback, receiver

_ = (open_loopback, receiver)
INNER = [
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::]:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://224.0.0.1/",
    "http://[fd00::1]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:0:7f00:1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
]
NAMES = [urlsplit(address.format(port=1)).hostname or "" for address in INNER]


class Trap:
    """Listens on this machine at some addresses and one port, and counts who comes."""

    def __init__(self, *addresses: str, port: int = 0) -> None:
        self.port, self.opened = port, list[socket.socket]()
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            self.opened.append(socket.create_server((address, self.port), family=family))
            self.opened[-1].setblocking(False)
            self.port = self.opened[-1].getsockname()[1]

    def visits(self) -> int:
        """Return how many have connected; the system has taken in whoever was told that they have."""
        count = 0
        for one in self.opened:
            while True:
                try:
                    one.accept()[0].close()
                except BlockingIOError:
                    break
                count += 1
        return count

    def __enter__(self) -> "Trap":
        return self

    def __exit__(self, *error: object) -> None:
        for one in self.opened:
            one.close()


@pytest.fixture
def trap(env: pytest.MonkeyPatch) -> Iterator[Trap]:
    """A port of this machine that nobody may come to."""
    with Trap("127.0.0.1", *(["::1"] if has_inner_v6() else [])) as made:
        yield made


def has_inner_v6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


class Names:
    """Says what a name stands for: its answers in turn, the last one from then on."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.asked = 0

    def __call__(self, host: bytes | str, port: int, *rest: object, **more: object) -> list[object]:
        name = (host.decode() if isinstance(host, bytes) else host).removesuffix(".test")
        self.asked += 1
        found = self.answers[name].pop(0) if len(self.answers[name]) > 1 else self.answers[name][0]
        families = [socket.AF_INET6 if ":" in one else socket.AF_INET for one in found]
        return [(family, socket.SOCK_STREAM, 6, "", (one, port)) for family, one in zip(families, found, strict=True)]


def open_to(env: pytest.MonkeyPatch, networks: str) -> None:
    env.setenv("PLATFORM_EGRESS_ALLOW", networks)
    settings.cache_clear()


@pytest.mark.parametrize("address", INNER)
def test_an_inner_address_is_refused_before_a_connection_is_opened(trap: Trap, address: str) -> None:
    with pytest.raises(Invalid, match="is blocked|isn’t an address"):
        egress.post(address.format(port=trap.port), "secret", {})
    assert trap.visits() == 0


@pytest.mark.parametrize("host", NAMES)
def test_the_way_of_mail_is_as_narrow(trap: Trap, host: str) -> None:
    with pytest.raises(Invalid, match="is blocked"), egress.connection(host, trap.port, seconds=5):
        pass
    assert trap.visits() == 0


def ends(network: IPv4Network | IPv6Network) -> list[str]:
    """Return the first, the last and a middle address of a range."""
    middle = network.network_address + network.num_addresses // 2
    return [str(network.network_address), str(network.broadcast_address), str(middle)]


_RANGES = [one for one in (*SPECIAL_V4, *SPECIAL_V6) if one[1] != "IPv4-mapped"]  # judged by what is within


@pytest.mark.parametrize(("network", "name"), _RANGES)
def test_no_special_range_is_connected_to(
    env: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch, network: IPv4Network | IPv6Network, name: str
) -> None:
    def opened(*asked: object, **more: object) -> None:
        raise AssertionError(f"connected to {asked} of {name}")

    monkeypatch.setattr(egress.socket.socket, "connect", opened)
    monkeypatch.setattr(egress.httpcore.AnyIOBackend, "connect_tcp", opened)
    for address in ends(network):
        monkeypatch.setattr(egress.socket, "getaddrinfo", Names(special=[[address]]))
        with pytest.raises(Invalid, match="is blocked"):
            egress.post("http://special.test/", "x", {})
        with pytest.raises(Invalid, match="is blocked"), egress.connection("special.test", 25, seconds=1):
            pass


@pytest.mark.parametrize("inner", ["127.0.0.1", "10.0.0.1", "192.0.0.8", "169.254.169.254", "8.8.8.8"])
def test_an_address_within_another_form_is_no_way_in(inner: str) -> None:
    packed = int(IPv4Address(inner))
    forms = (
        (0x2002 << 112) | (packed << 80),  # 6to4
        int(IPv6Address("64:ff9b::")) | packed,  # NAT64
        int(IPv6Address("64:ff9b:1::")) | packed,
        int(IPv6Address("2001::")) | (packed ^ 0xFFFFFFFF),  # Teredo's client
        int(IPv6Address("2001::")) | (packed << 64),  # Teredo's server
        packed,  # IPv4-compatible
        int(IPv6Address("::ffff:0:0:0")) | packed,  # IPv4-translated
    )
    assert not any(egress.may_reach(IPv6Address(form)) for form in forms)
    assert (
        egress.may_reach(IPv6Address(f"::ffff:{inner}")) == egress.may_reach(IPv4Address(inner)) == (inner == "8.8.8.8")
    )


def test_this_pythons_own_table_is_contained() -> None:
    chosen = random.Random(7)
    for _ in range(3_000):
        for address in (IPv4Address(chosen.getrandbits(32)), IPv6Address(chosen.getrandbits(128))):
            assert address.is_global or not egress.may_reach(address), address
            assert not egress.may_reach(address) or not address.is_multicast


@pytest.mark.parametrize("address", ["8.8.8.8", "100.63.255.255", "192.0.1.0", "198.20.0.0", "223.255.255.255"])
def test_the_public_internet_may_be_reached(address: str) -> None:
    assert egress.may_reach(ip_address(address))
    for public in ("2606:4700::1111", "2a00:1450::1", "2001:200::1", "2003::1"):
        assert egress.may_reach(ip_address(public))


@pytest.mark.parametrize("found", [["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["10.0.0.1", "127.0.0.1"]])
def test_a_name_of_inner_addresses_is_refused_before(
    trap: Trap, monkeypatch: pytest.MonkeyPatch, found: list[str]
) -> None:
    monkeypatch.setattr(egress.socket, "getaddrinfo", Names(inner=[found]))
    with pytest.raises(Invalid, match="is blocked"):
        egress.post(f"http://inner.test:{trap.port}/", "secret", {})
    assert trap.visits() == 0


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]"])
def test_a_refusal_does_not_tell_whether_a_port_is_open(trap: Trap, host: str) -> None:
    said = set()
    for port in (trap.port, free_port()):
        with pytest.raises(Invalid) as refused:
            egress.post(f"http://{host}:{port}/", "secret", {})
        said.add((str(refused.value), refused.value.field, type(refused.value.__cause__)))
    assert len(said) == 1


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.usefixtures("open_loopback")
def test_of_a_name_only_what_may_be_reached_is(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, order: int) -> None:
    port = receiver.server.server_port
    monkeypatch.setattr(egress.socket, "getaddrinfo", Names(mixed=[["127.0.0.2", "127.0.0.1"][::order]]))
    with Trap("127.0.0.2", port=port) as inner:
        answer = egress.post(f"http://mixed.test:{port}/", "x", {})
        assert (answer.status, receiver.hosts, inner.visits()) == (204, [f"mixed.test:{port}"], 0)


@pytest.mark.usefixtures("open_loopback")
def test_a_name_is_resolved_once_for_each_call(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: a name that may be reached when it is checked and is inner when it is used."""
    port = receiver.server.server_port
    names = Names(rebind=[["127.0.0.1"], ["127.0.0.2"]])
    monkeypatch.setattr(egress.socket, "getaddrinfo", names)
    with Trap("127.0.0.2", port=port) as inner:
        assert egress.post(f"http://rebind.test:{port}/", "x", {}).status == 204
        assert (names.asked, len(receiver.got), inner.visits()) == (1, 1, 0)
        with pytest.raises(Invalid):
            egress.post(f"http://rebind.test:{port}/", "x", {})
        assert (names.asked, len(receiver.got), inner.visits()) == (2, 1, 0)


def test_the_next_address_is_tried(
    env: pytest.MonkeyPatch, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_to(env, "127.0.0.0/8")
    monkeypatch.setattr(egress.socket, "getaddrinfo", Names(many=[["127.0.0.3", "127.0.0.1"]]))
    assert egress.post(f"http://many.test:{receiver.server.server_port}/", "x", {}).status == 204


@pytest.mark.usefixtures("open_loopback")
def test_nobody_there_is_told_apart_from_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(httpx.ConnectError):
        egress.post(f"http://127.0.0.1:{free_port()}/", "x", {})

    def unknown(*asked: object, **more: object) -> list[object]:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(egress.socket, "getaddrinfo", unknown)
    with pytest.raises(httpx.ConnectError):
        egress.post("http://nobody.test/", "x", {})


@pytest.mark.usefixtures("open_loopback")
def test_tls_is_asked_for_by_the_name(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context, trusted = certificate(tmp_path, "secure.test")
    named: list[str | None] = []
    context.sni_callback = lambda _, name, __: named.append(name)
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    port = receiver.server.server_port
    monkeypatch.setattr(egress, "_trust", lambda: ssl.create_default_context(cafile=str(trusted)))
    monkeypatch.setattr(egress.socket, "getaddrinfo", Names(secure=[["127.0.0.1"]], other=[["127.0.0.1"]]))
    assert egress.post(f"https://secure.test:{port}/", "x", {}).status == 204
    with pytest.raises(httpx.ConnectError):
        egress.post(f"https://other.test:{port}/", "x", {})
    assert (named, receiver.hosts) == (["secure.test", "other.test"], [f"secure.test:{port}"])


@pytest.mark.usefixtures("open_loopback")
def test_a_packed_answer_is_not_unpacked_and_a_long_one_is_cut(receiver: Receiver) -> None:
    receiver.answers = [200, 200, 200]
    receiver.body, receiver.packing = gzip.compress(gzip.compress(bytes(50_000_000))), "gzip, gzip"
    assert egress.post(receiver.address, "x", {}) == egress.Answer(200, "")
    receiver.body, receiver.packing = "привет ".encode() * 9_000, ""
    assert egress.post(receiver.address, "x", {}).text == ("привет " * 300)[: egress.MOST_KEPT]
    receiver.body, receiver.packing = gzip.compress(b"said"), "identity"
    assert egress.post(receiver.address, "x", {}).status == 200


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ftp://example.com",
        "file:///etc/passwd",
        "gopher://x",
        "//x",
        "http://",
        "http://u:p@x/",
        "x",
        "http://[::1",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(Invalid):
        egress.check(address)
