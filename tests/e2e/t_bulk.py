"""Goal: bulk comes through whole and ends as it should on every engine; on kernel TLS it goes by splice."""
import hashlib
import os
import socket
import ssl
import threading

from harness import equal, exchange, expect, test
from t_first_light import client_context
from t_records import play, rekeys

ODD = [16384 * 3 + 1, 1, 16383, 65537, 131073, 5, 100003, 16384 * 8, 16384 * 8 - 1, 777, 300001]
BULK = ["record 23 fill:16384"] * 30
BULK_BYTES = 30 * 16384


def connect(t, port):
    raw = socket.create_connection(("127.0.0.1", port), timeout=60)
    return client_context(t.pki, t.pki.client).wrap_socket(raw, server_hostname="gw.test")


def pipes(g):
    """Pipes of the data plane: the mover makes one when it first moves something."""
    pid = g.children()["penstock-dataplane"][0]
    fds = "/proc/%d/fd" % pid
    return {os.readlink(os.path.join(fds, f)) for f in os.listdir(fds) if os.readlink(os.path.join(fds, f)).startswith("pipe:")}


def watched(ends):
    """A target that notes how its connection ended."""
    def watch(conn):
        try:
            while conn.recv(1 << 16):
                pass
            ends.append("clean")
        except ConnectionResetError:
            ends.append("reset")
    return watch


def taker(n):
    """A target that takes n bytes, then says so."""
    def take(conn):
        left = n
        while left > 0:
            got = len(conn.recv(min(left, 1 << 18)))
            if not got:
                return
            left -= got
        conn.sendall(b"done")
    return take


@test("pieces of odd sizes come through whole in both directions, and kernel TLS moves them by splice", timeout=180)
def odd_sizes(t):
    g = t.terminate(t.server().address)
    before = pipes(g)
    with connect(t, g.port) as s:
        for _ in range(3):
            pieces = [os.urandom(n) for n in ODD]
            equal(hashlib.sha256(exchange(s, pieces)).hexdigest(), hashlib.sha256(b"".join(pieces)).hexdigest())
    if t.engine == "ktls":
        expect(pipes(g) - before, "nothing was moved by splice")
    e = g.wait_event("session_closed")
    equal((e["up_bytes"], e["down_bytes"]), (str(3 * sum(ODD)), str(3 * sum(ODD))))


@test("a slow target and a client that does not read hold bulk up, and lose none of it", timeout=180)
def back_pressure(t):
    sent, seen = os.urandom(6 << 20), []

    def slow(conn):
        def read():
            h, left = hashlib.sha256(), len(sent)
            while left > 0:
                data = conn.recv(min(left, 1 + left % 3001))
                if not data:
                    return
                h.update(data)
                left -= len(data)
            seen.append(h.hexdigest())
        reader = threading.Thread(target=read)
        reader.start()
        conn.sendall(sent)
        reader.join()

    g = t.terminate(t.server(slow).address)
    with connect(t, g.port) as s:
        s.sendall(sent)
        h, left = hashlib.sha256(), len(sent)
        while left > 0:
            data = s.recv(min(left, 1 << 18))
            expect(data, "ended %d bytes early" % left)
            h.update(data)
            left -= len(data)
        g.wait(lambda: seen, 60, "the target's count")
    want = hashlib.sha256(sent).hexdigest()
    equal((h.hexdigest(), seen), (want, [want]))


@test("close_notify behind bulk is a half-close: the answer to all of it still arrives", timeout=120)
def half_close(t):
    question = os.urandom(2 << 20)

    def late(conn):
        h = hashlib.sha256()
        while True:
            data = conn.recv(1 << 18)
            if not data:
                break
            h.update(data)
        conn.sendall(h.digest() * 10000)

    g = t.terminate(t.server(late).address)
    inc, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = client_context(t.pki, t.pki.client).wrap_bio(inc, out, server_hostname="gw.test")
    raw = socket.create_connection(("127.0.0.1", g.port), timeout=60)
    while True:
        try:
            peer.do_handshake()
            break
        except ssl.SSLWantReadError:
            raw.sendall(out.read())
            inc.write(raw.recv(65536))
    for at in range(0, len(question), 1 << 16):
        peer.write(question[at:at + (1 << 16)])
        raw.sendall(out.read())
    try:
        peer.unwrap()  # our close_notify; the other direction stays open
    except (ssl.SSLWantReadError, ssl.SSLError):
        pass
    raw.sendall(out.read())
    while raw.recv(1 << 18):
        pass
    e = g.wait_event("session_closed")
    equal((e["reason"], e["up_bytes"], e["down_bytes"]), ("closed", str(len(question)), "320000"))


@test("a FIN inside bulk is truncation: the target is reset and never ends cleanly", timeout=60)
def truncated(t):
    ends = []
    g = t.terminate(t.server(watched(ends)).address)
    s = connect(t, g.port)
    s.sendall(bytes(1 << 20))
    s.shutdown(socket.SHUT_WR)
    equal(g.wait_event("session_closed", timeout=30)["reason"], "truncated")
    g.wait(lambda: ends, 10, "the target's end")
    equal(ends, ["reset"])


@test("a KeyUpdate inside bulk is answered, and bulk goes on under the new keys", timeout=60)
def key_update(t):
    g = t.terminate(t.server(taker(2 * BULK_BYTES)).address)
    rekeys(t, g)
    play(t, g, *BULK, "keyupdate 1", "expect keyupdate", *BULK, "expect data 4")
    equal(int(g.wait_event("session_closed")["up_bytes"]), 2 * BULK_BYTES)


@test("a wrong tag, a wrong version, a wrong size and a fatal alert inside bulk end the session with their reasons", timeout=90)
def broken(t):
    cases = [("badtag", ("decrypt",)), ("raw 1704040020" + "00" * 32, ("record_type",)),
             ("raw 1703034200" + "00" * 64, ("record_size",)), ("record 21 0228", ("peer_alert",))]
    for i, (line, reasons) in enumerate(cases):
        ends = []
        g = t.terminate(t.server(watched(ends)).address, name="gw%d" % i)
        play(t, g, *BULK, line, "expect eof", check=False)
        e = g.wait_event("session_closed", timeout=20)
        expect(e["reason"] in reasons, (line, e["reason"]))
        g.wait(lambda: ends, 10, "the target's end")
        equal(ends, ["reset"], line)
        g.stop(expect=None)
