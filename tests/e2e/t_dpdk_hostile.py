"""Goal: whatever a stranger puts on the wire, the DPDK engine lives, answers no more than it was asked, keeps its memory,
and links beside it go on: segments that are malformed, out of place or forged, and floods of them."""
import os
import random
import struct
import threading

from gateway import BIN
from harness import equal, expect, test
from rawnet import (ACK, ETH_ARP, ETH_IP, FIN, ICMP, PSH, RST, SYN, TCP, UDP, URG, Stranger, icmp, icmp6, ip4, ip6,
                    packed, tcp)
from t_dpdk import IN, OUT, Dpdk, resident, there_and_back

PORT = 8443
SANITIZED = "/asan/" in BIN  # what is freed is kept for a while there
OUT6 = "fd77:1::1"
FOUR, SIX = "10.77.1.66", "fd77:1::66"


def malformed(s):
    """(what, packet) of IPv4 frames that nobody may answer."""
    here, ports = s.address, (s.new_port(), PORT)
    good = tcp(here, OUT, ports, SYN)
    return [
        ("a wrong sum of IPv4", ip4(here, OUT, good, wrong=1)),
        ("a wrong sum of TCP", ip4(here, OUT, tcp(here, OUT, ports, SYN, wrong=1))),
        ("a TCP header of 16 bytes", ip4(here, OUT, tcp(here, OUT, ports, SYN, words=4))),
        ("a TCP header longer than the packet", ip4(here, OUT, tcp(here, OUT, ports, SYN, words=15))),
        ("an IPv4 header of 16 bytes", ip4(here, OUT, good, words=4)),
        ("an IPv4 packet longer than the frame", ip4(here, OUT, good, length=1400)),
        ("an IPv4 packet shorter than its TCP header", ip4(here, OUT, good, length=30)),
        ("loose source routing", ip4(here, OUT, good, options=b"\x83\x07\x04" + packed(IN) + b"\0")),
        ("strict source routing", ip4(here, OUT, good, options=b"\x89\x07\x04" + packed(IN) + b"\0")),
        ("record route", ip4(here, OUT, good, options=b"\x07\x07\x04" + bytes(4) + b"\0")),
        ("options that overrun", ip4(here, OUT, good, options=b"\x83\xff\x04\x00")),
        ("a first fragment", ip4(here, OUT, good, offset=0x2000)),
        ("a fragment that overlaps the header", ip4(here, OUT, good[8:], offset=1)),
        ("a last fragment beyond 65535", ip4(here, OUT, good, offset=0x1fff)),
        ("a segment to everybody", ip4(here, "10.77.1.255", tcp(here, "10.77.1.255", ports, SYN))),
        *(("a SYN from " + x, ip4(x, OUT, tcp(x, OUT, (9, PORT), SYN)))
          for x in (OUT, "10.77.1.255", "255.255.255.255", "224.0.0.1", "127.0.0.1", "0.0.0.0", "240.0.0.1")),
        ("the land attack", ip4(OUT, OUT, tcp(OUT, OUT, (PORT, PORT), SYN))),
        ("a datagram", ip4(here, OUT, struct.pack("!HHHH", 9, PORT, 8, 0), protocol=UDP)),
        ("an unknown protocol", ip4(here, OUT, good, protocol=132)),
        ("flags that mean nothing", ip4(here, OUT, tcp(here, OUT, ports, 0))),
        ("FIN, PSH and URG", ip4(here, OUT, tcp(here, OUT, ports, FIN | PSH | URG))),
        ("a reset of nothing", ip4(here, OUT, tcp(here, OUT, ports, RST))),
        ("a redirect", ip4(here, OUT, icmp(5, 1, int.from_bytes(packed(here), "big"), ip4(OUT, IN, good)),
                           protocol=ICMP)),
        ("ICMP cut short", ip4(here, OUT, b"\3\4", protocol=ICMP)),
    ]


def malformed6(s):
    """The same over IPv6, with its headers of many kinds."""
    here, ports = s.address, (s.new_port(), PORT)
    good = tcp(here, OUT6, ports, SYN)
    six = bytes([TCP, 0, 1, 4, 0, 0, 0, 0])  # eight bytes of options
    return [
        ("a wrong sum of TCP", ip6(here, OUT6, tcp(here, OUT6, ports, SYN, wrong=1))),
        ("a TCP header of 16 bytes", ip6(here, OUT6, tcp(here, OUT6, ports, SYN, words=4))),
        ("a TCP header longer than the packet", ip6(here, OUT6, tcp(here, OUT6, ports, SYN, words=15))),
        ("a packet longer than the frame", ip6(here, OUT6, good, length=1400)),
        ("hop-by-hop options", ip6(here, OUT6, six + good, protocol=0)),
        ("destination options", ip6(here, OUT6, six + good, protocol=60)),
        ("a chain of headers", ip6(here, OUT6, bytes([60, 0, 1, 4, 0, 0, 0, 0]) * 20 + six + good, protocol=60)),
        ("a routing header of type 0", ip6(here, OUT6, bytes([TCP, 2, 0, 1, 0, 0, 0, 0]) + packed(OUT6) + good,
                                           protocol=43)),
        ("a routing header that overruns", ip6(here, OUT6, bytes([TCP, 255, 0, 99, 0, 0, 0, 0]) + good, protocol=43)),
        ("a first fragment", ip6(here, OUT6, bytes([TCP, 0, 0, 1, 0, 0, 0, 9]) + good, protocol=44)),
        ("an atomic fragment", ip6(here, OUT6, bytes([TCP, 0, 0, 0, 0, 0, 0, 9]) + good, protocol=44)),
        *(("a SYN from " + x, ip6(x, OUT6, tcp(x, OUT6, (9, PORT), SYN)))
          for x in (OUT6, "ff02::1", "::", "::1", "::ffff:10.77.1.66")),
        ("ICMPv6 cut short", ip6(here, OUT6, b"\2\0", protocol=58)),
    ]


def unanswered(s, frames):
    """None of them gets a segment in return, whoever it would be for."""
    s.settle()
    for what, packet in frames:
        s.packet(packet)
        heard = [h for h in s.settle() if not h.data and h.flags & (SYN | RST)]
        equal([(h.target.hex(), h.flags) for h in heard], [], "answers to " + what)


def odd_frames(s):
    """Things that are no packets."""
    s.packet(ip4(s.address, OUT, tcp(s.address, OUT, (s.new_port(), PORT), SYN)), to=b"\xff" * 6)
    s.packet(ip4(s.address, OUT, tcp(s.address, OUT, (s.new_port(), PORT), SYN)), to=b"\x01\0\x5e\0\0\1")
    for kind in (0, 60, 0x88cc, 0x8100, 0xffff):
        s.frame(s.gateway_mac, kind, os.urandom(60))
    for n in (1, 8, 27):
        s.frame(s.gateway_mac, ETH_ARP, struct.pack("!HHBBH", 1, ETH_IP, 6, 4, 1)[:n])
    equal([h for h in s.settle() if not h.data and h.flags & (SYN | RST)], [], "answers")


def options_that_lie(s):
    """A connection begins as if they were not there."""
    for options in (b"\2\0\0\0", b"\2\xff\5\xb4", b"\3\3\xff\0", b"\1\1\1\2", b"\5\xfe\1\1", b"\xfe\0\0\0", b"\2\4\0\0",
                    b"\2\4\0\1", b"\0" * 40, b"\1" * 39 + b"\2", b"\x1e\x28" + b"\xff" * 38):
        s.opened(options=options)


def early_crumbs(s, n):
    """A caller whose first byte is missing sends thousands behind it, each alone, twice."""
    ports, seq, ack = s.opened()
    for _ in range(2):
        for i in range(n):
            s.segment(ACK, ports=ports, seq=seq + 2 + 2 * i, ack=ack, data=b"x")
    s.segment(ACK | URG, ports=ports, seq=seq + 1, ack=ack, data=b"y" * 100, urgent=65535)
    s.segment(ACK | FIN, ports=ports, seq=seq + 300000, ack=ack, data=b"z")
    s.settle()


class Forger:
    """Knows all of a live connection but what its ends say next."""

    def __init__(self, s, sock):
        local, remote = sock.getsockname(), sock.getpeername()
        self.s, self.source, self.ports = s, local[0], (local[1], remote[1])
        last = [h for h in s.listener.segments if h.ports == self.ports[::-1]][-1]
        self.seq, self.ack = last.ack, last.next

    def send(self, flags, seq=0, ack=0, **fields):
        self.s.segment(flags, ports=self.ports, source=self.source, seq=self.seq + seq, ack=self.ack + ack, **fields)

    def answers(self):
        return [h for h in self.s.settle() if h.ports == self.ports[::-1]]


def forged(s, sock):
    """Nothing that is not exactly right is taken, and what a stranger may provoke is little."""
    f = Forger(s, sock)
    s.settle()
    for seq in (1, 2, 1000, 100000, -1, -1000, 1 << 20, 1 << 30, 1 << 31, (1 << 31) + 1):
        f.send(RST, seq=seq)
        f.send(RST | ACK, seq=seq)
    for seq in (0, 1, -1, 1 << 16, 1 << 30, 1 << 31):
        f.send(SYN, seq=seq)
        f.send(SYN | ACK, seq=seq)
    for seq, ack in ((0, 1), (0, 5000), (0, -(1 << 25)), (0, 1 << 31), (1 << 20, 0), (-(1 << 20), 0), (1 << 29, 0)):
        f.send(ACK | PSH, seq=seq, ack=ack, data=b"forged", window=0)
        f.send(ACK | FIN, seq=seq, ack=ack, window=0)
    f.send(PSH, data=b"forged")
    f.send(FIN)
    f.send(0, data=b"forged")
    heard = f.answers()
    expect(1 <= len(heard) <= 4, "%d answers to what was forged" % len(heard))
    equal([(h.flags & (RST | SYN | FIN), h.ack) for h in heard if h.flags & (RST | SYN | FIN) or h.ack != f.seq], [])


def unreachable(s, sock):
    """What routers say of a connection does not end it. RFC 5927 6"""
    f = Forger(s, sock)
    quoted = tcp(s.gateway, f.source, f.ports[::-1], ACK, seq=f.ack, ack=f.seq)
    for code in (0, 1, 2, 3, 5, 13):
        s.packet(ip4(s.address, OUT, icmp(3, code, 0, ip4(OUT, f.source, quoted)), protocol=ICMP))
    s.packet(ip4(s.address, OUT, icmp(4, 0, 0, ip4(OUT, f.source, quoted)), protocol=ICMP))
    s.settle()


def unreachable6(s, sock):
    f = Forger(s, sock)
    quoted = tcp(s.gateway, f.source, f.ports[::-1], ACK, seq=f.ack, ack=f.seq)
    for code in range(7):
        body = icmp6(s.address, OUT6, 1, code, 0, ip6(OUT6, f.source, quoted))
        s.packet(ip6(s.address, OUT6, body, protocol=58))
    s.settle()


def syn_flood(s, n):
    """From addresses that nobody has. The sum is put right from one to the next, not made anew."""
    base = ip4("10.77.1.100", OUT, tcp("10.77.1.100", OUT, (1024, PORT), SYN))
    total = struct.unpack_from("!H", base, 36)[0]
    for i in range(n):
        port = 1024 + i % 60000
        value = total - (port - 1024)
        s.packet(base[:20] + struct.pack("!H", port) + base[22:36] + struct.pack("!H", value % 0xffff) + base[38:])


class Traffic(threading.Thread):
    """A link's bytes there and back, all the while."""

    def __init__(self, sock):
        super().__init__(daemon=True)
        self.sock, self.turns, self.ended, self.error = sock, 0, False, None

    def run(self):
        try:
            while not self.ended:
                there_and_back(self.sock, 20000)
                self.turns += 1
        except BaseException as e:
            self.error = e

    def close(self):
        self.ended = True
        self.join(100)
        expect(not self.error, "the traffic beside it: %s" % self.error)
        expect(self.turns > 1, "no traffic beside it")


@test("strangers' frames, malformed, out of place, forged and in floods, change nothing for the links beside them",
      timeout=180)
def strangers(t):
    random.seed(1)
    d = Dpdk(t)
    links = {"four": d.outer(PORT, d.server().address), "six": d.outer(PORT, d.server(host="fd77:2::2").address)}
    links["six"]["listen"]["address"] = ["[%s]:%d" % (OUT6, PORT)]
    g = d.gateway(links)
    pid = g.children()["penstock-dataplane-dpdk"][0]
    four, six = Stranger(d.net, "out", "o0", FOUR, OUT, PORT), Stranger(d.net, "out", "o0", SIX, OUT6, PORT)
    quiet, quiet6, traffic = d.tls(PORT), d.tls(PORT, host=OUT6), Traffic(d.tls(PORT))
    for s in (quiet, quiet6):
        there_and_back(s, 1000)
    traffic.start()
    unanswered(four, malformed(four))
    unanswered(six, malformed6(six))
    odd_frames(four)
    options_that_lie(four)
    for stranger, sock in ((four, quiet), (six, quiet6)):
        forged(stranger, sock)
        there_and_back(sock, 1000)
    unreachable(four, quiet)
    unreachable6(six, quiet6)
    before = resident(pid)
    early_crumbs(four, 2000)
    early_crumbs(six, 2000)
    syn_flood(four, 10000)
    four.settle()
    there_and_back(d.tls(PORT), 1000)
    grown = resident(pid) - before
    expect(SANITIZED or grown < 12 << 10, "it grew by %d KiB" % grown)
    traffic.close()
    for s in (quiet, quiet6):
        there_and_back(s, 100000)
    equal(g.children()["penstock-dataplane-dpdk"], [pid], "the engine's process")
    four.close()
    six.close()


def frames(g, port):
    """What the metrics say of a port's frames."""
    start = 'penstock_port_frames_total{port="%s",what="' % port
    lines = [x[len(start):].split('"} ') for x in g.api("GET", "/metrics")[2].splitlines() if x.startswith(start)]
    return {what: int(n) for what, n in lines}


@test("a port's frames are in the metrics: what came and went, and why some went no further", timeout=120)
def counted(t):
    d = Dpdk(t)
    g = d.gateway({"in": d.outer(PORT, d.server().address)})
    stranger = Stranger(d.net, "out", "o0", FOUR, OUT, PORT)
    there_and_back(d.tls(PORT), 100000)
    before = frames(g, "outside")
    expect(before["received"] > 10 and before["sent"] > 10 and frames(g, "inside")["received"] > 10, before)
    equal((before["bad_sum"], before["held"], before["lane"], before["not_sent"]), (0, 0, 0, 0))
    for _ in range(5):
        stranger.segment(ACK, seq=1, ack=1, data=b"x" * 100, wrong=1)
        stranger.packet(ip4(FOUR, OUT, tcp(FOUR, OUT, (9, PORT), SYN), options=b"\x07\x07\x04" + bytes(4) + b"\0"))
    g.wait(lambda: frames(g, "outside")["bad_sum"] == 5, 10, "five wrong sums")
    g.wait(lambda: frames(g, "outside")["refused"] >= before["refused"] + 5, 10, "five refused frames")
