"""Goal: the DPDK engine carries a link over shared memory, without a copy on its side, and the generator that loads it
there counts every byte."""
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from gateway import Gateway
from harness import Skip, equal, expect, test

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "perf", "dpdk"))

import memif  # noqa: E402


def bench(t, kind=None, **kw):
    reason = memif.why_not()
    if reason:
        raise Skip(reason)
    os.chmod(t.dir, 0o755)
    b = (kind or memif.Bench)(t.dir, t.pki, memory=128, **kw)
    t.defer(b.close)
    return b


def whole(r):
    equal((r["errors"], r["unfinished"], r["total"]["closed"]), ({}, 0, r["total"]["attempts"]))


@test("over shared memory: what clients send arrives, every byte of it, and the data plane's clocks saw it", timeout=120, alone=True)
def up(t):
    r = bench(t, metered=True).run("bulk", "--direction", "up", "--sessions", "3", "--duration", "1", "--warmup", "0")
    whole(r)
    equal(r["total"]["receipts"], 3)
    spent = r["spent"]
    expect(spent["opened"] > 0 and spent["crypto"] > 0 and spent["tcp"] > 0 and spent["driver"] > 0, spent)


@test("over shared memory: jumbo frames, both ways at once, and messages there and back", timeout=180, alone=True)
def jumbo(t):
    r = bench(t, mtu=9000).run("roundtrip", "--sessions", "5", "--rate", "200", "--size", "20000", "--duration", "1",
                               "--warmup", "0")
    whole(r)
    equal((r["unanswered"], r["total"]["exchanges"]), (0, 200))


@test("over shared memory: two hundred sessions fill the ports' queues, and no frame is lost for it", timeout=240,
      alone=True)
def many(t):
    b = bench(t, metered=True)
    b.start("bulk", "--direction", "up", "--sessions", "200", "--duration", "2", "--warmup", "0")
    r = b.finish(200)
    equal((r["total"]["attempts"], set(r["errors"]) - {"close_timeout"}), (200, set()))  # it is patient for three seconds only
    last = b.gateway.events("meter")[-1]
    expect(int(last["opened"]) > 10000000 and last["lost"] == "0", last)


@test("over shared memory: without a process at the other end the data plane says what to start", timeout=120, alone=True)
def nobody(t):
    b = bench(t)
    b.start_gateway(wait=False)
    b.gateway.wait(lambda: "nobody is at the other end of net_memif0" in b.gateway.log(), 15)


def faults(pid):
    """Pages that the process has touched for the first time."""
    with open("/proc/%d/stat" % pid) as f:
        return int(f.read().rsplit(")", 1)[1].split()[7])


def worker_of(pid):
    """The process of the generator that polls."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        pids = f.read().split()
    return int(pids[0]) if pids else None


@test("over shared memory: few packets go round, so that the other end touches little of the gateway's memory", timeout=120,
      alone=True)
def few_packets(t):
    b = bench(t, metered=True)
    b.start("bulk", "--direction", "up", "--sessions", "1", "--duration", "2", "--warmup", "0")
    Gateway.wait(lambda: worker_of(b.load.pid), 10, "the generator's process")
    pid = worker_of(b.load.pid)
    before = after = faults(pid)
    b.load.stdin.write("go\n")
    b.load.stdin.flush()
    while b.load.poll() is None:
        try:
            after = faults(pid)
            b.load.wait(0.02)
        except (OSError, subprocess.TimeoutExpired):
            pass
    frames = int(b.gateway.events("meter")[-1]["frames_out"])
    expect(frames > 30000, frames)  # more than the pool has
    expect(after - before < 8000, "%d pages of a pool of 16,000 for %d frames" % (after - before, frames))


def spinning(t, before="", after="wait"):
    """A generator that polls for a gateway, started by a shell that goes on with `after`. The shell, the poller's pid."""
    reason = memif.why_not()
    if reason:
        raise Skip(reason)
    words = [memif.LOAD, "--memory", "64"]
    for i, side in enumerate(memif.SIDES):
        words += ["--" + side, memif.device(i, "server", t.dir, 1500, True)]
    words += ["--", "bulk", "--connect", memif.GATEWAY_AT, "--plain", "--direction", "up", "--sessions", "1", "--duration", "1"]
    shell = subprocess.Popen(["sh", "-c", before + '"$@" & echo $!; ' + after, "sh", *words], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    t.defer(shell.stdin.close)
    pid = int(shell.stdout.readline())
    t.defer(lambda: gone(pid) or os.kill(pid, signal.SIGKILL))
    Gateway.wait(lambda: os.path.exists(os.path.join(t.dir, "inside.sock")), 20, "a generator that has its ports")
    return shell, pid


def gone(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@test("a generator that polls ends with the one who started it", timeout=60)
def orphan(t):
    shell, pid = spinning(t, after="read _")
    expect(not gone(pid), "it waits for a gateway")
    shell.kill()
    shell.wait()
    Gateway.wait(lambda: gone(pid), 10, "the end of an orphan")


@test("a generator that polls ends by SIGTERM where that was ignored, and has no real-time priority", timeout=60)
def terminated(t):
    _, pid = spinning(t, before="trap '' TERM; chrt -f -p 10 $$ || exit 1; ", after="chrt -o -p 0 $$; wait")
    equal(os.sched_getscheduler(pid), os.SCHED_OTHER)
    os.kill(pid, signal.SIGTERM)
    Gateway.wait(lambda: gone(pid), 10, "the end by SIGTERM")


CONNECTED = 7  # a message of memif's


class Relay(threading.Thread):
    """Stands at an interface's socket, before who listens there. What the listener says first is passed on when `after`
    is connected."""

    def __init__(self, path, after=None):
        super().__init__(daemon=True)
        self.after, self.connected = after, threading.Event()
        self.real = path + ".real"
        os.rename(path, self.real)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen()
        self.start()

    def pass_on(self, source, to):
        while True:
            data, fds, _, _ = socket.recv_fds(source, 4096, 4)
            if not data:
                break
            socket.send_fds(to, [data], fds)
            for fd in fds:
                os.close(fd)
            if data[0] == CONNECTED:
                self.connected.set()
        to.shutdown(socket.SHUT_RDWR)

    def run(self):
        client, _ = self.listener.accept()
        server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        server.connect(self.real)
        if self.after:
            self.after.connected.wait(30)
            time.sleep(0.2)  # it has heard of it
        threading.Thread(target=self.pass_on, args=(client, server), daemon=True).start()
        self.pass_on(server, client)


class Slow(memif.Bench):
    def start_gateway(self, wait=True):
        first, second = (os.path.join(self.top, side + ".sock") for side in memif.SIDES)
        self.second = Relay(second, after=Relay(first))
        super().start_gateway(wait)


@test("over shared memory: an interface that is connected long after the other one is given the right memory", timeout=120,
      alone=True)
def late(t):
    r = bench(t, Slow).run("handshakes", "--concurrency", "2", "--duration", "0.5", "--warmup", "0")
    whole(r)
    expect(r["total"]["attempts"] > 0, r)


@test("over shared memory an idle gateway sleeps: less than a twentieth of a processor", timeout=120, alone=True)
def idle(t):
    used = bench(t).idle_share()
    expect(used < 0.05, "it used %.2f of a processor" % used)
