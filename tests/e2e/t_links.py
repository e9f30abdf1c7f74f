"""Goal: a ClientHello may come in any pieces, a protocol must be shared, a source and a deadline are bounded."""
import socket
import ssl
import subprocess
import time

from harness import equal, expect, free_port, recv_exactly, test


def context(t, alpn=None):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.load_verify_locations(t.pki.root.pem)
    ctx.load_cert_chain(t.pki.client.chain, t.pki.client.key)
    if alpn:
        ctx.set_alpn_protocols(alpn)
    return ctx


def dial(port):
    s = socket.create_connection(("127.0.0.1", port), timeout=10)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def records(hello, size):
    """The same handshake message in records of that many bytes."""
    body = hello[5:]
    return b"".join(hello[:3] + len(part).to_bytes(2, "big") + part
                    for part in (body[at:at + size] for at in range(0, len(body), size)))


def shake(t, port, send):
    """A handshake over memory BIOs; send(socket, hello) decides how the ClientHello travels."""
    sock, incoming, outgoing = dial(port), ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context(t).wrap_bio(incoming, outgoing, server_hostname="gw.test")
    first = True

    def step(call, *args):
        nonlocal first
        while True:
            try:
                result = call(*args)
            except ssl.SSLWantReadError:
                result = None
            data = outgoing.read()
            if data:
                (send if first else socket.socket.sendall)(sock, data)
                first = False
            if result is not None or call == tls.do_handshake and tls.version() and not data:
                return result
            if call == tls.do_handshake and tls.cipher() and data and tls.getpeercert(True):
                return None
            got = sock.recv(65536)
            expect(got, "the gateway ended the connection")
            incoming.write(got)

    step(tls.do_handshake)
    step(tls.write, b"hello")
    equal(step(tls.read, 5), b"hello")
    sock.close()


@test("a ClientHello in two hundred TCP segments, or in records of sixteen bytes or of two, is read as one")
def pieces(t):
    g = t.terminate(t.server().address)

    def segments(sock, hello):
        step = max(1, len(hello) // 200)
        for at in range(0, len(hello), step):
            sock.sendall(hello[at:at + step])
            time.sleep(0.001)

    shake(t, g.port, lambda sock, hello: sock.sendall(hello))
    shake(t, g.port, segments)
    shake(t, g.port, lambda sock, hello: sock.sendall(records(hello, 16)))
    shake(t, g.port, lambda sock, hello: sock.sendall(records(hello, 2)))


@test("a protocol that both know is chosen; without one in common the client hears no_application_protocol")
def alpn(t):
    g = t.terminate(t.server().address, listen={"alpn": ["one", "two"]})
    with context(t, ["two", "three"]).wrap_socket(dial(g.port), server_hostname="gw.test") as s:
        equal(s.selected_alpn_protocol(), "two")
    try:
        context(t, ["three"]).wrap_socket(dial(g.port), server_hostname="gw.test")
        expect(False, "it was let in")
    except ssl.SSLError as e:
        expect("no application protocol" in str(e), str(e))
    equal(g.wait_event("refused")["reason"], "alpn")


@test("one source has so many handshakes a second, and then is told nothing")
def per_source(t):
    g = t.terminate(t.server().address, link={"limits": {"handshakes_per_source": 2}})
    good = 0
    for _ in range(6):
        try:
            with context(t).wrap_socket(dial(g.port), server_hostname="gw.test") as s:
                s.sendall(b"x")
                equal(recv_exactly(s, 1), b"x")
                good += 1
        except (ssl.SSLError, ConnectionError):
            pass
    expect(2 <= good < 6, "%d of 6 came in" % good)
    g.wait_event("refused", reason="source_rate")


@test("a client that says nothing, or one byte, is cut at handshake_s")
def silent(t):
    g = t.terminate(t.server().address, link={"limits": {"handshake_s": 1}})
    for first in (b"", b"\x16"):
        s = dial(g.port)
        start = time.monotonic()
        s.sendall(first)
        try:
            while s.recv(100):
                pass
        except ConnectionError:
            pass
        took = time.monotonic() - start
        expect(0.9 < took < 2.5, "cut after %.2f s" % took)
        s.close()
    equal(g.wait_event("refused", count=2)["reason"], "handshake_timeout")


@test("a ClientHello in more than a thousand records is over the limit and ends as tls_protocol")
def tiny_records(t):
    server = t.server()
    g = t.terminate(server.address)
    inc, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = context(t, ["a-long-protocol-name-%03d" % i for i in range(60)]).wrap_bio(inc, out, server_hostname="gw.test")
    try:
        peer.do_handshake()
    except ssl.SSLWantReadError:
        pass
    sock = dial(g.port)
    try:
        sock.sendall(records(out.read(), 1))
    except ConnectionError:
        pass
    equal(g.wait_event("refused")["reason"], "tls_protocol")
    equal(server.connections, 0)


def gateway_sockets(here, there):
    """What the kernel tells of established connections from one port to another (0: any), in one line each."""
    which = " and ".join(w for w in ("sport = :%d" % here if here else "", "dport = :%d" % there if there else "") if w)
    r = subprocess.run(["ss", "-tinoOH", "state", "established", "( %s )" % which], capture_output=True, text=True, check=True)
    return r.stdout.splitlines()


@test("keepalive_s counts for both legs, and connections within this machine are not paced")
def socket_options(t):
    server = t.server()
    g = t.terminate(server.address, link={"keepalive_s": 77})
    with context(t).wrap_socket(dial(g.port), server_hostname="gw.test") as s:
        s.sendall(b"x")
        equal(recv_exactly(s, 1), b"x")
        for ports in ((g.port, 0), (0, server.port)):
            # Once the last byte is acknowledged, the next timer is the keep-alive's.
            g.wait(lambda: "keepalive,1min" in "".join(gateway_sockets(*ports)), what="the keep-alive timer")
            legs = gateway_sockets(*ports)
            equal([" reno " in leg for leg in legs], [True], legs)


@test("a link listens on IPv6 and reaches a target on IPv6")
def ipv6(t):
    port = free_port("::1")
    server = t.server(host="::1")
    g = t.terminate(server.address, link={"listen": {
        "address": ["[::1]:%d" % port],
        "tls": {"identity": "gw", "trust": "partners", "peers": [{"any": True}]}}})
    with socket.create_connection(("::1", port), timeout=10) as raw:
        with context(t).wrap_socket(raw, server_hostname="gw.test") as s:
            s.sendall(b"hello")
            equal(recv_exactly(s, 5), b"hello")
    expect("[::1]" in g.wait_event("session_closed")["source"], "the source is told as IPv6")
