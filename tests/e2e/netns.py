"""Network namespaces for one test: an outside, a gateway and an inside, joined by veth pairs.

    out (10.77.1.2) <--- o0 | g0 ---> gw (10.77.1.1, 10.77.2.1) <--- g1 | i0 ---> in (10.77.2.2)

The gateway's ends carry no address: the DPDK engine has them, by packet sockets. The kernel's ends compute whole
checksums, since nothing between them would complete a partial one."""
import contextlib
import ctypes
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 0x10
_count = [0]


def run(*args, check=True):
    r = subprocess.run(args, capture_output=True, text=True)
    if check and r.returncode:
        raise AssertionError("%s: %s" % (" ".join(args), r.stderr.strip()))
    return r


def usable():
    """None, or why this machine has no namespaces for us."""
    if os.geteuid() != 0:
        return "it takes root to make network namespaces"
    name = "pst-%d-probe" % os.getpid()
    r = run("ip", "netns", "add", name, check=False)
    if r.returncode:
        return "network namespaces can not be made: " + r.stderr.strip()
    r = run("ip", "-n", name, "link", "set", "lo", "up", check=False)
    run("ip", "netns", "del", name, check=False)
    return "network namespaces can not be entered: " + r.stderr.strip() if r.returncode else None


def vlan_of(aux):
    """The tag that the kernel took off a received frame (struct tpacket_auxdata), or 0."""
    for level, kind, data in aux:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tag, _ = struct.unpack_from("=IIIHHHH", data)
            return tag & 0xfff if status & TP_STATUS_VLAN_VALID else 0
    return 0


class Wire(threading.Thread):
    """Joins two interfaces by packet sockets and treats each frame as a bad line would: lost, twice, late, out of
    order. (tc netem does the same in the kernel, but not every kernel has it.)"""

    def __init__(self, ends, seed=1, loss=0.01, twice=0.01, late=0.05, delay=0.002, tag=None):
        """tag: the second end is of that VLAN; what goes there gets it, what comes without it is counted and lost."""
        super().__init__(daemon=True)
        self.tag, self.expected, self.strange = tag, tag, 0
        if tag:
            ends[1].setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.ends, self.random = ends, random.Random(seed)
        self.loss, self.twice, self.late, self.delay = loss, twice, late, delay
        self.waiting, self.count, self.ended = [], 0, False
        self.lost = 0

    def put(self, to, frame, now):
        """A late frame is overtaken by those behind it."""
        self.count += 1
        due = now + self.delay * (1 + 3 * (self.random.random() < self.late))
        heapq.heappush(self.waiting, (due, self.count, to, frame))

    def take(self, i, now):
        for _ in range(64):
            try:
                frame, aux, _, at = self.ends[i].recvmsg(65536, 64, socket.MSG_DONTWAIT)
            except OSError:
                return  # nothing is there, or the interface is down
            if at[2] == socket.PACKET_OUTGOING:  # our own
                continue
            if i == 1 and self.expected and vlan_of(aux) != self.expected:
                self.strange += 1
                continue
            if i == 0 and self.tag:
                frame = frame[:12] + b"\x81\0" + self.tag.to_bytes(2, "big") + frame[12:]
            if self.random.random() < self.loss:
                self.lost += 1
                continue
            self.put(1 - i, frame, now)
            if self.random.random() < self.twice:
                self.put(1 - i, frame, now)

    def run(self):
        while not self.ended:
            now = time.monotonic()
            while self.waiting and self.waiting[0][0] <= now:
                _, _, to, frame = heapq.heappop(self.waiting)
                try:
                    self.ends[to].send(frame)
                except OSError:
                    pass  # as lost as any other
            wait = max(0, self.waiting[0][0] - now) if self.waiting else 0.1
            for end in select.select(self.ends, [], [], wait)[0]:
                self.take(self.ends.index(end), time.monotonic())


@contextlib.contextmanager
def inside(name):
    """This thread is in that namespace: what it opens stays there."""
    home, there = (os.open(path, os.O_RDONLY) for path in ("/proc/thread-self/ns/net", "/run/netns/" + name))
    try:
        enter(there)
        yield
    finally:
        enter(home)
        os.close(home)
        os.close(there)


def enter(fd):
    if LIBC.setns(fd, CLONE_NEWNET):
        raise AssertionError("setns: " + os.strerror(ctypes.get_errno()))


class Net:
    def __init__(self, mtu=1500, v6=True, **bad):
        """bad: what the line outside does to frames (see Wire)."""
        _count[0] += 1
        self.prefix = "pst-%d-%d" % (os.getpid(), _count[0])
        self.mtu, self.v6 = mtu, v6
        self.wire = None
        for side in ("out", "gw", "in"):
            run("ip", "netns", "add", self.ns(side))
            run("ip", "-n", self.ns(side), "link", "set", "lo", "up")
        self._pair("out", "o0", "g0", 1)
        self._pair("in", "i0", "g1", 2)
        if bad:
            self._spoil(bad)

    def _spoil(self, bad):
        """Put a bad line between o0 and g0: their pair is cut in two, and a Wire joins the halves."""
        out, gw = self.ns("out"), self.ns("gw")
        run("ip", "-n", gw, "link", "del", "g0")
        for end, far, ns in (("o0", "w0", out), ("g0", "w1", gw)):
            run("ip", "link", "add", far, "mtu", str(self.mtu), "netns", gw, "type", "veth", "peer", "name", end, "mtu",
                str(self.mtu), "netns", ns)
            run("ip", "-n", gw, "link", "set", far, "up")
            self.quiet("gw", far)
        self.client_end("out", "o0", 1)
        self._gateway_end("g0")
        self.join(("w0", "w1"), **bad)

    def join(self, interfaces, **bad):
        """A Wire between two interfaces of the gateway's namespace."""
        ends = []
        with self.inside("gw"):
            for name in interfaces:
                ends.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
                ends[-1].bind((name, 0))
        self.wire = Wire(ends, **bad)
        self.wire.start()

    def ns(self, side):
        return "%s-%s" % (self.prefix, side)

    def _pair(self, side, end, gateway_end, number):
        run("ip", "link", "add", end, "mtu", str(self.mtu), "netns", self.ns(side), "type", "veth",
            "peer", "name", gateway_end, "mtu", str(self.mtu), "netns", self.ns("gw"))
        self.client_end(side, end, number)
        self._gateway_end(gateway_end)

    def quiet(self, side, link):
        """No address of its own, and no offer to finish other's checksums."""
        self.sysctl(side, "net.ipv6.conf.%s.disable_ipv6=1" % link, check=False)
        run(*self.prefix_of(side), "ethtool", "-K", link, "tx", "off", "tso", "off", "gso", "off", "gro", "off")

    def client_end(self, side, end, number):
        run(*self.prefix_of(side), "ethtool", "-K", end, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        run("ip", "-n", self.ns(side), "addr", "add", "10.77.%d.2/24" % number, "dev", end)
        if self.v6:
            run("ip", "-n", self.ns(side), "addr", "add", "fd77:%d::2/64" % number, "dev", end, "nodad")
        run("ip", "-n", self.ns(side), "link", "set", end, "up")

    def _gateway_end(self, end):
        self.quiet("gw", end)
        # A packet socket's ring is handed on by veth without a copy, and used again before the receiver has read it:
        # a device without scatter-gather gets every frame in memory of its own.
        run(*self.prefix_of("gw"), "ethtool", "-K", end, "sg", "off")
        run("ip", "-n", self.ns("gw"), "link", "set", end, "up")

    def sysctl(self, side, setting, check=True):
        run(*self.prefix_of(side), "sysctl", "-qw", setting, check=check)

    def ip(self, side, *args):
        run("ip", "-n", self.ns(side), *args)

    def prefix_of(self, side):
        """What a command line begins with to run there."""
        return ["ip", "netns", "exec", self.ns(side)]

    def inside(self, side):
        return inside(self.ns(side))

    def close(self):
        if self.wire:
            self.wire.ended = True
            self.wire.join(2)
        for side in ("out", "gw", "in"):
            run("ip", "netns", "del", self.ns(side), check=False)


