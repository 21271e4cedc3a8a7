"""Tries to reach anything beyond its own process: answers with what it could."""

import socket


def calculate(inputs):
    return globals()[inputs["do"]](inputs)


def reach(inputs):
    """Connects to addresses in every way there is."""
    ways = []
    for host, port in inputs["addresses"]:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        ways.append((family, socket.SOCK_STREAM, (host, port)))
        ways.append((family, socket.SOCK_DGRAM, (host, port)))
    ways += [(socket.AF_UNIX, socket.SOCK_STREAM, path) for path in inputs["paths"]]
    reached = []
    for family, kind, address in ways:
        try:
            with socket.socket(family, kind) as made:
                made.settimeout(5)
                made.connect(address)
                made.send(b"hello")
        except OSError:
            continue
        # To itself only: nobody listens there but a call.
        if not (kind == socket.SOCK_DGRAM and address[0] in ("127.0.0.1", "::1")):
            reached.append([family.name, kind.name, address])
    return reached


def kinds(inputs):
    """Makes sockets that reach below or beside the network."""
    made = []
    for family, kind, protocol in [
        ("AF_INET", "SOCK_RAW", 1),
        ("AF_INET", "SOCK_RAW", 255),
        ("AF_INET6", "SOCK_RAW", 58),
        ("AF_PACKET", "SOCK_RAW", 0x300),
        ("AF_PACKET", "SOCK_DGRAM", 0x300),
        # The machine that this one is a guest of.
        ("AF_VSOCK", "SOCK_STREAM", 0),
        ("AF_VSOCK", "SOCK_DGRAM", 0),
    ]:
        try:
            socket.socket(getattr(socket, family), getattr(socket, kind), protocol).close()
        except (OSError, AttributeError):
            continue
        made.append([family, kind, protocol])
    return made


def names(inputs):
    """Looks names up."""
    found = []
    for name in ["example.com", "host.docker.internal", "gateway.docker.internal", "one.one.one.one"]:
        try:
            found += [str(entry[4]) for entry in socket.getaddrinfo(name, 80)]
        except OSError:
            pass
    return found


def surroundings(inputs):
    """Networks that the kernel knows of here: but for the loopback's, and multicast's on it."""
    with open("/proc/net/route") as table:
        routes = table.read().splitlines()[1:]
    with open("/proc/net/ipv6_route") as table:
        routes += [line for line in table.read().splitlines() if not line.endswith(" lo")]
    with open("/proc/net/if_inet6") as table:
        routes += [line for line in table.read().splitlines() if not line.endswith(" lo")]
    with open("/proc/net/unix") as table:
        # Abstract names of other namespaces would be here.
        named = [line.split()[-1] for line in table.read().splitlines()[1:] if "@" in line]
    return routes + named
