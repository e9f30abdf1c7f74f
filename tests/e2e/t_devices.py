"""Goal: on the appliance a DPDK port whose device can not be had is refused in the configuration's own words, and at a start takes
neither the management nor the other links along."""
import json
import os
import re
import signal

from gateway import BIN, Gateway
from harness import equal, exchange, expect, need, test
from t_first_light import connect
from t_system import Disk

MISSING = "0000:fe:1f.7"
WHERE, WHAT = "/dpdk/ports/outside/device", "the machine has no such device"
PORTS = {"lcores": [0], "hugepages": False, "ports": {"outside": {"device": MISSING, "addresses": ["192.0.2.1/24"]}}}


def with_engine(config):
    """The same, with one more link over a port of the DPDK engine."""
    link = {"listen": {**config["links"]["in"]["listen"], "address": ["192.0.2.1:8443"]},
            "forward": {"to": ["192.0.2.2:7000"]}, "engine": "dpdk"}
    return {**config, "links": {**config["links"], "fast": link}, "dpdk": PORTS}


@test("a port whose device is not there is refused with its place; a gateway that starts with one runs without it and says so", timeout=180)
def missing(t):
    need(os.path.exists(os.path.join(BIN, "penstock-dataplane-dpdk")), "the DPDK engine is not built")
    need(not os.path.exists("/sys/bus/pci/devices/" + MISSING), "this machine has the device")
    d, server = Disk(t), t.server()
    words = ("--appliance", d.socket)
    g = t.terminate(server.address, args=words)
    revision = g.status()["revision"]
    g.write(with_engine(g.config))
    g.proc.send_signal(signal.SIGHUP)
    why = g.wait_event("revision_refused", timeout=60)["reason"]
    expect(WHERE in why and WHAT in why, why)
    equal(g.status()["revision"], revision)
    g.stop()

    port, without, asked = g.port, g.config, with_engine(g.config)
    g = Gateway(t.dir, asked, name="again", args=words)
    t.defer(g.stop)
    why = g.wait_event("running_revision_refused", process="dataplane-dpdk")["reason"]
    expect(WHERE in why and WHAT in why, why)
    with connect(t, port) as s:
        equal(exchange(s, [b"x" * 1000]), b"x" * 1000)
    status, _, problem = g.api("GET", "/readyz")
    equal((status, problem["detail"]), (503, "the DPDK engine does not run"))
    expect(any(WHERE in w and WHAT in w for w in g.status()["warnings"]), g.status()["warnings"])
    items = g.api("GET", "/api/v1/system/devices")[2]["items"]
    equal([(i["address"], i["can_be_given"], i["why"]) for i in items if i.get("port") == "outside"], [(MISSING, False, WHAT)])
    expect(re.search(MISSING + ".*port outside.*" + WHAT, g.ctl("devices")), "the table")

    # Another device that is not there is refused; without the engine all is well.
    other = json.loads(json.dumps(asked).replace(MISSING, "0000:fe:1f.6"))
    g.write(other)
    g.proc.send_signal(signal.SIGHUP)
    why = g.wait_event("revision_refused", timeout=60)["reason"]
    expect(WHERE in why and WHAT in why, why)
    equal((g.status()["revision"], g.api("GET", "/readyz")[0]), (1, 503))
    g.write(without)
    g.proc.send_signal(signal.SIGHUP)
    g.wait(lambda: g.api("GET", "/readyz")[0] == 200, 60, "the gateway without the engine")
    expect(not any(WHERE in w for w in g.status()["warnings"]), g.status()["warnings"])
