"""Goal: the DPDK engine drives a network card on the appliance, told over REST alone, and only one that an IOMMU holds."""
import json
import os
import ssl
import time

from appliance import Appliance, machine
from harness import equal, expect, free_port, test
from t_appliance import LINK, administrator, carries, connect, make_link, refused, text

FAST = 8444  # the engine's link
ADDRESS, HOST = "10.0.3.15", "10.0.3.2"  # the card's, and this machine's loopback as it sees it
NO_IOMMU = "no IOMMU keeps it from the machine's memory"


def save(t, doc):
    path = os.path.join(t.dir, "given.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(doc, f)
    return path


def devices(a):
    """(the appliance's own card, the other one)"""
    items = a.json("devices")["items"]
    expect(len(items) == 2, items)
    own = [i for i in items if i["address"] < "0000:01"]
    return own[0], [i for i in items if i is not own[0]][0]


def configuration(a, device, to):
    """What runs, and a link over that device to a server on the host, for the same partners."""
    config = json.loads(a.ctl("config"))
    listen = {**config["links"]["in"]["listen"], "address": ["%s:%d" % (ADDRESS, FAST)]}
    config["dpdk"] = {"lcores": [0], "memory_mb": 128, "ports": {"outside": {
        "device": device, "addresses": [ADDRESS + "/24"], "gateways": [HOST]}}}
    config["links"]["fast"] = {"listen": listen, "forward": {"to": ["%s:%d" % (HOST, to)]}, "engine": "dpdk"}
    return config


def refusal(t, a, device, to):
    r = a.ctl("apply", save(t, configuration(a, device, to)), check=False)
    expect(r.returncode != 0, "%s was given" % device)
    expect("/dpdk/ports/outside/device" in r.stderr, r.stderr)
    return r.stderr


def wait(what, condition, a, seconds=300):
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except (AssertionError, OSError, ssl.SSLError, KeyError) as e:
            last = e
        else:
            last = "not yet"
        expect(time.monotonic() < end, "timed out waiting for %s: %s\n%s" % (what, last, a.console()[-1500:]))
        time.sleep(1)


def through(t, port, size=1 << 20):
    with connect(t, port, t.pki.client) as s:
        carries(s, size)
    return True


def engines(a):
    return [(s["outer"]["engine_rx"], s["outer"]["engine_tx"]) for s in a.json("sessions")["sessions"] if s["link"] == "fast"]


@test("a card is given to the DPDK engine over REST, carries a link, and is given again at the next start; without an IOMMU it is "
      "refused and the other links run", timeout=5400)
def story(t):
    server = t.server()
    a = Appliance(t.dir, {free_port(): 9443, free_port(): LINK}, memory=1536)
    t.defer(a.kill)
    fast, slow = free_port(), next(h for h, g in a.forwards.items() if g == LINK)
    a.devices = machine.engine_card({fast: FAST})
    a.boot().wait_ready()
    administrator(a)
    make_link(t, a, server.port)
    own, card = devices(a)
    print("    %s\n    %s" % (own, card), flush=True)
    expect("iommu_group" in card and not card["can_be_given"], card)
    expect("as long as its network is not set" in refusal(t, a, card["address"], server.port), "no network was set")

    # The appliance keeps the first card: from then on the other one may go, and nothing else.
    a.ctl("network", save(t, {"interfaces": {own["interface"]: {"dhcp": "ipv4"}}}))
    wait("a card that can be given", lambda: devices(a)[1]["can_be_given"], a)
    expect("system/network names " + own["interface"] in refusal(t, a, own["address"], server.port), "the management's card")
    expect("no such device" in refusal(t, a, "0000:09:00.0", server.port), "a device that is not there")
    expect("no network card" in refusal(t, a, "0000:00:00.0", server.port), "the host bridge")
    equal(devices(a)[1]["given"], False)

    a.ctl("apply", save(t, configuration(a, card["address"], server.port)))
    given = devices(a)[1]
    equal((given["given"], given["driver"], given["port"]), (True, "vfio-pci", "outside"))
    equal(a.json("devices")["huge_pages_mb"], 128)
    cut = t.pki.inter.issue("cut", "URI:spiffe://partner.example/cut")
    wait("the engine's link", lambda: through(t, fast), a)
    with connect(t, fast, t.pki.client) as stays, connect(t, fast, cut) as goes:
        carries(stays, 1 << 20)
        carries(goes, 100000)
        equal(engines(a), [("dpdk", "dpdk")] * 2)
        t.pki.inter.revoke(cut)
        a.ctl("crl", "partners", t.pki.inter.crl())
        goes.settimeout(120)
        try:
            equal(goes.recv(1), b"", "the revoked peer's session")
        except (ssl.SSLError, ConnectionError):
            pass
        carries(stays, 1000)
    expect(refused(t, fast, cut), "a revoked peer comes back")
    through(t, slow, 100000)
    units = {u["name"]: u["active"] for u in support(t, a)["checkup"]["units"]}
    equal([units[u] for u in ("penstockd.service", "penstock-system.service")], ["active"] * 2)

    # After a power cut the card is given again before the engine starts.
    a.kill()
    a.boot().wait_ready()
    wait("the engine's link after a power cut", lambda: through(t, fast), a)
    expect(refused(t, fast, cut), "a revoked peer comes back after the power cut")

    # No IOMMU: the card stays the kernel's, the management and the other link do not miss it.
    a.kill()
    a.devices = machine.engine_card({fast: FAST}, iommu=False)
    a.boot()
    wait("the management without an IOMMU", lambda: a.json("status")["revision"], a, 900)
    card = devices(a)[1]
    equal((card["given"], card["can_be_given"], card["port"], card["why"]), (False, False, "outside", NO_IOMMU))
    expect(card["driver"] != "vfio-pci", card)
    wait("the other link", lambda: through(t, slow, 100000), a)


def support(t, a):
    file = os.path.join(t.dir, "support.json")
    a.ctl("support", file)
    return json.loads(text(file))
