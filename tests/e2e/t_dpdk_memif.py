"""Goal: the DPDK engine carries a link over shared memory, without a copy on its side, and the generator that loads it
there counts every byte."""
import os
import sys

from harness import Skip, equal, expect, test

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "perf", "dpdk"))

import memif  # noqa: E402


def bench(t, **kw):
    reason = memif.why_not()
    if reason:
        raise Skip(reason)
    os.chmod(t.dir, 0o755)
    b = memif.Bench(t.dir, t.pki, memory=128, **kw)
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
