"""Special addresses: the ranges of IPv4 and IPv6 that are nobody's on the public internet, or lead back to inner ones.

From IANA's tables of special-purpose addresses (iana.org/assignments/iana-ipv4-special-registry and
iana-ipv6-special-registry, of 2025-10-09), with multicast, the reserved space and the ranges that were given up. It is
kept here because the `ipaddress` of older Pythons knows fewer of them. Ranges that the tables call reachable from
everywhere (anycast relays and name servers) are listed too: nobody's webhook or mail server lives there.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

SPECIAL_V4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), name)
    for network, name in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private use"),
        ("100.64.0.0/10", "shared by carriers"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link local, metadata of clouds"),
        ("172.16.0.0/12", "private use"),
        ("192.0.0.0/24", "IETF protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "AMT"),
        ("192.88.99.0/24", "6to4 relays, given up"),
        ("192.168.0.0/16", "private use"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarks"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved, broadcast"),
    )
)
SPECIAL_V6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), name)
    for network, name in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "IPv4-compatible, given up"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("::ffff:0:0:0/96", "IPv4-translated"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64, local use"),
        ("100::/64", "discard only"),
        ("100:0:0:1::/64", "dummy prefix"),
        ("2001::/23", "IETF protocol assignments: Teredo, benchmarks, AMT, ORCHID, drones"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "AS112"),
        ("3ffe::/16", "6bone, given up"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "unique local"),
        ("fe80::/10", "link local"),
        ("fec0::/10", "site local, given up"),
        ("ff00::/8", "multicast"),
    )
)
_UNICAST = IPv6Network("2000::/3")  # all that was ever given out; the rest of IPv6 is reserved


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an address is public; an IPv6 address that embeds an IPv4 address never is."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network, _ in SPECIAL_V4)
    return address in _UNICAST and not any(address in network for network, _ in SPECIAL_V6)
