"""Goal: what is established has its turn, whatever strangers and operators ask for at the same time."""
import ctypes
import os
import struct
import subprocess

from gateway import Gateway
from harness import equal, expect, free_port, need, recv_exactly, test
from t_heal import connect
from t_load import LIMITS, LOAD, sink

SCHED_SETATTR, SCHED_GETATTR = 314, 315  # x86-64
SLICE_NS = 100000


def turn_ns(tid):
    """How long a turn this thread asked for, as the kernel has it."""
    attr = ctypes.create_string_buffer(56)
    equal(ctypes.CDLL(None, use_errno=True).syscall(SCHED_GETATTR, tid, attr, 56, 0), 0)
    return struct.unpack_from("=IIQiIQ", attr.raw)[5]


def kernel_knows_turns():
    """Does asking for short turns do anything here (6.12 and later)? Tried on a process of its own."""
    if os.uname().machine != "x86_64":
        return False
    p = subprocess.Popen(["sleep", "60"])
    try:
        attr = ctypes.create_string_buffer(struct.pack("=IIQiIQ", 56, 0, 0, 0, 0, SLICE_NS), 56)
        ctypes.CDLL(None).syscall(SCHED_SETATTR, p.pid, attr, 0)
        return turn_ns(p.pid) == SLICE_NS
    finally:
        p.kill()
        p.wait()


@test("all but the data plane run at a lower weight, and none of them at the lowest", alone=True)
def weights(t):
    g = t.terminate(t.server().address)
    mine = os.getpriority(os.PRIO_PROCESS, g.proc.pid)
    for name, pids in g.children().items():
        for pid in pids:
            equal(os.getpriority(os.PRIO_PROCESS, pid), mine if name == "penstock-dataplane" else min(mine + 5, 19), name)
            equal(os.sched_getscheduler(pid), os.SCHED_OTHER, name)


@test("workers and handshake processes ask the kernel for short turns", alone=True)
def short_turns(t):
    need(kernel_knows_turns(), "this kernel has one length of turns for all")
    g = t.terminate(t.server().address)
    children = g.children()
    for pid in children["penstock-dataplane"] + children["penstock-handshake"]:
        for tid in os.listdir("/proc/%d/task" % pid):
            equal(turn_ns(int(tid)), SLICE_NS, "thread %s" % tid)


def trips_in_a_storm(t, **top):
    """(round trips of one session, sessions made) while handshakes come as fast as they can, all on one processor."""
    config = t.terminate_config(sink(t), free_port(), link=LIMITS, **top)
    config["links"]["quiet"] = t.terminate_config(t.server().address, free_port())["links"]["in"]
    ports = [int(config["links"][n]["listen"]["address"][0].rsplit(":", 1)[1]) for n in ("in", "quiet")]
    g = Gateway(t.dir, config, name="storm%d" % len(top), prefix=["taskset", "-c", str(min(os.sched_getaffinity(0)))])
    t.defer(lambda: g.stop(expect=None))
    with connect(t, ports[1]) as s:
        storm = subprocess.Popen(
            [LOAD, "handshakes", "--connect", "127.0.0.1:%d" % ports[0], "--name", "gw.test", "--ca", t.pki.root.pem, "--cert",
             t.pki.client.chain, "--key", t.pki.client.key, "--concurrency", "32", "--duration", "2", "--warmup", "0", "--quiet"],
            stdout=subprocess.DEVNULL)
        trips = 0
        while storm.poll() is None:
            s.sendall(b"x")
            equal(recv_exactly(s, 1), b"x")
            trips += 1
    return trips, len(g.events("session_closed", link="in"))


@test("while handshakes come as fast as they can, a session on the same core makes no fewer round trips than there are handshakes", alone=True)
def storm(t):
    trips, made = trips_in_a_storm(t)
    expect(made > 50, "%d handshakes are no storm" % made)
    expect(trips >= made, "%d round trips during %d handshakes" % (trips, made))


@test("a worker that looks for events before it sleeps leaves the core to its handshake process", alone=True)
def busy_storm(t):
    trips, made = trips_in_a_storm(t, busy_poll_us=1000)
    expect(made > 50, "%d handshakes are no storm" % made)
    expect(trips >= made, "%d round trips during %d handshakes" % (trips, made))


@test("busy_poll_us can be switched on and off while sessions live", alone=True)
def busy_reload(t):
    config = t.terminate_config(t.server().address, free_port())
    g = Gateway(t.dir, config)
    t.defer(lambda: g.stop(expect=None))
    with connect(t, int(config["links"]["in"]["listen"]["address"][0].rsplit(":", 1)[1])) as s:
        for us in (200, 1000, 0):
            equal(g.reload({**config, "busy_poll_us": us}), "applied")
            for _ in range(20):
                s.sendall(b"x")
                equal(recv_exactly(s, 1), b"x")
    equal(g.reload({**config, "busy_poll_us": 1001}), "refused")
    expect(g.events("revision_refused")[-1]["reason"].startswith("/busy_poll_us: "), "where it is wrong")
