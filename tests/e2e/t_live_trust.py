"""Goal: trust acts at once on live sessions, and on no other; links on one address are told apart by name."""
import datetime
import socket
import ssl
import time

from gateway import Gateway
from harness import equal, expect, free_port, recv_exactly, test
from t_first_light import client_context


def tls(t, port, cert=None, name="gw.test", check=True):
    ctx = client_context(t.pki, cert or t.pki.client)
    ctx.check_hostname = check
    return ctx.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname=name)


def greeter(word):
    def handler(conn):
        conn.sendall(word)
        while conn.recv(4096):
            pass
    return handler


def by_name(t, **peers):
    """Three links on one address: gw.test says A, b.test says B, *.wild.test says W."""
    port = free_port()
    second = t.pki.inter.issue("second", "DNS:b.test,DNS:x.wild.test", "serverAuth")

    def link(word, names, identity):
        return {"listen": {"address": ["127.0.0.1:%d" % port], "server_names": names,
                           "tls": {"identity": identity, "trust": "partners",
                                   "peers": [{"uri": "spiffe://partner.example/*"}]}},
                "forward": {"to": [t.server(greeter(word)).address]}, "engine": t.engine}

    config = {"identities": {"gw": {"certificate": t.pki.gw.chain, "key": t.pki.gw.key},
                             "second": {"certificate": second.chain, "key": second.key}},
              "trust": {"partners": t.pki.trust()},
              "links": {"a": link(b"A", ["gw.test"], "gw"), "b": link(b"B", ["b.test"], "second"),
                        "w": link(b"W", ["*.wild.test"], "second")}}
    g = Gateway(t.dir, config, name="names")
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    g.port, g.config = port, config
    return g


@test("links on one address are told apart by server name, whatever its case, wildcards included")
def names(t):
    g = by_name(t)
    for name, word in (("gw.test", b"A"), ("GW.TeSt", b"A"), ("b.test", b"B"), ("x.wild.test", b"W")):
        with tls(t, g.port, name=name) as s:
            equal(s.recv(1), word, name)


@test("a name that no link has, or none at all, is unrecognized_name and never falls to another link")
def no_name(t):
    g = by_name(t)
    for name in ("nope.test", "wild.test", "a.b.wild.test", None):
        try:
            tls(t, g.port, name=name, check=False).recv(1)
            expect(False, "%s was let in" % name)
        except ssl.SSLError as e:
            expect("UNRECOGNIZED_NAME" in str(e), str(e))
    g.wait_event("refused", count=4, reason="server_name")
    equal(len(g.events("refused")), 4)


@test("a ClientHello in records of sixteen bytes reaches the link that it names")
def fragmented(t):
    g = by_name(t)
    inc, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = client_context(t.pki, t.pki.client).wrap_bio(inc, out, server_hostname="b.test")
    try:
        peer.do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = out.read()
    raw = socket.create_connection(("127.0.0.1", g.port), timeout=10)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for i in range(5, len(hello), 16):
        part = hello[i:i + 16]
        raw.sendall(hello[:3] + len(part).to_bytes(2, "big") + part)
    done = False
    while not done:
        inc.write(raw.recv(65536))
        try:
            peer.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            pass
        raw.sendall(out.read())
    inc.write(raw.recv(65536))
    equal(peer.read(1), b"B")


@test("a new CRL ends the sessions of the certificate it lists within a second, and no other")
def revoked(t):
    g = by_name(t)
    bad = t.pki.inter.issue("soon-revoked", "URI:spiffe://partner.example/bad")
    kept, cut = tls(t, g.port), tls(t, g.port, bad)
    equal((kept.recv(1), cut.recv(1)), (b"A", b"A"))
    t.pki.inter.revoke(bad)
    t.pki.inter.crl()
    equal(g.reload(), "applied")
    g.wait_event("session_closed", timeout=2, reason="revoked")
    try:
        cut.recv(1)
        expect(False, "the revoked session lives on")
    except ssl.SSLError as e:
        expect("REVOKED" in str(e), str(e))
    kept.sendall(b"still here")
    equal([s["outer"]["peer"] for s in g.sessions()], ["spiffe://partner.example/client"])


@test("a live session ends when its certificate does")
def expires(t):
    g = by_name(t)
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    short = t.pki.inter.issue("short", "URI:spiffe://partner.example/short", start="20260101000000Z",
                              end=end.strftime("%Y%m%d%H%M%SZ"))
    s = tls(t, g.port, short)
    equal(s.recv(1), b"A")
    g.wait_event("session_closed", timeout=8, reason="certificate_expired")
    expect(time.time() >= end.timestamp() - 1, "it ended before its time")


@test("a changed rule ends the sessions it no longer allows; a bad file changes nothing")
def rule(t):
    g = by_name(t)
    a, b = tls(t, g.port), tls(t, g.port, name="b.test")
    equal((a.recv(1), b.recv(1)), (b"A", b"B"))
    g.config["links"]["a"]["listen"]["tls"]["peers"] = [{}]
    equal(g.reload(g.config), "refused")
    expect("/links/a/listen/tls/peers/0" in g.events("revision_refused")[-1]["reason"], "the pointer is missing")
    equal(len(g.sessions()), 2)
    g.config["links"]["a"]["listen"]["tls"]["peers"] = [{"uri": "spiffe://partner.example/other"}]
    equal(g.reload(g.config), "applied")
    g.wait_event("session_closed", timeout=2, reason="no_rule", link="a")
    equal([s["link"] for s in g.sessions()], ["b"])


@test("a link that is gone from the configuration ends with its sessions, the others go on")
def removed(t):
    g = by_name(t)
    a, b = tls(t, g.port), tls(t, g.port, name="b.test")
    equal((a.recv(1), b.recv(1)), (b"A", b"B"))
    del g.config["links"]["b"]
    equal(g.reload(g.config), "applied")
    g.wait_event("session_closed", timeout=2, reason="link_removed", link="b")
    a.sendall(b"still here")
    equal([s["link"] for s in g.sessions()], ["a"])


@test("half-close: what one side still has to say arrives after the other has ended, on both kinds of leg")
def half_close(t):
    def late(conn):
        got = b""
        while True:
            data = conn.recv(65536)
            if not data:
                break
            got += data
        conn.sendall(got * 2)

    g = t.terminate(t.server(late).address)
    inc, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = client_context(t.pki, t.pki.client).wrap_bio(inc, out, server_hostname="gw.test")
    raw = socket.create_connection(("127.0.0.1", g.port), timeout=10)

    def pump(step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                raw.sendall(out.read())
                data = raw.recv(65536)
                if not data:
                    inc.write_eof()
                inc.write(data)

    pump(peer.do_handshake)
    peer.write(b"question")
    raw.sendall(out.read())
    try:
        peer.unwrap()  # our close_notify; the other direction stays open
    except (ssl.SSLWantReadError, ssl.SSLError):
        pass
    raw.sendall(out.read())
    answer = bytearray()
    while len(answer) < 16:
        data = raw.recv(65536)
        expect(data, "the answer is cut off after %d bytes" % len(answer))
        answer += data
    e = g.wait_event("session_closed", down_bytes="16")
    equal((e["reason"], e["up_bytes"]), ("closed", "8"))


@test("a FIN without close_notify is truncation: the plain side is reset and never ends cleanly")
def truncated(t):
    ends = []

    def watch(conn):
        try:
            while conn.recv(4096):
                pass
            ends.append("clean")
        except ConnectionResetError:
            ends.append("reset")

    g = t.terminate(t.server(watch).address)
    s = tls(t, g.port)
    s.sendall(b"half a messa")
    s.shutdown(socket.SHUT_WR)
    equal(g.wait_event("session_closed")["reason"], "truncated")
    g.wait(lambda: ends, 5, "the target's end")
    equal(ends, ["reset"])


@test("a dry run names the sessions and peers that the change would cut, cuts none, and the change cuts just those")
def dry_run_cuts(t):
    ca = t.pki.inter
    bob = ca.issue("bob", "URI:spiffe://partner.example/bob", "clientAuth")
    g = t.terminate(t.server().address, peers=[{"uri": "spiffe://partner.example/client"}, {"uri": "spiffe://partner.example/bob"}])
    alices = [tls(t, g.port) for _ in range(3)]
    bobs = [tls(t, g.port, bob) for _ in range(2)]
    g.wait(lambda: len(g.sessions()) == 5, 10, "sessions")

    def trial(pointer, patch):
        tag = g.api("GET", pointer)[1]["ETag"]
        status, _, answer = g.api("PATCH", pointer + "?dry_run=true", patch, {"If-Match": tag})
        equal(status, 200, answer)
        expect(answer["cuts"]["complete"], answer)
        return answer["cuts"]

    def rules(*names):
        return {"listen": {"tls": {"peers": [{"uri": "spiffe://partner.example/" + n} for n in names]}}}

    cuts = trial("/api/v1/links/in", {"limits": {"idle_s": 100}})
    equal((cuts["sessions"], cuts["peers"], cuts["links"]), (0, [], []))
    cuts = trial("/api/v1/links/in", rules("client"))
    equal(cuts["sessions"], 2)
    equal([(p["link"], p["side"], p["sessions"], p["reason"], p["peer"]) for p in cuts["peers"]],
          [("in", "listen", 2, "no_rule", "spiffe://partner.example/bob")])
    equal(trial("/api/v1/links/in", {"sources": ["192.0.2.0/24"]})["links"], [{"link": "in", "sessions": 5, "reason": "source_denied"}])
    ca.revoke(bob)
    tag = g.api("GET", "/api/v1/trust/partners")[1]["ETag"]
    with open(ca.crl(path=t.dir + "/new.crl"), "rb") as f:
        crl = f.read()
    ca.revoked.remove(bob.serial())
    status, _, answer = g.api("POST", "/api/v1/trust/partners/crls?dry_run=true", crl, {"If-Match": tag})
    equal((status, answer["cuts"]["sessions"], [p["reason"] for p in answer["cuts"]["peers"]]), (200, 2, ["revoked"]), answer)
    config = g.api("GET", "/api/v1/config")
    other = {**config[2], "links": {"other": config[2]["links"]["in"]}}
    status, _, answer = g.api("PUT", "/api/v1/config?dry_run=true", other, {"If-Match": config[1]["ETag"]})
    equal(answer["cuts"]["links"], [{"link": "in", "sessions": 5, "reason": "link_removed"}], answer)
    equal(len(g.sessions()), 5)  # nothing of all that has happened
    for s in alices + bobs:
        s.sendall(b"x")
        equal(recv_exactly(s, 1), b"x")
    tag = g.api("GET", "/api/v1/links/in")[1]["ETag"]
    equal(g.api("PATCH", "/api/v1/links/in", rules("client"), {"If-Match": tag})[0], 200)
    g.wait(lambda: len(g.sessions()) == 3, 10, "the cut")
    for s in alices:
        s.sendall(b"x")
        equal(recv_exactly(s, 1), b"x")
