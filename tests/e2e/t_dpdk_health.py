"""Goal: periodic checks of a DPDK link's targets are made by the engine's own stack, on any number of workers."""
import os
import threading

from harness import equal, expect, recv_all, test
from t_dpdk import Dpdk, there_and_back

EVERY = {"interval_s": 0.2, "timeout_s": 0.2, "fall": 2, "rise": 2}
NOBODY = "10.77.2.9:80"


@test("targets that refuse or are silent are left out by the periodic check, and come back by it; what is checked "
      "follows the configuration", timeout=180)
def health(t):
    d = Dpdk(t)
    d.processors = min(2, len(os.sched_getaffinity(0)))
    d.queues = {"outside": d.processors, "inside": 1}
    live, six, gone = d.server(), d.server(host="fd77:2::2"), d.server()
    gone.close()
    calls = threading.Semaphore(0)

    def count(conn):
        calls.release()
        recv_all(conn)

    counted = d.server(count)
    link = d.outer(8443, live.address)
    link["forward"] = {"to": [gone.address, NOBODY, live.address, six.address, counted.address], "health": EVERY}
    g = d.gateway({"in": link})
    down = {g.wait_event("target_down", target=to)["target"] for to in (gone.address, NOBODY)}
    equal(down, {gone.address, NOBODY})
    expect(calls.acquire(timeout=20) and calls.acquire(timeout=20), "the target that is up is checked again and again")
    back = d.server(port=int(gone.address.rsplit(":", 1)[1]))
    g.wait_event("target_up", target=back.address)
    equal({e["target"] for e in g.events("target_down")}, down)
    link["forward"] = {"to": [live.address]}
    g.config["links"]["in"] = link
    equal(g.reload(g.config), "applied")
    there_and_back(d.tls(8443), 100000)
    while calls.acquire(blocking=False):
        pass
    expect(not calls.acquire(timeout=1), "a target that is in no link any more is not checked")
    equal(g.stop(), 0)
