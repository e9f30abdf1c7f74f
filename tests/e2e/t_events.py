"""Goal: whoever watches sees at once who was turned away, what was cut and what was changed; and finds the reasons later."""
import json
import os
import select
import socket
import ssl
import subprocess
import time

from gateway import BIN
from harness import equal, expect, recv_exactly, test
from pki import CA, openssl
from t_first_light import client_context


def connect(t, port, cert=None):
    ctx = client_context(t.pki, cert or t.pki.client)
    tls = ctx.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname="gw.test")
    tls.sendall(b"x")
    recv_exactly(tls, 1)
    return tls


def refused(t, port, cert):
    try:
        connect(t, port, cert)
        expect(False, "it was let in")
    except (OSError, ssl.SSLError, AssertionError) as e:
        expect("it was let in" not in str(e), "it was let in")


class Watch:
    """A stream of events over the local socket."""

    def __init__(self, g, query="", headers=""):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(os.path.join(g.state, "penstock.sock"))
        self.sock.sendall(("GET /api/v1/events%s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (query, headers)).encode())
        self.text = ""
        self.until("what happens from now on" if "Last-Event-ID" not in headers else "text/event-stream")

    def until(self, words, timeout=10):
        end = time.monotonic() + timeout
        while words not in self.text:
            ready, _, _ = select.select([self.sock], [], [], max(0, end - time.monotonic()))
            expect(ready, "no %r in: %s" % (words, self.text[-2000:]))
            more = self.sock.recv(65536)
            expect(more, "the stream ended without %r: %s" % (words, self.text[-1000:]))
            self.text += more.decode()

    def gather(self, kind, count, timeout=10):
        end = time.monotonic() + timeout
        while len([e for e in self.events() if e[1] == kind]) < count:
            ready, _, _ = select.select([self.sock], [], [], max(0, end - time.monotonic()))
            expect(ready, "not %d of %s in: %s" % (count, kind, self.text[-2000:]))
            self.text += self.sock.recv(65536).decode()

    def events(self):
        """[(id, type, data)] of what has come so far."""
        out = []
        for block in self.text.split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.splitlines() if line.startswith(("id: ", "event: ", "data: ")))
            if "data" in lines:
                out.append((int(lines.get("id", 0)), lines["event"], json.loads(lines["data"])))
        return out


@test("a refused handshake is kept with its chain and every reason, and the watcher sees it")
def refusals(t):
    g = t.terminate(t.server().address)
    watch = Watch(g)
    stranger = CA(t.dir, "stranger-ca").issue("stranger", "URI:spiffe://partner.example/client", "clientAuth")
    other = t.pki.inter.issue("other", "URI:spiffe://other.example/x", "clientAuth")
    refused(t, g.port, stranger)
    refused(t, g.port, other)
    g.wait(lambda: len(g.api("GET", "/api/v1/refusals")[2]["items"]) == 2, 10, "two refusals")
    newest, first = g.api("GET", "/api/v1/refusals")[2]["items"]
    equal((first["reason"], newest["reason"], newest["link"], newest["side"]), ("unknown_ca", "no_rule", "in", "listen"))
    equal(newest["peer"], "spiffe://other.example/x")
    expect(newest["source"].startswith("127.0.0.1:") and newest["checks"][0]["reason"] == "no_rule", newest)
    one = g.api("GET", "/api/v1/refusals/" + newest["id"])[2]
    presented = openssl("x509", "-noout", "-fingerprint", "-sha256", data=one["chain"].encode()).decode()
    expect(other.fingerprint() in presented.replace(":", "").lower(), one)
    equal(one["chain"].count("BEGIN CERTIFICATE"), 2)  # the leaf and its intermediate
    equal([i["id"] for i in g.api("GET", "/api/v1/refusals?reason=unknown_ca")[2]["items"]], [first["id"]])
    equal(g.api("GET", "/api/v1/refusals?link=none")[2]["items"], [])
    page = g.api("GET", "/api/v1/refusals?limit=1")[2]
    equal([i["id"] for i in g.api("GET", "/api/v1/refusals?limit=1&cursor=" + page["next"])[2]["items"]], [first["id"]])
    equal([g.api("GET", "/api/v1/refusals/" + bad)[0] for bad in ("0", "99", "x")], [404, 404, 404])
    raw = socket.create_connection(("127.0.0.1", g.port))
    raw.sendall(b"GET / HTTP/1.0\r\n\r\n")
    raw.recv(100)
    g.wait(lambda: g.api("GET", "/api/v1/refusals")[2]["items"][0]["reason"] == "not_tls", 10, "what is no TLS")
    equal(g.api("GET", "/api/v1/refusals/3")[2]["chain"], "")
    watch.until('"not_tls"')
    equal([(kind, data["reason"]) for _, kind, data in watch.events()],
          [("refusal", "unknown_ca"), ("refusal", "no_rule"), ("refusal", "not_tls")])
    expect("no_rule" in g.ctl("refusals") and "BEGIN CERTIFICATE" in g.ctl("refusal", newest["id"]), g.ctl("refusals"))


@test("a change of trust is seen as it cuts: the revision, each session with its reason, and one row in the audit")
def cuts(t):
    bob = t.pki.inter.issue("bob-events", "URI:spiffe://partner.example/bob", "clientAuth")
    g = t.terminate(t.server().address, peers=[{"uri": "spiffe://partner.example/client"}, {"uri": "spiffe://partner.example/bob"}])
    stay, go = connect(t, g.port), [connect(t, g.port, bob) for _ in range(5)]
    watch, only = Watch(g), Watch(g, "?types=revision")
    tag = g.api("GET", "/api/v1/links/in")[1]["ETag"]
    rules = {"listen": {"tls": {"peers": [{"uri": "spiffe://partner.example/client"}]}}}
    equal(g.api("PATCH", "/api/v1/links/in", rules, {"If-Match": tag})[0], 200)
    watch.gather("session.cut", 5)
    watch.gather("revision", 1)
    kinds = [e[1] for e in watch.events()]
    equal((kinds.count("session.cut"), kinds.count("revision")), (5, 1), watch.text)
    cut = [e[2] for e in watch.events() if e[1] == "session.cut"][0]
    equal((cut["reason"], cut["link"], cut["peer"]), ("no_rule", "in", "spiffe://partner.example/bob"))
    ids = [e[0] for e in watch.events()]
    equal(ids, sorted(ids))
    only.until('"applied"')
    equal([e[1] for e in only.events()], ["revision"])
    again = Watch(g, headers="Last-Event-ID: %d\r\n" % ids[2])
    again.until("id: %d\n" % ids[-1])
    equal([e[0] for e in again.events()], ids[3:])  # nothing is missed, nothing comes twice
    g.wait(lambda: [r for r in g.api("GET", "/api/v1/audit")[2]["items"] if r["action"] == "sessions.cut"], 10, "the audit's row")
    rows = [r for r in g.api("GET", "/api/v1/audit")[2]["items"] if r["action"] == "sessions.cut"]
    equal([(r["object"], r["detail"]["reason"], r["detail"]["sessions"], r["detail"]["peers"]) for r in rows],
          [("in", "no_rule", 5, {"spiffe://partner.example/bob": 5})])
    stay.sendall(b"y")
    equal(recv_exactly(stay, 1), b"y")
    equal(g.ctl("audit-verify") and len(go), 5)


@test("watchers are bounded, slow ones hold nobody up, and the stream ends with the process and begins anew")
def watchers(t):
    g = t.terminate(t.server().address)
    many = [Watch(g) for _ in range(16)]
    status, headers, problem = g.api("GET", "/api/v1/events")
    equal((status, "16 others" in problem["detail"]), (503, True))
    many[0].sock.close()
    refused(t, g.port, t.pki.inter.issue("nobody", "URI:spiffe://other.example/x", "clientAuth"))
    many[1].until("no_rule")
    g.wait(lambda: g.status() is not None, 10, "an answer")
    for pid in g.children()["penstock-mgmt"]:
        os.kill(pid, 9)
    g.wait(lambda: g.api("GET", "/healthz")[0] == 200, 20, "the next management")
    fresh = Watch(g, headers="Last-Event-ID: 4711\r\n")
    refused(t, g.port, t.pki.inter.issue("nobody2", "URI:spiffe://other.example/x", "clientAuth"))
    fresh.until("no_rule")
    proc = subprocess.Popen([os.path.join(BIN, "penstockctl"), "--state", g.state, "events", "refusal"], stdout=subprocess.PIPE, text=True)
    t.defer(proc.kill)
    deadline = time.monotonic() + 10
    line = ""
    while not line and time.monotonic() < deadline:
        refused(t, g.port, CA(t.dir, "ca%d" % time.monotonic_ns()).issue("n%d" % time.monotonic_ns(), "URI:x:y", "clientAuth"))
        ready, _, _ = select.select([proc.stdout], [], [], 0.3)
        line = proc.stdout.readline() if ready else ""
    expect(line.startswith("refusal") and "unknown_ca" in line, line)
