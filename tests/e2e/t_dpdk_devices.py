"""Goal: the DPDK engine over AF_XDP sockets, and with its memory in hugepages, is the same engine: bytes arrive over both
families, a crash is healed, and idle it sleeps."""
import os
import socket

from gateway import idle_share
from harness import Skip, equal, expect, need, test
from t_dpdk import OUT, Dpdk, answers, there_and_back

MEMORY_MB = 128  # of a gateway of these tests
OUT6 = "fd77:1::1"


class Xdp(Dpdk):
    """The ports are AF_XDP sockets on the same interfaces."""

    def __init__(self, t):
        super().__init__(t)
        try:
            socket.socket(getattr(socket, "AF_XDP", 44), socket.SOCK_RAW).close()
        except OSError as e:
            raise Skip("this kernel has no AF_XDP: %s" % e) from None

    def device(self, name, number):
        return {**super().device(name, number), "device": "net_af_xdp%d,iface=g%d" % (number, number)}


class Huge(Dpdk):
    def ports(self):
        return {**super().ports(), "hugepages": True}


def free_hugepages_mb():
    with open("/proc/meminfo") as f:
        facts = {line.split(":")[0]: int(line.split()[1]) for line in f if line.startswith("Huge")}
    return facts.get("HugePages_Free", 0) * facts.get("Hugepagesize", 0) // 1024


def both_families(d):
    links = {"four": d.outer(8443, d.server().address), "six": d.outer(8446, d.server(host="fd77:2::2").address)}
    links["six"]["listen"]["address"] = ["[%s]:8446" % OUT6]
    g = d.gateway(links)
    both = d.tls(8443), d.tls(8446, host=OUT6)
    for s in both:
        there_and_back(s, 4 << 20)
    equal({(x["link"], x["outer"]["engine_rx"]) for x in g.sessions()}, {("four", "dpdk"), ("six", "dpdk")})
    return g


def healed(d, g):
    os.kill(g.children()["penstock-dataplane-dpdk"][0], 9)
    g.wait_event("child_serves", timeout=60, process="dataplane-dpdk")
    g.wait(lambda: answers(d), 20, "the engine's listener")
    there_and_back(d.tls(8443), 100000)


@test("over AF_XDP bytes arrive over both families, a crash is healed, and an idle gateway sleeps", timeout=120, alone=True)
def xdp(t):
    d = Xdp(t)
    g = both_families(d)
    healed(d, g)
    used = idle_share(g)
    expect(used < 0.05, "it used %.2f of a processor" % used)


@test("from hugepages the same", timeout=120)
def huge(t):
    need(free_hugepages_mb() >= MEMORY_MB, "there are no %d MB of hugepages free (vm.nr_hugepages)" % MEMORY_MB)
    d = Huge(t)
    healed(d, both_families(d))
