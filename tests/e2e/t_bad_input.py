"""Goal: whatever is sent to the management interface gets a clear answer or none, changes nothing, and disturbs no traffic."""
import json
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

from gateway import Gateway
from harness import equal, expect, need, recv_exactly, test
from t_management import Managed
from t_operate import connect


class Traffic:
    """A session that echoes all the while; done() says whether it ever waited long."""

    def __init__(self, t, port):
        self.tls, self.worst, self.stop, self.error = connect(t, port), 0.0, threading.Event(), None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while not self.stop.is_set():
                start = time.monotonic()
                self.tls.sendall(b"p" * 100)
                recv_exactly(self.tls, 100)
                self.worst = max(self.worst, time.monotonic() - start)
                time.sleep(0.01)
        except Exception as e:
            self.error = e

    def done(self):
        self.stop.set()
        self.thread.join(20)
        expect(self.error is None and self.worst < 2, "the session: %s, worst %.3f s" % (self.error, self.worst))


def raw(g, data, timeout=15, half_close=False):
    """Everything that comes back over the local socket until the end, or b'' on a reset."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    s.connect(os.path.join(g.state, "penstock.sock"))
    out = b""
    try:
        s.sendall(data)
        if half_close:
            s.shutdown(socket.SHUT_WR)
        while True:
            more = s.recv(65536)
            if not more:
                break
            out += more
    except (ConnectionError, socket.timeout):
        pass
    s.close()
    return out


@test("malformed HTTP is refused or dropped, never obeyed, and the next request is served", timeout=180)
def malformed(t):
    g = t.terminate(t.server().address)
    traffic = Traffic(t, g.port)
    end = b"Connection: close\r\n\r\n"
    put = b"PUT /api/v1/config HTTP/1.1\r\nHost: x\r\nIf-Match: *\r\n"
    config = json.dumps(g.api("GET", "/api/v1/config")[2]).encode()
    before = g.status()["revision"]
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(config), config)
    cases = [
        b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 1000, b"GET\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n" + end, b"GET / JUNK\r\n" + end,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"G" * 40000,
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40000 + b"\r\n" + end, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 9000 + end,
        b"GET / HTTP/1.1\r\n" + end, b"GET / HTTP/1.1\r\nHost: x\r\nbroken header\r\n" + end, b"GET / HTTP/1.1\r\nHost: x\r\n : y\r\n" + end,
        put + b"Content-Length: -1\r\n" + end + config, put + b"Content-Length: 99999999999999999999\r\n" + end + config,
        put + b"Content-Length: 5\r\nContent-Length: 6\r\n" + end + b"{}    ", put + b"Content-Length: 0x10\r\n" + end + config,
        put + b"Transfer-Encoding: chunked\r\n" + end + b"zz\r\n" + config, put + b"Transfer-Encoding: chunked\r\n" + end + b"-5\r\nhello\r\n0\r\n\r\n",
        put + b"Transfer-Encoding: chunked\r\n" + end + b"ffffffffffffffffff\r\nhello", put + b"Transfer-Encoding: gzip\r\n" + end + config,
        b"TRACE / HTTP/1.1\r\nHost: x\r\n" + end, b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n" + end, b"OPTIONS * HTTP/1.1\r\nHost: x\r\n" + end,
        b"GET /api/v1/../../etc/passwd HTTP/1.1\r\nHost: x\r\n" + end, b"GET /api/v1/links/%00 HTTP/1.1\r\nHost: x\r\n" + end,
        b"GET /api/v1/links/%2e%2e%2f HTTP/1.1\r\nHost: x\r\n" + end, b"GET //api/v1/status HTTP/1.1\r\nHost: x\r\n" + end]
    for case in cases:
        answer = raw(g, case, timeout=4)
        head = answer.split(b"\r\n", 1)[0]
        expect(not answer or head.split()[1][:1] in (b"4", b"5"), "%r: %r" % (case[:60], answer[:200]))
    # The library reads a target up to a NUL: then it is the shorter one, for the roles too.
    cut = raw(g, b"GET /api/v1/audit\x00x HTTP/1.1\r\nHost: x\r\n" + end, timeout=4)
    expect(not cut or cut.split()[1] in (b"200", b"400"), cut[:100])
    # Two lengths at a time: whichever is believed, a second request must not come out of one.
    both = raw(g, put + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + b"DELETE /api/v1/links/in HTTP/1.1\r\nHost: x\r\nIf-Match: *\r\n" + end, timeout=4)
    expect(both.count(b"HTTP/1.1 204") == 0, both[:300])
    equal((g.status()["revision"], list(g.api("GET", "/api/v1/links")[2]["items"][0]))[0] >= before, True)
    pipelined = raw(g, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 20 + b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + end)
    equal(pipelined.count(b"HTTP/1.1 200 OK"), 21)
    absolute = raw(g, b"GET http://other/healthz HTTP/1.1\r\nHost: x\r\n" + end, timeout=4)
    expect(absolute.startswith(b"HTTP/1.1 "), absolute[:100])
    expect(not g.events("child_died"), g.events("child_died"))
    traffic.done()


@test("JSON that is broken, doubled, too deep, too large or no text is refused with its place, and nothing changes", timeout=120)
def json_input(t):
    g = t.terminate(t.server().address)
    traffic = Traffic(t, g.port)
    tag = g.api("GET", "/api/v1/config")[1]["ETag"]
    before = g.status()["revision"]
    for body, status in ((b"", 400), (b"{", 400), (b"[]", 400), (b"null", 400), (b'"x"', 400), (b'{"a": 1, "a": 2}', 400), (b'{"a": 1e999}', 400),
                         (b'{"a": 99999999999999999999999}', 400), (b'{"a": "\xff\xfe"}', 400), (b'{"a": "\\ud800"}', 400), (b'{"a": "\\u0000"}', 400),
                         (b"[" * 100000, 400), (b'{"a":' * 3000 + b"1" + b"}" * 3000, 400), (b'{"drain_s": 1} trailing', 400),
                         (b'{"linkss": {}}', 422), (b'{"drain_s": "x"}', 422), (b'{"drain_s": -1}', 422), (b"x" * (8 * 1024 * 1024 + 1), 413)):
        got, headers, problem = g.api("PATCH", "/api/v1/config", body, {"If-Match": tag})
        equal(got, status, "%r: %s" % (body[:40], problem))
        equal((headers["Content-Type"], problem["status"]), ("application/problem+json", status))
        expect(all(ord(c) >= 32 for c in problem["detail"]), problem)
    equal(g.status()["revision"], before)
    expect(not g.events("child_died"), g.events("child_died"))
    traffic.done()


@test("a page of another site changes nothing by the browser of an administrator, and a body is what it says")
def other_sites(t):
    m = Managed(t)
    host = "gw.test:%d" % m.port
    admin = m.as_("admin")
    for headers, status in (({"Origin": "https://evil.example"}, 403), ({"Origin": "null"}, 403), ({"Origin": "http://" + host}, 403),
                            ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site", "Origin": "https://" + host}, 403),
                            ({"Origin": "https://" + host, "Sec-Fetch-Site": "same-origin"}, 201), ({"Sec-Fetch-Site": "none"}, 201), ({}, 201)):
        equal(admin.ask("POST", "/api/v1/keys", {"kind": "ed25519"}, headers)[0], status, headers)
    equal(len(admin.ask("GET", "/api/v1/keys", headers={"Origin": "https://evil.example"})[2]["items"]), 3 + 2)  # two of the file's
    tag = admin.ask("GET", "/api/v1/links/in")[1]["ETag"]
    for kind, status in (("application/json-patch+json", 415), ("text/plain", 415), ("application/x-www-form-urlencoded", 415),
                         ("application/jsonx", 415), ("application/merge-patch+json; charset=utf-8", 200), ("Application/JSON", 200)):
        answer = admin.ask("PATCH", "/api/v1/links/in?dry_run=true", {"limits": {"sessions": 2}}, {"If-Match": tag, "Content-Type": kind})
        equal((answer[0], answer[1].get("Accept-Patch")), (status, "application/merge-patch+json" if status == 415 else None), kind)


@test("slow clients are cut after their time, many of them hold up neither the others nor root on the box", timeout=120)
def slow(t):
    m = Managed(t)
    traffic = Traffic(t, m.link_port)
    held = []
    for i in range(30):
        s = socket.socket(socket.AF_UNIX)
        s.connect(os.path.join(m.g.state, "penstock.sock"))
        s.sendall(b"GET /healthz HTTP/1.1\r\n" if i % 2 else b"PUT /api/v1/config HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        held.append(s)
    remote = []
    for _ in range(20):
        conn = m.as_("viewer")
        conn.connect()
        conn.sock.sendall(b"GET /healthz HT")
        remote.append(conn)
    start = time.monotonic()
    equal(m.g.api("GET", "/healthz")[0], 200)
    equal(m.as_("admin").ask("GET", "/healthz")[0], 200)
    expect(time.monotonic() - start < 5, "held up for %.1f s" % (time.monotonic() - start))
    end = time.monotonic() + 40
    open_ones = held + [c.sock for c in remote]
    while open_ones and time.monotonic() < end:
        for s in list(open_ones):
            try:
                s.setblocking(False)
                if s.recv(4096) == b"":
                    open_ones.remove(s)
            except (BlockingIOError, ssl.SSLWantReadError):
                pass
            except (OSError, ssl.SSLError):
                open_ones.remove(s)
        time.sleep(0.2)
    equal(len(open_ones), 0, "still open")
    traffic.done()


@test("of two operators who change one thing at a time exactly one wins, and the other is told", timeout=120)
def two(t):
    g = t.terminate(t.server().address)
    for i in range(10):
        tag = g.api("GET", "/api/v1/links/in")[1]["ETag"]
        before = g.status()["revision"]
        both = [g.api_start("PATCH", "/api/v1/links/in", {"limits": {"sessions": 100 + 2 * i + k}}, {"If-Match": tag}) for k in range(2)]
        answers = [c.getresponse() for c in both]
        codes = sorted(a.status for a in answers)
        expect(codes in ([200, 409], [200, 412]), codes)
        equal(g.status()["revision"], before + 1)
        won = [k for k in range(2) if answers[k].status == 200][0]
        equal(g.api("GET", "/api/v1/links/in")[2]["limits"]["sessions"], 100 + 2 * i + won)


@test("a full disk refuses changes with 507 and loses nothing; with room again they go on", timeout=120)
def full_disk(t):
    need(os.geteuid() == 0 and shutil.which("mount"), "no root to mount a small disk")
    state = os.path.join(t.dir, "gw", "state")
    os.makedirs(state)
    need(subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", state], capture_output=True).returncode == 0, "no tmpfs can be mounted")
    t.defer(lambda: subprocess.run(["umount", "-l", state], capture_output=True))
    g = t.terminate(t.server().address)
    traffic = Traffic(t, g.port)
    filler = os.open(os.path.join(state, "filler"), os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(filler, b"x" * 4096)
    except OSError:
        os.close(filler)
    before = g.status()["revision"]
    codes = set()
    for i in range(8):
        tag = g.api("GET", "/api/v1/links/in")[1]["ETag"]
        status, _, problem = g.api("PATCH", "/api/v1/links/in", {"limits": {"sessions": 50 + i}}, {"If-Match": tag})
        codes.add(status)
        if status == 507:
            break
    equal(status, 507, codes)
    known = g.status()["revision"]
    equal(g.api("POST", "/api/v1/keys", {"kind": "ec-p256"})[0], 507)
    os.unlink(os.path.join(state, "filler"))
    tag = g.api("GET", "/api/v1/links/in")[1]["ETag"]
    equal(g.api("PATCH", "/api/v1/links/in", {"limits": {"sessions": 99}}, {"If-Match": tag})[0], 200)
    equal(g.status()["revision"], known + 1)
    equal(g.api("GET", "/api/v1/audit/verify")[2]["whole"], True)
    expect(known >= before, "went back")
    traffic.done()


@test("a management killed in the middle of changes has each of them whole or not at all, and its database in order", timeout=180)
def killed(t):
    g = t.terminate(t.server().address)
    traffic = Traffic(t, g.port)
    for i in range(8):
        tag = g.api("GET", "/api/v1/links/in")[1]["ETag"]
        conn = g.api_start("PATCH", "/api/v1/links/in", {"limits": {"sessions": 200 + i}}, {"If-Match": tag})
        time.sleep(0.002 * i)
        for pid in g.children().get("penstock-mgmt", []):
            os.kill(pid, signal.SIGKILL)
        conn.close()
        g.wait(lambda: g.api("GET", "/readyz")[0] == 200 and g.status()["revision"], 20, "the next management")
        running = g.status()["revision"]
        kept = g.api("GET", "/api/v1/config/revisions/%d" % running)
        equal(kept[0], 200)
        equal(kept[2]["document"]["links"]["in"].get("limits"), g.api("GET", "/api/v1/links/in")[2].get("limits"))
    equal(g.api("GET", "/api/v1/audit/verify")[2]["whole"], True)
    traffic.done()
