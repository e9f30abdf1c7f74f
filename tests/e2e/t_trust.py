"""Goal: every kind of certificate that must not come in is refused, with its own reason and alert, and no byte
reaches the target."""
import os
import socket
import ssl
import time

from gateway import Gateway
from harness import equal, expect, free_port, recv_exactly, test
from pki import CA, PKI

NAME = "URI:spiffe://partner.example/client"


def own_pki(t):
    """A PKI of this case's own: the shared one must keep its lists."""
    return PKI(os.path.join(t.dir, "pki"))


def dial(pki, port, cert):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.load_verify_locations(pki.root.pem)
    ctx.load_cert_chain(cert.chain, cert.key)
    raw = socket.create_connection(("127.0.0.1", port), timeout=10)
    return ctx.wrap_socket(raw, server_hostname="gw.test")


def refusal(pki, port, cert):
    """What the client is told; an error if it is let in."""
    try:
        with dial(pki, port, cert) as s:
            s.sendall(b"x")
            s.recv(1)
    except ssl.SSLError as e:
        return e.reason
    raise AssertionError("%s was let in" % cert.name)


def works(pki, port, cert):
    with dial(pki, port, cert) as s:
        s.sendall(b"hello")
        equal(recv_exactly(s, 5), b"hello")


def refused(t, g, server, pki, cases):
    """Each case: certificate, reason in the log, what the client's library calls the alert."""
    for cert, reason, alert in cases:
        count = len(g.events("refused", reason=reason)) + 1
        told = refusal(pki, g.port, cert)
        g.wait_event("refused", count=count, reason=reason)
        expect(alert in told, "%s: the client heard %s, not %s" % (cert.name, told, alert))
    equal(server.connections, 0, "connections at the target")
    works(pki, g.port, pki.client)


@test("a stranger's, an expired, an early, a misused and an unnamed certificate each hear their own alert")
def leaves(t):
    pki = own_pki(t)
    stranger = CA(pki.path, "stranger-ca").issue("stranger", NAME)
    expired = pki.inter.issue("expired", NAME, start="20240101000000Z", end="20240201000000Z")
    early = pki.inter.issue("early", NAME, start="20440101000000Z", end="20450101000000Z")
    swapped = pki.inter.issue("swapped", NAME, "serverAuth")
    other = pki.inter.issue("other", "URI:spiffe://partner.example/other")
    authority = CA(pki.path, "authority", issuer=pki.inter)
    server = t.server()
    g = t.terminate(server.address, pki=pki)
    refused(t, g, server, pki, [
        (stranger, "unknown_ca", "UNKNOWN_CA"),
        (expired, "expired", "CERTIFICATE_EXPIRED"),
        (early, "not_yet_valid", "CERTIFICATE_EXPIRED"),
        (swapped, "eku", "UNSUPPORTED_CERTIFICATE"),
        (authority, "leaf_is_ca", "BAD_CERTIFICATE"),
        (other, "no_rule", "CERTIFICATE_UNKNOWN")])


@test("a revoked leaf, a revoked intermediate, and one without a CRL are refused, each for its own reason")
def revocation(t):
    pki = own_pki(t)
    leaf = pki.inter.issue("revoked", NAME)
    pki.inter.revoke(leaf)
    pki.inter.crl()
    gone = CA(pki.path, "gone", issuer=pki.root)
    under_gone = gone.issue("under-gone", NAME)
    pki.root.revoke(gone)
    pki.root.crl()
    bare = CA(pki.path, "bare", issuer=pki.root).issue("under-bare", NAME)
    server = t.server()
    config = t.terminate_config(server.address, free_port(), pki=pki)
    config["trust"]["partners"]["crls"].append(gone.crl())
    g = Gateway(t.dir, config)
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    g.port = int(config["links"]["in"]["listen"]["address"][0].rsplit(":", 1)[1])
    refused(t, g, server, pki, [
        (leaf, "revoked", "CERTIFICATE_REVOKED"),
        (under_gone, "revoked", "CERTIFICATE_REVOKED"),
        (bare, "crl_missing", "CERTIFICATE_UNKNOWN")])


@test("a certificate of a forbidden form is refused in a handshake and explained over REST in the same words")
def forms(t):
    pki = own_pki(t)
    bound = CA(pki.path, "bound", issuer=pki.inter, ext="nameConstraints=permitted;URI:.partner.example\n")
    odd = CA(pki.path, "odd", issuer=pki.inter, ext="nameConstraints=critical,permitted;DNS:.partner.example\n")
    server = t.server()
    g = t.terminate(server.address, pki=pki)
    for cert, reason, words in (
            (pki.inter.issue("unknown", NAME, ext="1.3.6.1.4.1.55738.666.1=critical,DER:0500\n"), "chain", "critical extension"),
            (pki.inter.issue("cut", NAME, ext="authorityInfoAccess=DER:3000\n"), "chain", "can not be read"),
            (pki.inter.issue("limits", NAME, ext="nameConstraints=permitted;DNS:a.test\n"), "chain", "leaf with name constraints"),
            (pki.inter.issue("wild", NAME + ",DNS:*.partner.example"), "name_invalid", "wildcard"),
            (bound.issue("outside", NAME), "chain", "permitted subtree"),
            (bound.issue("hidden", "URI:https://else.example?x=.partner.example"), "chain", ("can not judge", "permitted subtree")),  # OpenSSL 3.5 can
            (odd.issue("dotted", NAME), "chain", "a malformed DNS name")):
        count = len(g.events("refused")) + 1
        refusal(pki, g.port, cert)
        event = g.wait_event("refused", count=count)
        with open(cert.chain, "rb") as f:
            status, _, answer = g.api("POST", "/api/v1/links/in/explain", f.read())
        first = answer["reasons"][0]
        equal((status, answer["verdict"], first["reason"], event["reason"]), (200, "deny", reason, reason), cert.name)
        equal(first["text"], event["text"], cert.name)
        expect(any(w in first["text"] for w in (words if isinstance(words, tuple) else (words,))), "%s: %s" % (cert.name, first["text"]))
    equal(server.connections, 0, "connections at the target")


@test("an empty CRL of a namesake with another key can not stand in for the CRL that revokes")
def forged_crl(t):
    pki = own_pki(t)
    leaf = pki.inter.issue("revoked", NAME)
    pki.inter.revoke(leaf)
    pki.inter.crl()
    namesake = CA(os.path.join(t.dir), "inter")
    config = t.terminate_config(t.server().address, free_port(), pki=pki)
    config["trust"]["partners"]["crls"].append(namesake.crl())
    g = Gateway(t.dir, config)
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    port = int(config["links"]["in"]["listen"]["address"][0].rsplit(":", 1)[1])
    refusal(pki, port, leaf)
    reason = g.wait_event("refused")["reason"]
    expect(reason in ("revoked", "crl_invalid"), "refused as " + reason)


@test("where a namesake's CRL is the only one, nobody below that issuer comes in")
def only_forged_crl(t):
    pki = own_pki(t)
    pki.inter_crl = CA(os.path.join(t.dir), "inter").crl()
    g = t.terminate(t.server().address, pki=pki)
    refusal(pki, g.port, pki.client)
    reason = g.wait_event("refused")["reason"]
    expect(reason in ("crl_missing", "crl_invalid"), "refused as " + reason)


@test("a CRL that goes stale refuses new sessions and leaves the live one, with cut it ends that too")
def stale_crl(t):
    for name, stale in (("keep", "refuse-new"), ("cut", "cut")):
        pki = PKI(os.path.join(t.dir, "pki-" + name))
        end = time.time() + (20 if os.environ.get("PENSTOCK_VM") else 4)  # an emulated processor is slow to start
        pki.inter.crl(last="20240101000000Z", next_=time.strftime("%Y%m%d%H%M%SZ", time.gmtime(end)))
        config = t.terminate_config(t.server().address, free_port(), pki=pki)
        config["trust"]["partners"]["crl_stale"] = stale
        g = Gateway(t.dir, config, name=name)
        t.defer(lambda g=g: g.proc.poll() is None and g.stop(expect=None))
        port = int(config["links"]["in"]["listen"]["address"][0].rsplit(":", 1)[1])
        with dial(pki, port, pki.client) as live:
            live.sendall(b"x")
            equal(live.recv(1), b"x")
            Gateway.wait(lambda: time.time() > end + 1, 60)
            refusal(pki, port, pki.client)
            g.wait_event("refused", reason="crl_stale")
            if stale == "cut":
                equal(g.wait_event("session_closed", timeout=3)["reason"], "certificate_expired")
            else:
                live.sendall(b"y")
                equal(live.recv(1), b"y")


def originate(t, pki, server_cert, server_name, name):
    """An originating link to a TLS server with that certificate; the answer to one byte, and the gateway."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(server_cert.chain, server_cert.key)

    def serve(conn):
        with ctx.wrap_socket(conn, server_side=True) as s:
            s.sendall(s.recv(1))

    port = free_port()
    g = Gateway(t.dir, {
        "identities": {"me": {"certificate": pki.client.chain, "key": pki.client.key}},
        "trust": {"partners": pki.trust()},
        "links": {"out": {"listen": {"address": ["127.0.0.1:%d" % port]}, "engine": t.engine,
                          "forward": {"to": [t.server(serve).address],
                                      "tls": {"identity": "me", "trust": "partners", "server_name": server_name,
                                              "peers": [{"any": True}]}}}}}, name=name)
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
            s.sendall(b"x")
            return s.recv(1), g
    except ConnectionError:
        return b"", g


@test("a server is known by an exact name or one wildcard label, and by nothing else")
def server_names(t):
    pki = own_pki(t)
    wild = pki.inter.issue("wild", "DNS:*.wild.test", "serverAuth")
    nameless = pki.inter.issue("nameless", None, "serverAuth", subject="/CN=server.test")
    for n, (cert, name, good) in enumerate([
            (pki.server, "server.test", True), (wild, "a.wild.test", True), (wild, "a.b.wild.test", False),
            (wild, "wild.test", False), (pki.server, "other.test", False), (nameless, "server.test", False)]):
        answer, g = originate(t, pki, cert, name, "out-%d" % n)
        equal(answer, b"x" if good else b"", name)
        if not good:
            g.wait_event("refused", reason="name_mismatch")
