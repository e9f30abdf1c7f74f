"""Goal: whoever stands at the box sees how it is, comes back when every key is lost, and can make it as new; and its watchdog is armed."""
import json
import os
import re
import socket
import threading
import time

from appliance import Appliance
from harness import equal, expect, free_port, test

WATCHDOG = "8086:25ab"
LOCK, ENABLED = 0x68, 2  # of the i6300ESB, in its configuration space


class Line:
    """The serial line: what comes goes to the console's file, what is typed goes in. One connection for as long as the machine
    runs, whose other direction is read and dropped: QEMU writes a byte twice when a connection goes in its middle."""

    def __init__(self, a):
        self.path = os.path.join(a.path, "serial")
        self.words = ["-chardev", "socket,id=line,path=%s,server=on,wait=off,logfile=%s" % (self.path, a.console_path),
                      "-serial", "chardev:line"]
        self.socket = None

    def drop(self, s):
        try:
            while s.recv(65536):
                pass
        except OSError:
            pass
        self.socket = None

    def type(self, data):
        if not self.socket:
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.path)
            threading.Thread(target=self.drop, args=(s,), daemon=True).start()
            self.socket = s
        self.socket.sendall(data)


def appliance(t, **kw):
    a = Appliance(t.dir, {free_port(): 9443}, **kw)
    t.defer(a.kill)
    return a


def screen(a):
    """What is on the screen: what came after it was cleared last."""
    with open(a.console_path, encoding="utf-8", errors="replace") as f:
        return f.read().split("\x1b[H")[-1]


def shows(a, pattern, timeout=300):
    end = time.monotonic() + timeout
    while not (found := re.search(pattern, screen(a), re.M)):
        expect(time.monotonic() < end and a.qemu.poll() is None, "no %r on the screen:\n%s" % (pattern, screen(a)))
        time.sleep(0.1)
    return found


class Monitor:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "event" not in answer:
                return answer["return"]

    def human(self, line):
        return self.ask("human-monitor-command", **{"command-line": line})

    def watchdog_armed(self):
        """Its own register, read past the guest where the machine maps the configuration space."""
        base = int(re.search(r"([0-9a-f]{16})-[0-9a-f]{16} .*pcie-mmcfg", self.human("info mtree")).group(1), 16)
        bus, slot = re.search(r"Bus +(\d+), device +(\d+), function 0:\s+[^\n]*PCI device " + WATCHDOG, self.human("info pci")).groups()
        found = self.human("xp /1xb 0x%x" % (base + (int(bus) << 20) + (int(slot) << 15) + LOCK))
        return bool(int(found.split(":")[1], 16) & ENABLED)


@test("from the console a lost administrator comes back and a factory reset begins anew; the hardware watchdog is armed, and the "
      "power button ends it in order", timeout=3600)
def story(t):
    a = appliance(t)
    line = Line(a)
    monitor = os.path.join(t.dir, "monitor")
    a.more = [*line.words, "-qmp", "unix:%s,server=on,wait=off" % monitor, "-device", "i6300esb"]
    a.boot().wait_ready()
    first = a.token()
    equal(a.enroll("ann", first).returncode, 0)
    shows(a, r"^the token is closed")
    expect(Monitor(monitor).watchdog_armed(), "the watchdog is not armed")

    line.type(b"\x03\x1a\x1c\x00\x1b[A\x1bOP\xff" + b"q" * 4000)
    second = None
    while not second:  # not while the change that closed the first one is under way
        line.type(b"t")
        shows(a, r"can become an administrator")
        line.type(b"y")
        second = shows(a, r"^token (\S+)|^Not done: gateway.* try again").group(1)
    expect(second != first, "the same token again")
    equal(a.enroll("bob", second).returncode, 0)
    shows(a, r"^the token is closed")
    equal(a.ctl("status", name="ann", check=False).returncode, 0, "the administrator before")

    fingerprint = re.compile(r"^server-spki-sha256 (\S+)", re.M).findall(a.console())
    line.type(b"x")
    shows(a, r"are destroyed")
    line.type(b"y")
    shows(a, r"^Type the word erase")
    line.type(b"erase\r")
    a.qemu.wait(300)  # -no-reboot: it ends where it would start again
    a.boot().wait_ready()
    third = a.token()
    expect(third not in (first, second), "an old token")
    expect(re.search(r"^server-spki-sha256 (\S+)", a.console(), re.M).group(1) not in fingerprint, "the old key is there")
    expect(a.ctl("status", name="ann", check=False).returncode != 0, "the old administrator comes in")
    equal(a.enroll("carl", third).returncode, 0)

    Monitor(monitor).ask("system_powerdown")
    equal(a.qemu.wait(300), 0)
    expect(re.search(r"event=manage verb=poweroff|Power down|Powering off|power-off", a.console()) is not None, "it did not end in order:\n" + a.console()[-2000:])
