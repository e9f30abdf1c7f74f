"""Goal: over DPDK a path that is narrower than its ends is found out, told of or not, over IPv4 and IPv6, and every byte
arrives."""
import os
import socket
import threading
import time

from harness import equal, expect, need, test
from netns import run
from rawnet import ICMP, ICMP6, Listener, family, icmp, icmp6
from t_dpdk import OUT, Dpdk, there_and_back, worker_of

OUT6 = "fd77:1::1"
NARROW = 1400
FULL4, FULL6 = 1460, 1440  # a segment's bytes at MTU 1500


class Far(Dpdk):
    """The clients are behind a router, which is the namespace `out`; only the link to them is narrow, and they do not
    say so in their segments' size."""

    def __init__(self, t):
        super().__init__(t)
        net = self.net
        run("ip", "netns", "add", net.ns("far"))
        self.defer(lambda: run("ip", "netns", "del", net.ns("far"), check=False))
        run("ip", "link", "add", "f0", "mtu", str(NARROW), "netns", net.ns("far"), "type", "veth", "peer", "name", "r0",
            "mtu", str(NARROW), "netns", net.ns("out"))
        for side, end, hosts in (("far", "f0", (2, 3)), ("out", "r0", (1,))):
            run(*net.prefix_of(side), "ethtool", "-K", end, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
            for host in hosts:
                net.ip(side, "addr", "add", "10.77.3.%d/24" % host, "dev", end)
                net.ip(side, "addr", "add", "fd77:3::%d/64" % host, "dev", end, "nodad")
            net.ip(side, "link", "set", end, "up")
        net.ip("far", "route", "add", "default", "via", "10.77.3.1", "advmss", str(FULL4))
        net.ip("far", "-6", "route", "add", "default", "via", "fd77:3::1", "advmss", str(FULL6))
        net.sysctl("out", "net.ipv4.ip_forward=1")
        net.sysctl("out", "net.ipv6.conf.all.forwarding=1")
        self.source = None

    def width(self, mtu):
        """What the router lets through towards the clients."""
        for side, end in (("far", "f0"), ("out", "r0")):
            self.net.ip(side, "link", "set", end, "mtu", str(mtu))

    def ports(self):
        ports = super().ports()
        ports["ports"]["outside"]["gateways"] = ["10.77.1.2", "fd77:1::2"]
        return ports

    def connect(self, port, timeout=30, host=OUT):
        source = ("fd77:3::%d" if ":" in host else "10.77.3.%d") % self.source
        with self.net.inside("far"):
            return socket.create_connection((host, port), timeout=timeout, source_address=(source, 0))

    def listen(self):
        """What the gateway sends towards the router."""
        found = run("ip", "-n", self.net.ns("gw"), "link", "show", "g0").stdout.split()
        listener = Listener(self.net, "out", "o0", bytes.fromhex(found[found.index("link/ether") + 1].replace(":", "")))
        self.defer(listener.close)
        listener.start()
        return listener


def lengths(listener, s):
    """Of the segments that the gateway has sent in this connection, as far as the listener has come."""
    return {len(h.data) for h in list(listener.segments) if h.ports == (s.getpeername()[1], s.getsockname()[1])}


def longest(listener, s):
    end = time.monotonic() + 20
    while not max(lengths(listener, s), default=0) and time.monotonic() < end:
        time.sleep(0.05)
    return max(lengths(listener, s), default=0)


@test("a narrow link behind a router is found out by what the router says, or by its silence, over IPv4 and IPv6",
      timeout=180)
def narrow(t):
    d = Far(t)
    patient = {"limits": {"handshake_s": 30}}
    links = {"four": d.outer(8443, d.server().address, **patient),
             "six": d.outer(8446, d.server(host="fd77:2::2").address, **patient)}
    links["six"]["listen"]["address"] = ["[%s]:8446" % OUT6]
    d.gateway(links)
    d.source = 2
    listener = d.listen()
    first = [d.tls(8443), d.tls(8446, host=OUT6)]
    for s, fits in zip(first, (NARROW - 40, NARROW - 60)):
        there_and_back(s, 300000)
        expect(longest(listener, s) > fits, "no segment was too long before the router said anything")
        later = d.tls(*((8443,) if s is first[0] else (8446, None, OUT6)))
        there_and_back(later, 300000)
        equal(longest(listener, later), fits, "the longest segment of a connection after that")
    d.net.ip("out", "link", "set", "r0", "mtu", "1500")  # now the router knows nothing, and the link drops
    d.source = 3
    silent, errors = {}, []

    def pour(port, host):
        try:
            silent[port] = d.tls(port, host=host)
            there_and_back(silent[port], 50000)
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=pour, args=way) for way in ((8443, OUT), (8446, OUT6))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    equal(errors, [])
    for port, fits in ((8443, NARROW - 40), (8446, NARROW - 60)):
        expect(longest(listener, silent[port]) > fits, "no segment was too long for the silent router")
    expect(not listener.wrong, "the gateway sent wrong sums: %s" % listener.wrong[:3])


def two_workers(d):
    need(len(os.sched_getaffinity(0)) > 1, "two workers take two processors")
    d.processors, d.queues = 2, {"outside": 2, "inside": 1}
    return d


def on_both(d, g, link, port, host):
    """Connections through a link, at least one of them on each worker."""
    many = []
    while {worker_of(x) for x in g.sessions() if x["link"] == link} != {1, 2}:
        expect(len(many) < 24, "one worker has all of %d connections" % len(many))
        many.append(d.tls(port, host=host))
        there_and_back(many[-1], 1)
    return many


@test("of two workers the one whose connection it is hears what a router says of it, over IPv4 and IPv6", timeout=240,
      alone=True)
def narrow_for_each(t):
    d = two_workers(Far(t))
    links = {"four": d.outer(8443, d.server().address), "six": d.outer(8446, d.server(host="fd77:2::2").address)}
    links["six"]["listen"]["address"] = ["[%s]:8446" % OUT6]
    g = d.gateway(links)
    d.source = 2
    d.width(1500)
    families = (on_both(d, g, "four", 8443, OUT), NARROW - 40), (on_both(d, g, "six", 8446, OUT6), NARROW - 60)
    d.width(NARROW)  # who came after this would know it from its worker
    listener = d.listen()
    for s, fits in [(s, fits) for many, fits in families for s in many]:
        there_and_back(s, 20000)
        end = time.monotonic() + 20
        while not (sizes := lengths(listener, s)) or max(sizes) <= fits or fits not in sizes:  # the listener may be behind
            expect(time.monotonic() < end, "guessed, not told by the router: %s" % sorted(sizes)[-3:])
            time.sleep(0.05)


def ping(net, source, target):
    """An echo there and back, from a source address of the namespace `out`."""
    four = ":" not in target
    with net.inside("out"):
        raw = socket.socket(family(target), socket.SOCK_RAW, ICMP if four else ICMP6)
    with raw:
        raw.settimeout(0.5)
        raw.bind((source, 0))
        body = os.urandom(40)
        sent = icmp(8, 0, 7 << 16 | 1, body) if four else icmp6(source, target, 128, 0, 7 << 16 | 1, body)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            raw.sendto(sent, (target, 0))
            try:
                got = raw.recv(2048)
                while body not in got or got[20 if four else 0] != (0 if four else 129):
                    got = raw.recv(2048)
                return
            except socket.timeout:
                pass
    raise AssertionError("%s does not answer %s" % (target, source))


@test("of two workers whichever gets it answers a ping: it finds the neighbour, whose answer may come to the other one",
      timeout=120)
def pings(t):
    d = two_workers(Dpdk(t))
    d.terminate(d.server().address)
    for i in range(16, 24):
        for source, bits, target in (("10.77.1.%d" % i, 24, OUT), ("fd77:1::%x" % i, 64, OUT6)):
            d.net.ip("out", "addr", "add", "%s/%d" % (source, bits), "dev", "o0", *(["nodad"] if bits == 64 else []))
            ping(d.net, source, target)
