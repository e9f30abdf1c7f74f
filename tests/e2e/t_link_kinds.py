"""Goal: every kind of link and every key of its configuration does what it says, against real sockets."""
import os
import shutil
import socket
import ssl
import struct
import subprocess
import time

from gateway import BIN, Gateway
from harness import equal, expect, free_port, need, recv_exactly, test
from t_first_light import client_context

PROFILES = {"old": {"versions": ["1.2"]}, "both": {"versions": ["1.2", "1.3"]},
            "chacha": {"suites": ["TLS_CHACHA20_POLY1305_SHA256"]},
            "aes128": {"suites": ["TLS_AES_128_GCM_SHA256"], "groups": ["P-384"]},
            "old-chacha": {"versions": ["1.2"], "suites": ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"]},
            "old-aes128": {"versions": ["1.2"], "suites": ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]}}


def connect(t, port, version=None, alpn=None, raw=None, cert=None):
    ctx = client_context(t.pki, cert or t.pki.client)
    if version:
        ctx.minimum_version = ctx.maximum_version = version
    if alpn:
        ctx.set_alpn_protocols(alpn)
    raw = raw or socket.create_connection(("127.0.0.1", port), timeout=10)
    return ctx.wrap_socket(raw, server_hostname="gw.test")


def says(words):
    """A server that keeps what it hears first, then says a word."""
    def handler(conn):
        words.append(conn.recv(16384))
        conn.sendall(b"k")
        while conn.recv(4096):
            pass
    return handler


@test("each suite and version of a profile carries data both ways")
def profiles(t):
    server = t.server()
    for name in PROFILES:
        g = t.terminate(server.address, name=name, listen={"profile": name}, profiles=PROFILES)
        with connect(t, g.port) as s:
            data = os.urandom(50000)
            s.sendall(data)
            equal(recv_exactly(s, len(data)), data, name)
            equal(s.version(), "TLSv1.2" if name.startswith("old") else "TLSv1.3")
        g.stop()


@test("targets are reached over IPv4, IPv6 and unix sockets")
def families(t):
    for server in (t.server(), t.server(host="::1"), t.server(path=os.path.join(t.dir, "target.sock"))):
        g = t.terminate(server.address, name="to-%d" % len(server.address))
        with connect(t, g.port) as s:
            s.sendall(b"hi")
            equal(s.recv(2), b"hi")
            equal(g.sessions()[0]["inner"]["address"], server.address)
        g.stop()


@test("a bridge speaks TLS on both sides, 1.2 to the old and 1.3 to the new, and passes the protocol on")
def bridge(t):
    end = t.terminate(t.server().address, name="end", listen={"alpn": ["x", "y"]})
    port = free_port()
    config = {"identities": {"gw": {"certificate": t.pki.gw.chain, "key": t.pki.gw.key},
                             "me": {"certificate": t.pki.client.chain, "key": t.pki.client.key}},
              "trust": {"partners": t.pki.trust()}, "profiles": PROFILES,
              "links": {"bridge": {
                  "listen": {"address": ["127.0.0.1:%d" % port],
                             "tls": {"identity": "gw", "trust": "partners", "alpn": ["y", "x"], "profile": "both",
                                     "peers": [{"any": True}]}},
                  "forward": {"to": ["127.0.0.1:%d" % end.port],
                              "tls": {"identity": "me", "trust": "partners", "server_name": "gw.test", "alpn": "same",
                                      "peers": [{"dns": "gw.test"}]}}, "engine": t.engine}}}
    with Gateway(t.dir, config, name="bridge") as g:
        for version, text in ((ssl.TLSVersion.TLSv1_3, "1.3"), (ssl.TLSVersion.TLSv1_2, "1.2")):
            with connect(t, port, version, ["x"]) as s:
                data = os.urandom(200000)
                s.sendall(data)
                equal(recv_exactly(s, len(data)), data)
                equal(s.selected_alpn_protocol(), "x")
                live = [x for x in g.sessions() if x["state"] == "pumping" and x["outer"]["version"] == text]
                equal([x["inner"]["version"] for x in live], ["1.3"])
        try:
            connect(t, port, alpn=["other"])
            expect(False, "a protocol that nobody speaks was taken")
        except ssl.SSLError as e:
            expect("no application protocol" in str(e).lower(), str(e))
        equal(g.wait_event("refused")["reason"], "alpn")


@test("PROXY v1 and v2 tell the client's address to the target before its first byte")
def proxy(t):
    heard = []
    server = t.server(says(heard))
    for kind in ("v1", "v2"):
        g = t.terminate(server.address, name=kind, link={"forward": {"to": [server.address], "proxy": kind}})
        s = connect(t, g.port)
        equal(s.recv(1), b"k")
        port = s.getsockname()[1]
        if kind == "v1":
            equal(heard[-1], b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % (port, g.port))
        else:
            equal(heard[-1], b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([127, 0, 0, 1]) * 2 + struct.pack(">HH", port, g.port))
        s.close()
        g.stop(expect=None)


@test("PROXY v2-tls carries version, cipher, name and the client's certificate")
def proxy_tls(t):
    heard = []
    server = t.server(says(heard))
    g = t.terminate(server.address, link={"forward": {"to": [server.address], "proxy": "v2-tls"}})
    s = connect(t, g.port)
    equal(s.recv(1), b"k")
    header, values = heard[-1], {}

    def tlvs(data):
        at = 0
        while at < len(data):
            kind, n = data[at], struct.unpack(">H", data[at + 1:at + 3])[0]
            value = data[at + 3:at + 3 + n]
            at += 3 + n
            if kind == 0x20:
                equal(value[:5], b"\x07\0\0\0\0", "client flags and verify result")
                tlvs(value[5:])
            else:
                values[kind] = value

    tlvs(header[28:])
    equal((values[0x21], values[0x22], values[0x02]), (b"TLSv1.3", b"client", b"gw.test"))
    expect(values[0x23].startswith(b"TLS_"), "the cipher's name")
    with open(t.pki.client.pem) as f:
        equal(values[0x28], ssl.PEM_cert_to_DER_cert(f.read()))


@test("a balancer's PROXY header in front of TLS names the client; without one the connection ends")
def accept_proxy(t):
    g = t.terminate(t.server().address, link={"accept_proxy": True})
    for header in (b"PROXY TCP4 203.0.113.9 198.51.100.1 1234 443\r\n",
                   b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([203, 0, 113, 9, 198, 51, 100, 1]) + struct.pack(">HH", 1234, 443)):
        raw = socket.create_connection(("127.0.0.1", g.port), timeout=10)
        raw.sendall(header)
        with connect(t, g.port, raw=raw) as s:
            s.sendall(b"q")
            equal(s.recv(1), b"q")
            expect("203.0.113.9:1234" in [x["outer"]["address"] for x in g.sessions()], "the client's address")
    raw = socket.create_connection(("127.0.0.1", g.port), timeout=10)
    raw.sendall(b"\x16\x03\x01\x00\xf0" + bytes(100))
    equal(g.wait_event("refused")["reason"], "bad_proxy_header")


@test("sessions go to the target with the fewest, and pass a dead one over")
def balance(t):
    counts = [0, 0]

    def count(i):
        def handler(conn):
            counts[i] += 1
            conn.sendall(b"%d" % i)
            while conn.recv(100):
                pass
        return handler

    g = t.terminate([t.server(count(0)).address, "127.0.0.1:%d" % free_port(), t.server(count(1)).address])
    held = []
    for _ in range(12):
        held.append(connect(t, g.port))
        held[-1].recv(1)
    equal(counts, [6, 6])


@test("when no target answers the client is reset and the log says which error came last")
def no_target(t):
    g = t.terminate("127.0.0.1:%d" % free_port())
    s = connect(t, g.port)
    try:
        equal(s.recv(1), b"")
    except OSError:
        pass
    e = g.wait_event("refused")
    equal(e["reason"], "no_target")
    expect("refused" in e["text"], e["text"])


@test("limits: sessions of a link, of a peer, handshakes a second, sources")
def limits(t):
    server = t.server()

    def refused(limit, sources=None, tries=4):
        link = {"limits": limit} if limit else {"sources": sources}
        g = t.terminate(server.address, name="limit-%s" % (list(limit or {"sources": 0})[0]), link=link)
        held = []
        for _ in range(tries):
            try:
                held.append(connect(t, g.port))
                held[-1].sendall(b"1")
                held[-1].recv(1)
            except OSError:
                pass
        g.wait_event("refused")
        live = len(g.sessions())
        reasons = {e["reason"] for e in g.events("refused")}
        for s in held:
            s.close()
        g.stop(expect=None)
        return live, reasons

    equal(refused({"sessions": 2}), (2, {"link_sessions"}))
    equal(refused({"sessions_per_peer": 3}), (3, {"peer_sessions"}))
    equal(refused({"handshakes_per_second": 1})[1], {"link_rate"})
    equal(refused({"handshakes_per_source": 1})[1], {"source_rate"})
    equal(refused(None, ["10.0.0.0/8"]), (0, {"source_denied"}))


@test("a handshake has an absolute deadline, a silent session an idle one, every session a life")
def deadlines(t):
    g = t.terminate(t.server().address, link={"limits": {"handshake_s": 1, "idle_s": 1, "life_s": 2.5}})
    silent = socket.create_connection(("127.0.0.1", g.port), timeout=10)
    dripping = socket.create_connection(("127.0.0.1", g.port), timeout=10)
    idle, busy = connect(t, g.port), connect(t, g.port)
    end = time.monotonic() + 6
    dripped = b"\x16\x03\x01\x02\x00" + bytes(200)
    try:
        while time.monotonic() < end:
            busy.sendall(b"1")
            if dripped:
                try:
                    dripping.sendall(dripped[:1])
                    dripped = dripped[1:]
                except OSError:
                    dripped = b""
            time.sleep(0.1)
    except OSError:
        pass
    g.wait_event("session_closed", count=2)
    g.wait_event("refused", count=2, reason="handshake_timeout")
    ends = {e["reason"]: int(e["age_ms"]) for e in g.events("session_closed")}
    equal(sorted(ends), ["idle", "life"])
    expect(900 <= ends["idle"] <= 8000 and 2400 <= ends["life"] <= 10000, str(ends))
    late = [int(e["age_ms"]) for e in g.events("refused", reason="handshake_timeout")]
    expect(len(late) == 2 and max(late) < 8000, str(late))
    silent.close()
    idle.close()


@test("a slow reader costs a fixed amount of memory, in both directions")
def back_pressure(t):
    def flood(conn):
        block = bytes(1 << 20)
        for _ in range(200):
            conn.sendall(block)

    g = t.terminate(t.server(flood).address)
    pid = g.children()["penstock-dataplane"][0]

    def resident_kb():
        with open("/proc/%d/status" % pid) as f:
            return int(next(line for line in f if line.startswith("VmRSS")).split()[1])

    before = resident_kb()
    held = [connect(t, g.port) for _ in range(8)]
    for s in held:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.recv(1)
    time.sleep(1)
    grown = resident_kb() - before
    shadow = 4 if "PENSTOCK_BIN" in os.environ else 1  # what a sanitizer keeps beside each byte
    expect(grown < (8 * 400 + 4096) * shadow, "%d KB for eight slow readers of 200 MB each" % grown)
    got = 1
    while got < 200 << 20:
        data = held[0].recv(1 << 18)
        expect(data, "the slow reader lost its connection after %d bytes" % got)
        got += len(data)


@test("handshake and keyring processes have no privilege and live behind a filter")
def privilege(t):
    g = t.terminate(t.server().address)
    for name in ("penstock-handshake", "penstock-keyring", "penstock-dataplane", "penstock-mgmt"):
        for pid in g.children()[name]:
            with open("/proc/%d/status" % pid) as f:
                status = dict(line.split(":", 1) for line in f if ":" in line)
            need(os.geteuid() == 0, "needs root to drop from")
            expect(status["Uid"].split()[0] != "0", "%s runs as root" % name)
            equal((status["CapEff"].strip(), status["Seccomp"].strip(), status["NoNewPrivs"].strip()),
                  ("0000000000000000", "2", "1"), name)


@test("SIGTERM lets a session finish within drain_s, and cuts it after")
def drain(t):
    for drain_s, reason in ((10, "closed"), (0.5, "drained")):
        g = t.terminate(t.server().address, name="drain-%s" % reason, drain_s=drain_s)
        s = connect(t, g.port)
        s.sendall(b"x")
        equal(s.recv(1), b"x")
        g.proc.terminate()
        g.wait_event("stopping")
        if reason == "closed":
            s.sendall(b"last words")
            equal(recv_exactly(s, 10), b"last words")
            s = s.unwrap()
            s.close()
        equal(g.proc.wait(10), 0)
        equal(g.wait_event("session_closed")["reason"], reason)


@test("penstockctl ends a session, tells its reason, and judges a file without a daemon")
def control(t):
    g = t.terminate(t.server().address)
    s = connect(t, g.port)
    s.sendall(b"x")
    equal(s.recv(1), b"x")
    g.ctl("end", g.sessions()[0]["id"])
    equal(g.wait_event("session_closed")["reason"], "ended")
    equal(g.ctl("end", "0000000000000000", check=False).returncode, 1)
    expect('"ended": 1' in g.ctl("stats", "--json"), "the counter")
    expect("revision 1" in g.ctl("status"), "the revision")
    equal(g.ctl("nonsense", check=False).returncode, 2)
    expect("good" in g.ctl("check", "--config", g.config_path), "check")
    with open(os.path.join(t.dir, "bad.json"), "w") as f:
        f.write('{"links": {"a": {}}}')
    r = g.ctl("check", "--config", f.name, check=False)
    equal((r.returncode, len(r.stderr.splitlines())), (2, 1))
    expect("/links/a/listen" in r.stderr, r.stderr)
    g.stop(expect=None)
    equal(g.ctl("status", check=False).returncode, 3)


@test("openssl s_client updates keys in both directions and no byte is lost")
def keyupdate(t):
    g = t.terminate(t.server().address)
    p = subprocess.Popen(["openssl", "s_client", "-connect", "127.0.0.1:%d" % g.port, "-servername", "gw.test",
                          "-cert", t.pki.client.pem, "-cert_chain", t.pki.inter.pem, "-key", t.pki.client.key,
                          "-CAfile", t.pki.root.pem], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    t.defer(p.kill)
    g.wait(lambda: g.sessions(), 20, "the session")
    if t.engine == "ktls":
        need(g.events("ktls_probe")[-1]["rekey"] == "yes", "this kernel can not rekey")
    total = 0
    for command in (b"one\n", b"K\n", b"two\n", b"k\n", b"three\n"):
        p.stdin.write(command)
        p.stdin.flush()
        total += len(command) if len(command) > 2 else 0
        g.wait(lambda: len(command) == 2 or g.sessions()[0]["down_bytes"] == total, 10, "the echo of %r" % command)
        time.sleep(0.1)  # s_client takes one command a line, and a line at a time
    outer = g.sessions()[0]["outer"]
    equal((outer["keyupdates_rx"], outer["keyupdates_tx"]), (2, 1))
    p.stdin.write(b"Q\n")
    p.stdin.flush()
    out = p.communicate(timeout=10)[0]
    expect(b"three" in out, "the last echo")


@test("the gateway updates its own sending keys before their limit, and no byte is lost")
def own_rekey(t):
    # The limit is 2^24 records; the data plane is started with a lower one by a wrapper of the same name.
    programs = os.path.join(t.dir, "programs")
    os.makedirs(programs)
    for name in os.listdir(BIN):
        if name == "penstock-dataplane":
            with open(os.path.join(programs, name), "w") as f:
                f.write("#!/bin/sh\nexec %s \"$@\" --rekey-records 20\n" % os.path.join(BIN, name))
            os.chmod(f.name, 0o755)
        else:
            shutil.copy(os.path.join(BIN, name), programs)
    port = free_port()
    g = Gateway(t.dir, t.terminate_config(t.server().address, port), name="rekey", programs=programs)
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    if t.engine == "ktls":
        need(g.events("ktls_probe")[-1]["rekey"] == "yes", "this kernel can not rekey")
    with connect(t, port) as s:
        for i in range(100):
            data = os.urandom(i * 37 + 1)
            s.sendall(data)
            equal(recv_exactly(s, len(data)), data)
        updates = g.sessions()[0]["outer"]["keyupdates_tx"]
        expect(4 <= updates <= 6, "%d KeyUpdates for 100 records" % updates)


@test("a target that dies is ejected by the periodic check and comes back by it")
def health(t):
    port = free_port()
    g = t.terminate("127.0.0.1:%d" % port,
                    link={"forward": {"to": ["127.0.0.1:%d" % port], "health": {"interval_s": 0.2, "fall": 2, "rise": 2}}})
    g.wait_event("target_down")
    back = socket.create_server(("127.0.0.1", port))
    t.defer(back.close)
    g.wait_event("target_up")
    s = connect(t, g.port)
    g.wait(lambda: [x for x in g.sessions() if x["state"] == "pumping"], 5, "a session to the target that came back")
    s.close()
