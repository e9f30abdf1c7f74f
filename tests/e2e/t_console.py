"""Goal: a person at the appliance's console sees how it stands and orders what the menu has, and nothing that is typed does more."""
import errno
import fcntl
import json
import os
import pty
import re
import socket
import subprocess
import termios
import threading
import time

from gateway import BIN
from harness import equal, expect, test
from t_bootstrap import Fresh
from t_system import Disk, MiB, write


class Console:
    """penstock-console on a terminal of its own, whose other end is ours."""

    def __init__(self, t, state, helper):
        self.fd, theirs = pty.openpty()
        self.text = ""
        self.proc = subprocess.Popen([os.path.join(BIN, "penstock-console"), state, helper, os.path.join(state, "news")], stdin=theirs, stdout=theirs,
                                     stderr=subprocess.DEVNULL, start_new_session=True,
                                     preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(theirs)
        os.set_blocking(self.fd, False)
        t.defer(self.stop)

    def read(self):
        try:
            self.text += os.read(self.fd, 65536).decode(errors="replace").replace("\r\n", "\n")
        except BlockingIOError:
            pass
        return self.text.split("\x1b[H")[-1]  # what is on the screen by now

    def wait(self, pattern, timeout=60):
        end = time.monotonic() + timeout
        while not (found := re.search(pattern, self.read(), re.M)):
            expect(time.monotonic() < end and self.proc.poll() is None, "no %r on the screen:\n%s" % (pattern, self.read()))
            time.sleep(0.02)
        return found

    def keys(self, data):
        while data:  # as fast as the program reads it
            try:
                data = data[os.write(self.fd, data):]
            except BlockingIOError:
                self.read()
                time.sleep(0.01)

    def order(self, key, question, answer=b"y"):
        self.keys(key)
        self.wait(question)
        self.keys(answer)

    def stop(self):
        os.close(self.fd)
        self.proc.kill()
        self.proc.wait()


def powered(d):
    try:
        with open(d.powered, encoding="utf-8") as f:
            return f.read().split("\n")[:-1]
    except FileNotFoundError:
        return []


def mark(d):
    with open(d.state, "rb") as f:
        f.seek(32 * MiB - 4096)
        return f.read(4096).rstrip(b"\0")


@test("what no key is, and a key without a yes, orders nothing; the program does not end", timeout=120)
def deaf(t):
    d = Disk(t)
    write(os.path.join(d.path, "news"), b"first configuration taken from the drive\n")
    c = Console(t, d.path, d.socket)
    c.wait(r"^first configuration taken from the drive$")
    c.wait(r"^the gateway is not ready[^$]*slot a   \d+, good, runs")
    c.keys(b"\x03\x1a\x1c\x04\x13\x11\x00\x1b[A\x1bOP\xff" + bytes(range(0x80, 0x100)) + b"a" * 10000 + b"\x1b[" + b"1;" * 5000 + b"y")
    for key in b"vrs":
        c.order(bytes([key]), r"y  yes", b"n")
        c.wait(r"^Press a key")
    c.order(b"x", r"destroyed", b"y")
    c.wait(r"^Type the word erase")
    c.keys(b"e" * 5000 + b"\r")
    c.wait(r"^Press a key")
    c.order(b"r", r"y  yes", b"\x03\x1c\x1a")
    c.keys(b"n")
    c.wait(r"^Press a key")
    equal((powered(d), mark(d), c.proc.poll()), ([], b"", None))
    before = termios.tcgetattr(c.fd)
    expect(not before[3] & (termios.ISIG | termios.ICANON | termios.ECHO), "the terminal makes signals, lines or an echo")
    expect(before[0] & termios.IGNBRK and not before[0] & termios.BRKINT, "a break is something")


@test("what is typed ahead of a question is no answer to it", timeout=120)
def ahead(t):
    d = Disk(t)
    c = Console(t, d.path, d.socket)
    c.wait(r"^Press a key")
    c.keys(b"ryryry")
    c.wait(r"y  yes")
    c.keys(b"n")
    c.wait(r"^Press a key")
    equal(powered(d), [])


@test("the network is typed in, judged, and becomes the appliance's; a mistake changes nothing", timeout=120)
def network(t):
    d = Disk(t)
    c = Console(t, d.path, d.socket)
    units = os.path.join(d.path, "units")

    def fill(*lines):
        c.wait(r"^Press a key")
        c.keys(b"n")
        for name, line in zip(("interface", "VLAN", "address", "gateway", "name servers", "time servers"), lines):
            c.wait(r"^%s: " % name)
            c.keys(line + b"\r")

    fill(b"eth0", b"", b"192.0.2.1", b"", b"", b"")
    c.wait(r"replaces the whole network")
    c.keys(b"y")
    c.wait(r"^Not done: address: is no address with a length")
    equal(os.listdir(units), [])
    fill(b"eth1,eth2", b"7", b"192.0.2.1/24", b"192.0.2.254", b"192.0.2.53", b"ntp.test")
    c.wait(r"^address       192\.0\.2\.1/24[^$]*replaces the whole network")
    c.keys(b"y")
    c.wait(r"^The network is set")
    d.wait(lambda: "--no-block reload systemd-networkd.service" in powered(d), "networkd to hear of it")
    d.wait(lambda: "--no-block restart systemd-timesyncd.service" in powered(d), "timesyncd to hear of it")
    with open(os.path.join(units, "05-penstock-vlan7.network"), encoding="utf-8") as f:
        expect("Address=192.0.2.1/24" in f.read(), "the address")
    expect(os.path.exists(os.path.join(units, "05-penstock-bond0.netdev")), "the bond")
    equal(sorted(os.listdir(os.path.join(d.path, "kept"))), ["network", "time"])


@test("a restart, a shutdown and the other version are ordered; a factory reset takes its word, marks the state and restarts", timeout=120)
def orders(t):
    d = Disk(t)
    c = Console(t, d.path, d.socket)
    c.wait(r"^Press a key")
    c.order(b"v", r"other slot starts next")
    c.wait(r"^Not done: version: there is none in the other slot; send an update")
    for key, verb, said in ((b"r", "reboot", "restarts"), (b"s", "poweroff", "shuts down")):
        c.order(key, r"All sessions end")
        c.wait(r"^The appliance " + said)  # what is typed ahead of that is dropped
        d.wait(lambda v=verb: powered(d)[-1:] == ["--no-block " + v], verb)
    if os.geteuid():
        return  # only root, who stands at the box, may reset
    c.order(b"x", r"destroyed", b"y")
    c.wait(r"^Type the word erase")
    c.keys(b"erase")
    c.wait(r"^> erase")
    equal((mark(d), len(powered(d))), (b"", 2))
    c.keys(b"\r")
    c.wait(r"begins anew")
    equal(mark(d), b"penstock: to be emptied\n")
    d.wait(lambda: powered(d)[2:] == ["--no-block reboot"], "the restart")


def half_answers(t, path):
    """A gateway each of whose answers ends too early."""
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    t.defer(listener.close)

    def serve():
        try:
            while True:
                with listener.accept()[0] as conn:
                    conn.recv(4096)
                    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":")
        except OSError:
            pass
    threading.Thread(target=serve, daemon=True).start()


@test("the support bundle comes on the line, whole and without the token; a key stops it, and a gateway that is gone is said", timeout=120)
def support(t):
    f = Fresh(t)
    c = Console(t, f.g.state, os.path.join(t.dir, "no-helper"))
    c.wait(r"^Press a key")
    c.order(b"b", r"any key stops them[^$]*y  yes")
    c.wait(r"^The support bundle stands above")
    text = re.search(r"^support bundle begins\n(.*?)\nsupport bundle ends$", c.text, re.M | re.S).group(1)
    bundle = json.loads(text.replace("\n", ""))
    over_rest = f.g.api("GET", "/api/v1/support")[2]
    equal(bundle.keys(), over_rest.keys())
    equal(bundle["configuration"], over_rest["configuration"])
    expect(max(map(len, text.split("\n"))) < 4096 and text.isascii() and "\x1b" not in text, "lines for a terminal")
    token = f.token()
    expect(token not in text and token.replace("-", "") not in text, "the token")
    for _ in range(30):  # a key that comes together with the yes, or behind the end, stops nothing
        c.order(b"b", r"any key stops them[^$]*y  yes")
        time.sleep(0.005)
        c.keys(b"-")
        c.wait(r"^Press a key")
        if "\nsupport bundle is not whole\n" in c.text:
            break
    expect("\nsupport bundle is not whole\n" in c.text, "no key stopped it")
    f.g.stop()
    c.wait(r"^the gateway is not ready")
    c.order(b"b", r"any key stops them[^$]*y  yes")
    c.wait(r"^Not done: gateway: it gives no support bundle")
    half_answers(t, os.path.join(f.g.state, "penstock.sock"))
    c.wait(r"^penstock ready")
    c.order(b"b", r"any key stops them[^$]*y  yes")
    c.wait(r"^Not done: gateway: it gives no support bundle \(-%d\)" % errno.EPROTO)
