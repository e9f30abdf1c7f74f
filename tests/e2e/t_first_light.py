"""Goal: bytes cross a terminating, an originating and a bridging link, and strangers do not."""
import hashlib
import os
import socket
import ssl

from harness import echo, equal, expect, free_port, recv_all, recv_exactly, test
from gateway import Gateway


def client_context(pki, cert=None, ca=None):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.load_verify_locations((ca or pki.root).pem)
    if cert:
        ctx.load_cert_chain(cert.chain, cert.key)
    return ctx


def connect(t, port, cert=None, name="gw.test"):
    raw = socket.create_connection(("127.0.0.1", port), timeout=10)
    return client_context(t.pki, cert or t.pki.client).wrap_socket(raw, server_hostname=name)


@test("a terminating link carries bytes both ways")
def terminate(t):
    server = t.server()
    g = t.terminate(server.address)
    with connect(t, g.port) as s:
        for n in (1, 100, 16384, 70000):
            data = os.urandom(n)
            s.sendall(data)
            equal(recv_exactly(s, n), data)
    e = g.wait_event("session_closed")
    equal(e["up_bytes"], str(1 + 100 + 16384 + 70000))


@test("a client without a certificate is refused before the target hears of it")
def no_certificate(t):
    server = t.server()
    g = t.terminate(server.address)
    raw = socket.create_connection(("127.0.0.1", g.port), timeout=10)
    try:
        s = client_context(t.pki).wrap_socket(raw, server_hostname="gw.test")
        s.sendall(b"x")
        s.recv(1)
        expect(False, "it was let in")
    except (ssl.SSLError, ConnectionError):
        pass
    equal(g.wait_event("refused")["reason"], "no_certificate")
    equal(server.connections, 0)


@test("an originating and a terminating gateway carry 64 MB without a changed byte")
def both(t):
    digests = []

    def sink(conn):
        digests.append(hashlib.sha256(recv_all(conn)).hexdigest())
        conn.sendall(b"done")

    server = t.server(sink)
    b = t.terminate(server.address, name="b")
    port = free_port()
    a = Gateway(t.dir, {
        "identities": {"me": {"certificate": t.pki.client.chain, "key": t.pki.client.key}},
        "trust": {"partners": t.pki.trust()},
        "links": {"out": {
            "listen": {"address": ["127.0.0.1:%d" % port]},
            "forward": {"to": ["127.0.0.1:%d" % b.port],
                        "tls": {"identity": "me", "trust": "partners", "server_name": "gw.test",
                                "peers": [{"dns": "gw.test"}]}},
            "engine": t.engine}}}, name="a")
    with a:
        data = os.urandom(1 << 20) * 64
        s = socket.create_connection(("127.0.0.1", port), timeout=30)
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        equal(recv_all(s), b"done")
        equal(digests[0], hashlib.sha256(data).hexdigest())
        equal(a.wait_event("session_closed")["reason"], "closed")
