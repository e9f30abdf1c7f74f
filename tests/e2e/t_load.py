"""Goal: what penstock-load reports is what the gateway saw, in every mode, and failures are told by kind."""
import json
import os
import shutil
import socket
import subprocess
import threading
import time

from harness import equal, expect, free_port, need, recv_exactly, test
from gateway import BIN

LOAD = os.path.join(BIN, "penstock-load")
LIMITS = {"limits": {"handshakes_per_second": 100000, "handshakes_per_source": 100000}}
BOTH = {"listen": {"profile": "both"}, "profiles": {"both": {"versions": ["1.2", "1.3"]}}}
LIMIT_S = 30


def sink(t, *args):
    """The load generator's own backend; its address. Its half seconds are too short for an emulated processor."""
    need(not os.environ.get("PENSTOCK_VM"), "too slow under emulation")
    p = subprocess.Popen([LOAD, "sink", "--listen", "127.0.0.1:0", *args], stdout=subprocess.PIPE, text=True)

    def stop():
        p.terminate()
        p.wait(10)
        p.stdout.close()
    t.defer(stop)
    line = p.stdout.readline().split()
    equal(line[:2], ["listening", "on"])
    return line[2]


def start(t, port, mode, *args, cert=None, warmup="0.1"):
    cert = cert or t.pki.client
    if "--cert-dir" not in args:
        args = ("--cert", cert.chain, "--key", cert.key, *args)
    out = os.path.join(t.dir, "load.json")
    return out, subprocess.Popen(
        [LOAD, mode, "--connect", "127.0.0.1:%d" % port, "--name", "gw.test", "--ca", t.pki.root.pem, "--json", out,
         "--duration", "0.5", "--warmup", warmup, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def load(t, port, mode, *args, **kw):
    out, p = start(t, port, mode, *args, **kw)
    text = p.communicate(timeout=LIMIT_S)[0]
    equal(p.returncode, 0, text)
    with open(out) as f:
        return json.load(f)


def gateway(t, to, **kw):
    return t.terminate(to, link=LIMITS, **kw)


def agree(g, r):
    """The report and the gateway's log lines tell the same; the lines are returned."""
    total = r["total"]
    g.wait(lambda: len(g.events("session_closed")) >= total["established"], 10, "a line for each session")
    lines = g.events("session_closed")
    equal(len(lines), total["established"], "sessions")
    equal(total["closed"], total["established"], "sessions that ended as they should")
    equal({e["reason"] for e in lines}, {"closed"})
    equal(sum(int(e["up_bytes"]) for e in lines), total["bytes_up"], "bytes up")
    equal(sum(int(e["down_bytes"]) for e in lines), total["bytes_down"], "bytes down")
    equal(r["errors"], {})
    equal((r["unanswered"], r["unfinished"]), (0, 0))
    return lines


@test("handshakes reported are sessions of the gateway, as fast as they go", alone=True)
def handshakes(t):
    g = gateway(t, sink(t))
    r = load(t, g.port, "handshakes", "--concurrency", "4", "--gateway-pid", str(g.proc.pid))
    agree(g, r)
    equal(r["total"]["handshakes"], r["total"]["attempts"])
    expect(r["window"]["established"] > 0 and r["handshake_us"]["count"] > 0, "some in the window")
    expect(r["handshake_us"]["p50"] <= r["established_us"]["p50"] <= r["established_us"]["max"], "times in order")
    expect(r["gateway"]["cpu_s"] > 0 and r["generator"]["cpu_s"] > 0, "CPU of both is told")
    expect(r["bottleneck"] in ("gateway", "generator", "none"), "a verdict")


@test("handshakes at a rate are as many as are due")
def handshakes_paced(t):
    g = gateway(t, sink(t))
    r = load(t, g.port, "handshakes", "--rate", "40", "--processes", "2", warmup="0")
    agree(g, r)
    equal(r["total"]["attempts"], 20)
    equal(r["established_us"]["count"], 20)


@test("churn makes one exchange a session, over TLS 1.2 with its own keys")
def churn(t):
    g = gateway(t, sink(t), **BOTH)
    r = load(t, g.port, "churn", "--tls", "1.2", "--suites", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "--groups",
             "P-256", "--size", "20000", "--concurrency", "2")
    lines = agree(g, r)
    equal(r["total"]["exchanges"], r["total"]["established"])
    equal(r["total"]["bytes_up"], r["total"]["established"] * (16 + 20000))
    equal({(e["version"], e["suite"]) for e in lines}, {("1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")})


@test("bulk bytes up are counted, and every one of them reaches the backend")
def bulk_up(t):
    g = gateway(t, sink(t))
    r = load(t, g.port, "bulk", "--direction", "up", "--sessions", "3")
    agree(g, r)
    equal(r["total"]["receipts"], 3)
    expect(r["window"]["bytes_up"] > 1 << 20, "more than crumbs")


@test("bulk bytes down and both ways are counted, with each cipher")
def bulk_down(t):
    g = gateway(t, sink(t))
    r = load(t, g.port, "bulk", "--direction", "down", "--suites", "TLS_CHACHA20_POLY1305_SHA256")
    agree(g, r)
    expect(r["window"]["bytes_down"] > 1 << 20, "more than crumbs")
    g2 = gateway(t, sink(t), name="gw2", **BOTH)
    r = load(t, g2.port, "bulk", "--direction", "both", "--tls", "1.2", "--processes", "2", "--sessions", "2")
    agree(g2, r)
    expect(min(r["window"]["bytes_down"], r["window"]["bytes_up"]) > 1 << 20, "both directions")


@test("round trips at a rate are as many as are due, spread over the sessions")
def roundtrip(t):
    g = gateway(t, sink(t, "--processes", "2"))
    r = load(t, g.port, "roundtrip", "--rate", "200", "--sessions", "4", "--size", "100", "--processes", "2", warmup="0")
    lines = agree(g, r)
    equal(r["exchange_us"]["count"], 100)
    equal(r["total"]["exchanges"], 100)
    sent = sorted(int(e["up_bytes"]) - 16 for e in lines)
    equal(sum(sent), 100 * 100)
    expect(len(sent) == 4 and sent[0] >= 1000, "one is busy, another takes its turn, but none is left out: %s" % sent)


@test("a fan-in visits its sessions in turn")
def fanin(t):
    g = gateway(t, sink(t))
    r = load(t, g.port, "fanin", "--sessions", "20", "--size", "8", "--concurrency", "3")
    visits = [int(e["up_bytes"]) // 8 for e in agree(g, r)]
    equal(len(visits), 20)
    expect(min(visits) > 0 and max(visits) <= 2 * min(visits), "about as often each: %s" % visits)


@test("idle sessions are all up, and then carry nothing")
def idle(t):
    g = gateway(t, sink(t))
    r = load(t, g.port, "idle", "--sessions", "30")
    agree(g, r)
    equal(r["most_open"], 30)
    equal(r["window"]["bytes_up"] + r["window"]["bytes_down"], 0)


@test("certificates of a directory take turns")
def cert_dir(t):
    names = ["spiffe://partner.example/load-%d" % i for i in range(3)]
    path = os.path.join(t.dir, "certs")
    os.mkdir(path)
    for i, name in enumerate(names):
        c = t.pki.inter.issue("load-%d" % i, "URI:" + name)
        for f in (c.key, c.chain):
            shutil.copy(f, path)
    g = gateway(t, sink(t), peers=[{"uri": name} for name in names])
    r = load(t, g.port, "idle", "--sessions", "6", "--cert-dir", path)
    peers = [e["outer_peer"] for e in agree(g, r)]
    equal(sorted(p.rsplit("-", 1)[1] for p in peers), ["0", "0", "1", "1", "2", "2"])


@test("keys of every kind that a gateway may take prove the client, in either version")
def key_kinds(t):
    kinds = ("p256", "p384", "rsa3072", "rsa-pss", "ed25519")
    g = gateway(t, sink(t), peers=[{"uri": "spiffe://partner.example/" + k} for k in kinds], **BOTH)
    for kind in kinds:
        cert = t.pki.inter.issue("by-" + kind, "URI:spiffe://partner.example/" + kind, key_type=kind)
        for version in ("1.3", "1.2"):
            r = load(t, g.port, "handshakes", "--rate", "10", "--tls", version, cert=cert, warmup="0")
            equal((r["errors"], r["total"]["established"]), ({}, 5), "%s with TLS %s" % (kind, version))


@test("a gateway that refuses the client is an error counted by kind, with its alert, and no crash")
def refused(t):
    g = gateway(t, sink(t), peers=[{"uri": "spiffe://partner.example/other"}])
    r = load(t, g.port, "handshakes", "--rate", "20", warmup="0")
    equal(r["total"]["established"], 0)
    equal(sum(r["errors"].values()), 10)
    equal(set(r["errors"]), {"refused"})
    equal(r["alerts"], {"certificate unknown": 10})


@test("a gateway certificate for another name is not talked to")
def wrong_name(t):
    g = gateway(t, sink(t))
    r = load(t, g.port, "handshakes", "--rate", "20", "--name", "other.test", warmup="0")
    equal((r["total"]["handshakes"], r["errors"]), (0, {"handshake_local": 10}))


@test("nobody listening is an error counted by kind")
def nobody(t):
    r = load(t, free_port(), "idle", "--sessions", "3")
    equal((r["errors"], r["total"]["attempts"]), ({"connect": 3}, 3))


@test("sessions that the gateway ends early are told")
def cut(t):
    g = t.terminate(sink(t), link={"limits": {**LIMITS["limits"], "life_s": 2}})
    r = load(t, g.port, "idle", "--sessions", "5", "--duration", "4")
    equal((r["total"]["established"], r["total"]["closed"]), (5, 0))
    equal(r["errors"], {"session_cut": 5})


@test("a peer that says nothing is given up in time, and told by how far it came")
def silence(t):
    done = threading.Event()
    t.defer(done.set)

    def greets(conn, answers):
        recv_exactly(conn, 16)
        conn.sendall(b"k")
        while conn.recv(65536):
            if answers:
                conn.sendall(b"x" * 64)
        done.wait(20)

    def errors(port, mode, *args):
        r = load(t, port, mode, "--timeout", "0.3", *args, warmup="0")
        return r["errors"], r["unanswered"]

    mute = t.server(lambda conn: done.wait(20))
    equal(errors(mute.port, "idle", "--sessions", "2"), ({"handshake_timeout": 2}, 0))
    g = gateway(t, mute.address)
    equal(errors(g.port, "idle", "--sessions", "2"), ({"greeting_timeout": 2}, 0))
    g = gateway(t, t.server(lambda conn: greets(conn, False)).address, name="gw2")
    equal(errors(g.port, "roundtrip", "--rate", "10"), ({"answer_timeout": 1}, 5))
    g = gateway(t, t.server(lambda conn: greets(conn, True)).address, name="gw3")
    equal(errors(g.port, "roundtrip", "--rate", "10"), ({"close_timeout": 1}, 0))
    done.set()  # so that no gateway drains for long


@test("a stall counts for every request that was due in it, not for one")
def omission(t):
    stall = threading.Event()

    def stalling(conn):
        """The task protocol, with 0.4 s of silence once."""
        recv_exactly(conn, 16)
        conn.sendall(b"k")
        count = 0
        while True:
            data = conn.recv(64)
            if not data:
                return
            count += len(data)
            if count >= 10 * 64 and not stall.is_set():
                stall.set()
                time.sleep(0.4)
            conn.sendall(data)

    g = gateway(t, t.server(stalling).address)
    r = load(t, g.port, "roundtrip", "--rate", "100", "--duration", "1", warmup="0")
    agree(g, r)
    equal(r["exchange_us"]["count"], 100)
    expect(r["exchange_us"]["max"] >= 400e3, "the stall is seen")
    expect(r["exchange_us"]["p90"] >= 200e3, "by all that waited: %s" % r["exchange_us"])


def policies(pid):
    """{process: its scheduling policy} of the generator and those that it started."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return {p: os.sched_getscheduler(p) for p in (pid, *map(int, f.read().split()))}


def in_front():
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


@test("a generator that goes before all else keeps to itself who only looks on")
def steps_back(t):
    need(os.geteuid() == 0, "only root may go before all else")
    address = sink(t)
    p = subprocess.Popen([LOAD, "roundtrip", "--plain", "--connect", address, "--rate", "100", "--duration", "2", "--warmup", "0",
                          "--quiet"], stdout=subprocess.DEVNULL, preexec_fn=in_front)
    t.defer(p.wait)
    end = time.monotonic() + LIMIT_S
    while (seen := policies(p.pid)) != {**seen, p.pid: os.SCHED_OTHER} or len(seen) < 2:
        expect(p.poll() is None and time.monotonic() < end, seen)
        time.sleep(0.02)
    equal([policy for pid, policy in seen.items() if pid != p.pid], [os.SCHED_FIFO])


@test("a sink with one answer for all echoes, discards and sends without being asked")
def answers(t):
    def connect(answer):
        host, port = sink(t, "--answer", answer).split(":")
        return socket.create_connection((host, int(port)), timeout=10)

    with connect("echo") as s:
        data = os.urandom(300000)
        threading.Thread(target=s.sendall, args=(data,), daemon=True).start()
        equal(recv_exactly(s, len(data)), data)
    with connect("discard") as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        equal(s.recv(1), b"")
    with connect("source") as s:
        equal(len(recv_exactly(s, 3 << 20)), 3 << 20)


@test("a bad command line is refused with what would be right")
def usage(t):
    r = subprocess.run([LOAD, "roundtrip", "--connect", "127.0.0.1:1", "--name", "x", "--ca", "x", "--cert-dir", "x"],
                       capture_output=True, text=True, timeout=LIMIT_S)
    equal(r.returncode, 2)
    expect("--rate" in r.stderr, r.stderr)
    out = subprocess.run([LOAD, "idle", "--connect", "127.0.0.1:1", "--name", "x", "--ca", "/no/such", "--cert-dir", "x"],
                         capture_output=True, text=True, timeout=LIMIT_S)
    equal(out.returncode, 1)
    expect("/no/such" in out.stderr, out.stderr)
