"""Addresses as far as they are counted together: one for IPv4, a /64 for IPv6, where one subscriber has all of it."""

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

SUBSCRIBER_BITS: Final = 64


def counted_as(address: str) -> str:
    """What stands for an address when calls are counted; a text that is none stands for itself."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found), SUBSCRIBER_BITS), strict=False))
