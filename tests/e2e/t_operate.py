"""Goal: a bad file is told in one line that says where, what and what would be right, and changes nothing."""
import copy
import hashlib
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

from gateway import BIN, Gateway
from harness import equal, expect, free_port, need, recv_exactly, test

SECOND = 6 if os.environ.get("PENSTOCK_VM") or "PENSTOCK_BIN" in os.environ else 1  # emulators and sanitizers are many times slower


def connect(t, port, timeout=10):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.load_verify_locations(t.pki.root.pem)
    ctx.load_cert_chain(t.pki.client.chain, t.pki.client.key)
    raw = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    return ctx.wrap_socket(raw, server_hostname="gw.test")


def put(config, pointer, value):
    """A copy of the configuration with that value at that JSON pointer."""
    out = copy.deepcopy(config)
    at = out
    *path, last = pointer.strip("/").split("/")
    for key in path:
        at = at[key]
    at[last] = value
    return out


def bad_files(t, good):
    """(what, configuration, JSON pointer that the line must name, a word it must hold)."""
    text = os.path.join(t.dir, "text")
    with open(text, "w") as f:
        f.write("neither PEM nor DER\n")
    expired = t.pki.inter.issue("own-expired", "DNS:gw.test", "serverAuth",
                                start="20240101000000Z", end="20240201000000Z")
    own = put(put(good, "/identities/gw/certificate", expired.chain), "/identities/gw/key", expired.key)
    return [
        ("JSON syntax", '{"links": {', "", "line 1"),
        ("an unknown key", put(good, "/frobnicate", 1), "/frobnicate", "identities, trust"),
        ("an unknown key in a link", put(good, "/links/in/listen/port", 1), "/links/in/listen/port", "address"),
        ("a missing key file", put(good, "/identities/gw/key", "/nowhere"), "/identities/gw/key", "/nowhere"),
        ("another's key", put(good, "/identities/gw/key", t.pki.client.key), "/identities/gw/key", "match"),
        ("our own expired certificate", own, "/identities/gw/certificate", "expired"),
        ("an unreadable CRL", put(good, "/trust/partners/crls", [text]), "/trust/partners/crls/0", "revocation lists"),
        ("an unreadable anchor", put(good, "/trust/partners/anchors", [text]), "/trust/partners/anchors", ""),
        ("an unknown identity", put(good, "/links/in/listen/tls/identity", "no"), "/links/in/listen/tls/identity", ""),
        ("an unknown trust", put(good, "/links/in/listen/tls/trust", "no"), "/links/in/listen/tls/trust", "/trust"),
        ("an empty rule", put(good, "/links/in/listen/tls/peers", [{}]), "/links/in/listen/tls/peers/0", ""),
        ("an empty list in a rule", put(good, "/links/in/listen/tls/peers", [{"uri": []}]),
         "/links/in/listen/tls/peers/0", ""),
        ("an unknown engine", put(good, "/links/in/engine", "fast"), "/links/in/engine", "auto"),
        ("a port that is none", put(good, "/links/in/forward/to", ["127.0.0.1:70000"]),
         "/links/in/forward/to/0", "HOST:PORT"),
        ("a negative limit", put(good, "/links/in/limits", {"sessions": -1}), "/links/in/limits/sessions", ""),
    ]


@test("each of fifteen bad files ends the start with status 2 and one line with file, pointer and remedy")
def bad_start(t):
    wrong = []
    for n, (what, config, pointer, word) in enumerate(bad_files(t, t.terminate_config("127.0.0.1:9", free_port()))):
        g = Gateway(t.dir, config, name="bad-%d" % n, wait=False)
        equal(g.proc.wait(20), 2, what)
        lines = [line for line in g.log().splitlines() if line.startswith("penstockd: ")]
        equal(len(lines), 1, "lines for " + what + ":\n" + g.log())
        for part in (g.config_path, pointer, word):
            if part not in lines[0]:
                wrong.append("%s: no %r in %s" % (what, part, lines[0]))
    equal(wrong, [])


@test("each of the same bad files is refused whole on SIGHUP, and the old one goes on")
def bad_reload(t):
    g = t.terminate(t.server().address)
    with connect(t, g.port) as live:
        for what, config, pointer, _ in bad_files(t, g.config):
            equal(g.reload(config), "refused", what)
            expect(pointer in g.events("revision_refused")[-1]["reason"], what)
            live.sendall(b"x")
            equal(live.recv(1), b"x", what)
        with connect(t, g.port) as s:
            s.sendall(b"y")
            equal(s.recv(1), b"y")
        equal(g.reload(g.config), "applied")


@test("a link that requires kernel TLS ends the start with status 2 where the kernel has none")
def no_ktls(t):
    port = free_port()
    g = Gateway(t.dir, t.terminate_config("127.0.0.1:9", port, link={"engine": "ktls"}), name="ktls", wait=False)
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    g.wait(lambda: "event=ktls_probe" in g.log(), what="the probe")
    need(g.events("ktls_probe")[-1]["usable"] == "no", "this kernel has kernel TLS")
    equal(g.proc.wait(20), 2)
    lines = [line for line in g.log().splitlines() if line.startswith("penstockd: ")]
    equal(len(lines), 1, "lines")
    expect("/links/in/engine" in lines[0] and g.config_path in lines[0], lines[0])


@test("SIGHUP with a good file opens a new link while a session of the old one carries on")
def new_link(t):
    g = t.terminate(t.server().address)
    with connect(t, g.port) as live:
        port = free_port()
        config = copy.deepcopy(g.config)
        config["links"]["second"] = put(g.config, "/links/in/listen/address",
                                        ["127.0.0.1:%d" % port])["links"]["in"]
        equal(g.reload(config), "applied")
        with connect(t, port) as s:
            s.sendall(b"new")
            equal(recv_exactly(s, 3), b"new")
        data = os.urandom(100000)
        live.sendall(data[:50000])
        equal(recv_exactly(live, 50000), data[:50000])


class Load:
    """A session that sends random bytes to an echo without a pause, and compares what comes back."""

    def __init__(self, sock):
        self.sock = sock
        self.sent, self.got = hashlib.sha256(), hashlib.sha256()
        self.bytes = 0
        self.going = True
        self.error = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while self.going:
                block = os.urandom(32768)
                self.sent.update(block)
                self.sock.sendall(block)
                self.got.update(recv_exactly(self.sock, len(block)))
                self.bytes += len(block)
        except (OSError, AssertionError) as e:
            self.error = e

    def finish(self):
        self.going = False
        self.thread.join(10)
        equal(self.error, None, "the session under load")
        equal(self.got.digest(), self.sent.digest(), "checksum")


def answers(t, port):
    try:
        with connect(t, port, timeout=1) as s:
            s.sendall(b"x")
            return s.recv(1) == b"x"
    except OSError:
        return False


@test("killing each process in mid-traffic costs a loaded session no byte, and new ones work within a second")
def kill_under_load(t):
    g = t.terminate(t.server().address)
    load = Load(connect(t, g.port))
    g.wait(lambda: load.bytes, what="the first echo: before it the gateway may not have heard the client's Finished")
    for program in ("penstock-handshake", "penstock-keyring", "penstock-mgmt"):
        before = load.bytes
        for pid in g.children()[program]:
            os.kill(pid, signal.SIGKILL)
        start = time.monotonic()
        g.wait(lambda: answers(t, g.port), 5, "a new session after " + program)
        took = time.monotonic() - start
        expect(took < SECOND, "%s: new sessions after %.2f s" % (program, took))
        g.wait(lambda b=before: load.bytes > b + (1 << 20) or load.error, what="a further megabyte")
    load.finish()
    os.kill(g.children()["penstock-dataplane"][0], signal.SIGKILL)
    start = time.monotonic()
    g.wait(lambda: answers(t, g.port), 5, "a new session after penstock-dataplane")
    expect(time.monotonic() - start < SECOND, "after the data plane: %.2f s" % (time.monotonic() - start))


def said(status, document, more=""):
    text = json.dumps(document)
    return ("HTTP/1.1 %d x\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s" % (status, more, len(text), text)).encode()


class Between:
    """What stands between penstockctl and a gateway's local socket: before(method, path) may act, or answer in its place."""

    def __init__(self, t, g, before):
        self.g, self.before, self.asked = g, before, []
        self.state = os.path.join(t.dir, "between")
        os.mkdir(self.state)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.path.join(self.state, "penstock.sock"))
        listener.listen()
        t.defer(listener.close)
        threading.Thread(target=self.serve, args=(listener,), daemon=True).start()

    def serve(self, listener):
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            with client, client.makefile("rb") as f:
                method, path = f.readline().decode().split()[:2]
                headers = dict(line.decode().strip().split(": ", 1) for line in iter(f.readline, b"\r\n"))
                body = f.read(int(headers.get("Content-Length", 0)))
                self.asked.append(method)
                client.sendall(self.before(method, path) or self.answer(method, path, headers, body))

    def answer(self, method, path, headers, body):
        status, got, document = self.g.api(method, path, body or None, {k: v for k, v in headers.items() if k.startswith(("If-", "Content-T"))})
        return said(status, document, "ETag: %s\r\n" % got["ETag"] if got.get("ETag") else "")

    def ctl(self, *args):
        self.asked.clear()
        r = subprocess.run([os.path.join(BIN, "penstockctl"), "--state", self.state, *args], capture_output=True, text=True, timeout=30)
        return r.returncode, r.stderr


@test("a change by penstockctl is made of what is there by then, and is never taken for done when the gateway could not be read")
def change_meets_change(t):
    g = t.terminate(t.server().address)
    path = os.path.join(t.dir, "new.json")
    document = g.api("GET", "/api/v1/config")[2]
    with open(path, "w", encoding="utf-8") as f:
        json.dump({**document, "drain_s": 7}, f)
    others = [5, 6]

    def before(method, _):
        if method == "PUT" and others:  # somebody else comes first
            equal(g.api("PATCH", "/api/v1/config", {"drain_s": others.pop()}, {"If-Match": "*"})[0], 200)

    between = Between(t, g, before)
    equal(between.ctl("apply", path)[0], 0)
    equal((between.asked, g.api("GET", "/api/v1/config")[2]["drain_s"]), (["GET", "PUT"] * 3, 7))
    between.before = lambda method, _: said(500, {"detail": "no disk is there"}) if method == "GET" else None
    code, err = between.ctl("apply", path)
    equal((code, between.asked), (1, ["GET"]), err)
    expect("no disk is there" in err, err)
    cut = [b"HT"]
    between.before = lambda method, _: cut.pop() if cut else None
    code, err = between.ctl("apply", path)
    equal((code, between.asked), (3, ["GET"]), err)
