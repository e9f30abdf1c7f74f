"""Goal: where a device makes TCP's checksums the engine makes none, and the far ends' kernels find every one right: over both
families, behind a tag, on a line that loses frames, and beside a port whose device makes none.

The devices are taps (net_tap), whose driver does what a card would; the other end of a tap is the kernel's. Then virtio, where a
sum that was left out is made nowhere."""
import os
import time

from harness import equal, expect, need, test
from netns import run
from rawnet import ETH_IP, SYN, ethernet, ip4, tcp
from t_dpdk import Dpdk, there_and_back
from t_dpdk_memif import bench, memif, whole

BYTES = 10 << 20
OUT6 = "fd77:1::1"


class Taps(Dpdk):
    """The ports in `taps` are taps, t0 and t1 in the gateway's namespace once it runs."""

    taps = {"outside", "inside"}

    def __init__(self, t):
        need(os.path.exists("/dev/net/tun"), "there is no /dev/net/tun")
        super().__init__(t)

    def device(self, name, number):
        port = super().device(name, number)
        return {**port, "device": "net_tap%d,iface=t%d" % (number, number)} if name in self.taps else port

    def hand_over(self, tap, side, end, number):
        """The kernel's end of the tap takes the place of the interface `end` there."""
        net = self.net
        net.ip(side, "link", "del", end)
        net.ip("gw", "link", "set", tap, "netns", net.ns(side), "name", end)
        net.ip(side, "link", "set", end, "address", "02:00:00:00:77:0%d" % number)  # it has the engine's own
        net.client_end(side, end, number)

    def both_families(self):
        """A gateway with a link for each."""
        links = {"four": self.outer(8443, self.server().address), "six": self.outer(8446, self.server(host="fd77:2::2").address)}
        links["six"]["listen"]["address"] = ["[%s]:8446" % OUT6]
        return self.gateway(links)

    def wrong_sums(self, side):
        """How many TCP segments the kernel there has dropped for their sums."""
        with self.net.inside(side), open("/proc/thread-self/net/snmp", encoding="ascii") as f:
            names, values = (line.split() for line in f if line.startswith("Tcp:"))
        return int(values[names.index("InCsumErrors")])

    def mac(self, side, end):
        told = run("ip", "-n", self.net.ns(side), "link", "show", end).stdout.split()
        return bytes.fromhex(told[told.index("link/ether") + 1].replace(":", ""))


def who_makes_sums(g):
    """By port, for what is received and what is sent, as the log says it."""
    return {e["port"]: (e["rx_sums"], e["tx_sums"]) for e in g.events("port_open")}


@test("a device makes the sums of both legs and both families, and the kernels at the far ends find them right", timeout=180)
def made_by_device(t):
    d = Taps(t)
    g = d.both_families()
    equal(who_makes_sums(g), {"outside": ("device", "device"), "inside": ("device", "device")})
    d.hand_over("t0", "out", "o0", 1)
    d.hand_over("t1", "in", "i0", 2)
    for s in (d.tls(8443), d.tls(8446, host=OUT6)):
        there_and_back(s, BYTES)
        s.close()
    equal((d.wrong_sums("out"), d.wrong_sums("in")), (0, 0))
    equal(g.stop(), 0)


@test("of two ports one has the sums made by its device: behind a tag, on a line that loses, by two workers", timeout=240)
def mixed(t):
    d = Taps(t)
    d.taps = {"outside"}
    d.processors = min(2, len(os.sched_getaffinity(0)))
    plain = d.device
    d.device = lambda name, number: {**plain(name, number), **({"vlan": 7} if name == "outside" else {})}
    g = d.both_families()
    equal(who_makes_sums(g), {"outside": ("device", "device"), "inside": ("software", "software")})
    d.net.quiet("gw", "t0")
    d.net.join(("g0", "t0"), loss=0.01, twice=0.01, late=0.05, tag=7)
    for s in (d.tls(8443), d.tls(8446, host=OUT6)):
        there_and_back(s, BYTES // 4)
    expect(d.net.wire.lost > 10, "the line lost %d frames only" % d.net.wire.lost)
    equal((d.net.wire.strange, d.wrong_sums("out"), d.wrong_sums("in")), (0, 0, 0))
    segment = tcp("10.77.1.9", "10.77.1.2", (7000, 7001), SYN, wrong=1)
    d.net.wire.ends[0].send(ethernet(d.mac("out", "o0"), b"\2\0\0\0\0\x99", ETH_IP, ip4("10.77.1.9", "10.77.1.2", segment)))
    end = time.monotonic() + 10
    while not d.wrong_sums("out"):
        expect(time.monotonic() < end, "the kernel does not look at sums here")
        time.sleep(0.05)


@test("over virtio segments go without TCP's sums, which are on no wire, and what was sent comes back whole", timeout=120, alone=True)
def virtio(t):
    for mtu in (1500, 9000):
        b = bench(t, memif.Virtio, mtu=mtu, name="mtu%d" % mtu)
        b.start("roundtrip", "--sessions", "5", "--rate", "200", "--size", "20000", "--duration", "1", "--warmup", "0")
        equal(who_makes_sums(b.gateway), {"outside": ("device", "device"), "inside": ("device", "device")})
        r = b.finish()
        whole(r)
        equal((r["unanswered"], r["total"]["exchanges"]), (0, 200))
        b.close()
