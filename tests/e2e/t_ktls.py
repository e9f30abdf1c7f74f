"""Goal: the kernel-TLS engine keeps every promise on real kernels: all suites, KeyUpdate, records, no thread storms.

Runs where PENSTOCK_ENGINE=ktls (in the guests); elsewhere the cases say why they are skipped.
"""
import hashlib
import os
import socket
import ssl
import struct
import subprocess
import time

from harness import equal, exchange, expect, need, test
from t_first_light import client_context

SUITES = {"TLS_AES_256_GCM_SHA384": "1.3", "TLS_AES_128_GCM_SHA256": "1.3", "TLS_CHACHA20_POLY1305_SHA256": "1.3",
          "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "1.2",
          "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "1.2"}

TWO_RECORDS = 30000
DATA_SEGS_IN = 152  # in struct tcp_info


def ktls(t):
    need(t.engine == "ktls", "the engine is %s" % t.engine)


def kernel_rekeys(g):
    return g.events("ktls_probe")[-1]["rekey"] == "yes"


def connect(t, port):
    raw = socket.create_connection(("127.0.0.1", port), timeout=30)
    return client_context(t.pki, t.pki.client).wrap_socket(raw, server_hostname="gw.test")


@test("every suite carries a megabyte each way over kernel TLS, and the session says so", timeout=180)
def suites(t):
    ktls(t)
    server = t.server()
    for suite, version in SUITES.items():
        g = t.terminate(server.address, name=suite, listen={"profile": "p"},
                        profiles={"p": {"versions": [version], "suites": [suite]}})
        with connect(t, g.port) as s:
            data = os.urandom(1 << 20)
            equal(hashlib.sha256(exchange(s, [data])).hexdigest(), hashlib.sha256(data).hexdigest(), suite)
            outer = g.sessions()[0]["outer"]
            equal((outer["engine_rx"], outer["engine_tx"], outer["suite"]), ("ktls", "ktls", suite))
        g.stop()


@test("two records that kernel TLS seals together leave as one segment, moved by splice or sent from a block", timeout=120)
def full_segments(t):
    ktls(t)

    def answer(conn):
        while conn.recv(1):
            conn.sendall(bytes(TWO_RECORDS))

    for name, server in (("splice", t.server(answer)), ("block", t.server(answer, path=os.path.join(t.dir, "target")))):
        g = t.terminate(server.address, name=name)
        with connect(t, g.port) as s:
            seen = []
            for _ in range(21):  # the first is not counted: tickets come before it, and it is not moved yet
                s.sendall(b"?")
                left = TWO_RECORDS
                while left > 0:
                    data = s.recv(left)
                    expect(data, "ended early")
                    left -= len(data)
                seen += struct.unpack_from("I", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), DATA_SEGS_IN)
            expect(seen[-1] - seen[0] < 30, (name, seen))
        g.stop()


@test("thousands of small records arrive whole and in order", timeout=120)
def small_records(t):
    ktls(t)
    g = t.terminate(t.server().address)
    with connect(t, g.port) as s:
        pieces = [bytes([i & 255]) * (i % 7 + 1) for i in range(3000)]
        equal(exchange(s, pieces), b"".join(pieces))


@test("a KeyUpdate is answered where the kernel can rekey, and ends the session with a clear reason where not", timeout=60)
def keyupdate(t):
    ktls(t)
    g = t.terminate(t.server().address)
    p = subprocess.Popen(["openssl", "s_client", "-connect", "127.0.0.1:%d" % g.port, "-servername", "gw.test",
                          "-cert", t.pki.client.pem, "-cert_chain", t.pki.inter.pem, "-key", t.pki.client.key,
                          "-CAfile", t.pki.root.pem], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    t.defer(p.kill)
    g.wait(lambda: g.sessions(), 20, "the session")
    p.stdin.write(b"K\n")
    p.stdin.flush()
    if not kernel_rekeys(g):
        e = g.wait_event("session_closed")
        equal(e["reason"], "rekey_unsupported")
        return
    g.wait(lambda: g.sessions()[0]["outer"]["keyupdates_tx"] == 1, 20, "the answer to the KeyUpdate")
    p.stdin.write(b"after the new keys\n")
    p.stdin.flush()
    g.wait(lambda: g.sessions()[0]["down_bytes"] == len("after the new keys\n"), 20, "data under the new keys")
    p.stdin.write(b"k\n")
    p.stdin.flush()
    g.wait(lambda: g.sessions()[0]["outer"]["keyupdates_rx"] == 2, 20, "the second KeyUpdate")
    p.stdin.write(b"Q\n")
    p.stdin.flush()
    p.wait(10)
    equal(g.wait_event("session_closed")["reason"], "closed")


@test("auto takes kernel TLS for TLS 1.3 only where the kernel can rekey, and says why not", timeout=60)
def auto(t):
    ktls(t)
    g = t.terminate(t.server().address, link={"engine": "auto"})
    with connect(t, g.port) as s:
        s.sendall(b"x")
        equal(s.recv(1), b"x")
        outer = g.sessions()[0]["outer"]
        if kernel_rekeys(g):
            equal((outer["engine_rx"], outer["why"]), ("ktls", ""))
        else:
            equal(outer["engine_rx"], "soft")
            expect("rekey" in outer["why"], outer["why"])


@test("thirty-two half-sent records cost no kernel thread each", timeout=90)
def half_open(t):
    ktls(t)
    g = t.terminate(t.server().address)
    held = []
    for _ in range(32):
        raw = socket.create_connection(("127.0.0.1", g.port), timeout=30)
        s = client_context(t.pki, t.pki.client).wrap_socket(raw, server_hostname="gw.test", do_handshake_on_connect=True)
        s.sendall(b"x")
        equal(s.recv(1), b"x")
        held.append(s)
        os.write(s.fileno(), b"\x17\x03\x03\x40\x11" + b"half of a record")
    time.sleep(1)  # long enough for a thread to have been made by each
    pid = g.children()["penstock-dataplane"][0]
    threads = len(os.listdir("/proc/%d/task" % pid))
    expect(threads <= 8, "%d threads for 32 half-sent records" % threads)
    equal(len(g.sessions()), 32)


@test("a record with a wrong tag ends the session as decrypt, and the other side is reset", timeout=60)
def bad_tag(t):
    ktls(t)
    ends = []

    def watch(conn):
        try:
            while conn.recv(4096):
                pass
            ends.append("clean")
        except ConnectionResetError:
            ends.append("reset")

    g = t.terminate(t.server(watch).address)
    s = connect(t, g.port)
    s.sendall(b"good")
    os.write(s.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))
    equal(g.wait_event("session_closed")["reason"], "decrypt")
    g.wait(lambda: ends, 5, "the target's end")
    equal(ends, ["reset"])
