"""Namespaces on one switch: hosts `a`, `b`, `c` with 10.79.0.1, .2, .3 and fd79::1, ::2, ::3 on interface e0.

    a ---.
    b ---+--- bridge (a namespace of its own)
    c ---'
"""
import fcntl
import os
import struct

import netns
from netns import run

_count = [0]
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 0x0002, 0x1000


class Lan:
    def __init__(self, hosts="abc"):
        _count[0] += 1
        self.prefix = "psl-%d-%d" % (os.getpid(), _count[0])
        self.hosts = hosts
        self._make("sw")
        run("ip", "-n", self.ns("sw"), "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.ns("sw"), "link", "set", "br0", "up")
        for i, host in enumerate(hosts, 1):
            self._make(host)
            run("ip", "link", "add", "e0", "netns", self.ns(host), "type", "veth", "peer", "name", "port-" + host, "netns", self.ns("sw"))
            run("ip", "-n", self.ns("sw"), "link", "set", "port-" + host, "master", "br0", "up")
            run("ip", "-n", self.ns(host), "addr", "add", "10.79.0.%d/24" % i, "dev", "e0")
            run("ip", "-n", self.ns(host), "addr", "add", "fd79::%d/64" % i, "dev", "e0", "nodad")
            run("ip", "-n", self.ns(host), "link", "set", "e0", "up")

    def _make(self, name):
        run("ip", "netns", "add", self.ns(name))
        run("ip", "-n", self.ns(name), "link", "set", "lo", "up")

    def ns(self, host):
        return "%s-%s" % (self.prefix, host)

    def prefix_of(self, host):
        """What a command line begins with to run there."""
        return ["ip", "netns", "exec", self.ns(host)]

    def addresses(self, host):
        return run("ip", "-n", self.ns(host), "-br", "addr", "show", "dev", "e0").stdout

    def plug(self, host, to_switch):
        """Put the cable in, or pull it: the host's own end stays up."""
        run("ip", "-n", self.ns("sw"), "link", "set", "port-" + host, *(("master", "br0") if to_switch else ("nomaster",)))

    def tap(self, name):
        """One more port of the switch, for a virtual machine: its descriptor. The port goes when that is closed."""
        with self.inside("sw"):
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
        run("ip", "-n", self.ns("sw"), "link", "set", name, "master", "br0", "up")
        return fd

    def inside(self, host):
        return netns.inside(self.ns(host))

    def close(self):
        for host in [*self.hosts, "sw"]:
            run("ip", "netns", "del", self.ns(host), check=False)
