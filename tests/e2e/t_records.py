"""Goal: the record layer takes what RFC 8446 allows and answers everything else with its alert and its reason."""
import hashlib
import os
import subprocess
import threading

from gateway import ROOT
from harness import equal, expect, need, recv_all, test

TLSPEER = os.path.join(ROOT, "build", "bin-test", "tlspeer")
CAN_REKEY = "this kernel can not rekey"


def play(t, g, *lines, before=(), check=True):
    """Run the peer's script; what it printed, without "connected"."""
    need(os.path.exists(TLSPEER), "there is no build/bin-test/tlspeer")
    c = t.pki.client
    script = [*before, "connect %s:%d %s %s gw.test" % (t.host, g.port, c.chain, c.key), *lines]
    r = subprocess.run([*t.client_prefix, TLSPEER], input="\n".join(script) + "\n", capture_output=True, text=True, timeout=40)
    if check:
        equal(r.returncode, 0, r.stdout[-500:] + r.stderr[-500:])
    return r.stdout.split()[1:]


def rekeys(t, g):
    if t.engine == "ktls":
        need(g.events("ktls_probe")[-1]["rekey"] == "yes", CAN_REKEY)


def refused(t, lines, alert, reason):
    g = t.terminate(t.server().address, name="gw-%d-%s" % (alert, hashlib.sha256(repr(lines).encode()).hexdigest()[:8]))
    if t.engine == "ktls":
        # The kernel judges first, in its own words, and after a bad record sends no alert for us.
        play(t, g, *lines, "expect alert %d" % alert, check=False)
        got = g.wait_event("session_closed")["reason"]
        expect(got in (reason, "decrypt", "record_type", "record_size"), got)
    else:
        play(t, g, *lines, "expect alert %d" % alert)
        equal(g.wait_event("session_closed")["reason"], reason)
    g.stop(expect=None)


@test("records of 0, 1 and 16384 bytes, padded up to the limit, arrive as they are")
def sizes(t):
    g = t.terminate(t.server().address)
    play(t, g, "record 23 -", "record 23 41", "expect data 1", "record 23 fill:16384", "expect data 16384",
         "record 23 41 16383", "expect data 1", "record 23 - 16384", "record 23 42", "expect data 1")


@test("records that come byte by byte, or in pieces of any size, arrive as they are")
def pieces(t):
    g = t.terminate(t.server().address)
    play(t, g, "pieces 1", "record 23 fill:60", "expect data 60", "pieces 7", "record 23 fill:700", "pieces 1448",
         "record 23 fill:16384", "expect data 17084", "pieces 16405", "record 23 fill:16384", "record 23 41",
         "expect data 16385", "pieces 3", "record 21 0100", "expect alert 0")


@test("content over 16384 bytes is record_overflow, a wrong tag bad_record_mac")
def broken(t):
    refused(t, ["record 23 fill:16385"], 22, "record_size")
    refused(t, ["badtag"], 20, "decrypt")


@test("types and messages that are not legal after the handshake are unexpected_message", timeout=90)
def illegal(t):
    for line in ("record 99 41", "record 20 01", "record 22 -", "record 22 0100000100", "raw 140303000101",
                 "record 22 180000010017030300"):
        refused(t, [line], 10, "record_type")


@test("a KeyUpdate that asks is answered, and data goes on with new keys both ways")
def key_update(t):
    g = t.terminate(t.server().address)
    rekeys(t, g)
    play(t, g, "record 23 4142", "expect data 2", "keyupdate 1", "expect keyupdate", "record 23 fill:5000",
         "expect data 5000", "keyupdate 0", "record 23 43", "expect data 1")


@test("a KeyUpdate may come in two records")
def split_update(t):
    g = t.terminate(t.server().address)
    if t.engine == "ktls":
        # The kernel wants the new key after the first part, and can not read the second under the old one.
        play(t, g, "record 22 1800", "record 22 000100", "newkeys", "record 23 4142", "expect data 2", check=False)
        equal(g.wait_event("session_closed")["reason"], "rekey_unsupported")
        return
    play(t, g, "record 22 1800", "record 22 000100", "newkeys", "record 23 4142", "expect data 2")


@test("a thousand KeyUpdates in a row are taken, as Java may send them, many more are keyupdate_rate")
def update_rate(t):
    g = t.terminate(t.server().address)
    rekeys(t, g)
    play(t, g, *["keyupdate 0"] * 1000, "record 23 41", "expect data 1")
    g.wait_event("session_closed")
    play(t, g, *["keyupdate 0"] * 6000, "expect alert 10")
    equal(g.wait_event("session_closed", count=2)["reason"], "keyupdate_rate")


@test("application data in the segment of the client's Finished is delivered")
def with_finished(t):
    g = t.terminate(t.server().address)
    play(t, g, "record 23 fill:3000", "expect data 3000", before=["hold"])


@test("three thousand records of one byte arrive whole")
def tiny(t):
    g = t.terminate(t.server().address)
    play(t, g, *["record 23 41"] * 3000, "expect data 3000")


@test("after close_notify the other direction goes on to its end")
def half_close(t):
    got = []

    def late(conn):
        got.append(recv_all(conn))
        conn.sendall(b"y" * 100000)

    g = t.terminate(t.server(late).address)
    play(t, g, "record 23 fill:9000", "record 21 0100", "expect data 100000", "expect alert 0")
    equal(got, [b"x" * 9000])


@test("a FIN without close_notify and a RST reset the plain side and never end it cleanly")
def cut(t):
    ends, done = [], threading.Semaphore(0)

    def watch(conn):
        try:
            while conn.recv(4096):
                conn.sendall(b"ok")
            ends.append("eof")
        except ConnectionResetError:
            ends.append("reset")
        done.release()

    g = t.terminate(t.server(watch).address)
    for i, (line, reason) in enumerate((("fin", "truncated"), ("rst", "reset"))):
        play(t, g, "record 23 41", "expect data 2", line)
        expect(done.acquire(timeout=10), "the plain side never ended")
        equal(g.wait_event("session_closed", count=i + 1)["reason"], reason)
    equal(ends, ["reset", "reset"])


@test("with --rekey-records the gateway updates its own sending keys and data goes on")
def own_update(t):
    g = t.terminate(t.server().address, args=["--rekey-records", "3"])
    rekeys(t, g)
    one = ["record 23 41", "expect data 1"]
    play(t, g, *one * 3, "record 23 41", "expect keyupdate", "expect data 1", *one * 2)


@test("garbage and a plain HTTP request instead of a ClientHello are not_tls")
def not_tls(t):
    g = t.terminate(t.server().address)
    for i, text in enumerate((b"GET / HTTP/1.1\r\nHost: gw.test\r\n\r\n", b"\xff" * 300)):
        with t.connect(g.port) as s:
            s.sendall(text)
            equal(g.wait_event("refused", count=i + 1)["reason"], "not_tls")
