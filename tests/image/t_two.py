"""Goal: two appliances that were told over REST alone are a pair: one configuration, one address that answers, and traffic that goes on when the power of one fails."""
import contextlib
import json
import os
import socket
import ssl
import struct
import time

import netns
from appliance import Appliance
from harness import Server, echo, equal, expect, free_port, need, test
from lan import Lan
from t_appliance import carries, text
from t_first_light import client_context

LINK, ROUTER = 8443, 79
VIRTUAL, OUTSIDE = "10.79.0.100", "10.79.0.1"
GROUP, VRRP = "224.0.0.18", 112
INTERVAL_S = 1
FORGED = 40


class Box(Appliance):
    """One of the two: its first card is for the management, over QEMU's user network, its second on the switch."""

    def __init__(self, t, lan, name, number):
        path = os.path.join(t.dir, name)
        os.mkdir(path)
        super().__init__(path, {free_port(): "10.0.2.15:9443"})
        t.defer(self.kill)
        self.name, self.address = name, "10.79.0.%d" % number
        self.lan = (lan, "vm-" + name, "52:54:00:79:00:%02x" % number)

    def give(self, verb, path, doc):
        """PUT or PATCH, with the document in a file, as an operator has it."""
        file = os.path.join(self.path, "given.json")
        with open(file, "w", encoding="utf-8") as f:
            json.dump(doc, f)
        return self.ctl(verb, *path.split(), file)

    def card(self, mac):
        return next(i for i in self.json("interfaces")["items"] if i["mac"] == mac)

    def on_switch(self):
        return self.card(self.lan[2])

    def pair(self):
        return self.json("pair")


def wait(what, condition, seconds=300, boxes=()):
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(AssertionError, KeyError, StopIteration):
            if condition():
                return
        if time.monotonic() > end:
            told = ["%s: %s\n%s" % (b.name, b.ctl("pair", check=False).stdout, b.console()[-1500:]) for b in boxes]
            raise AssertionError("timed out waiting for %s\n%s" % (what, "\n".join(told)))
        time.sleep(0.5)


def give_network(box):
    """The card to the switch has an address of its own; the other one stays as it is."""
    first = next(i["name"] for i in box.json("interfaces")["items"] if any(x.startswith("10.0.2.15") for x in i["addresses"]))
    second = box.on_switch()["name"]
    box.give("network", "", {"interfaces": {first: {"dhcp": "ipv4"}, second: {"addresses": [box.address + "/24"]}}})
    wait("the address of " + box.name, lambda: any(box.address in x for x in box.on_switch()["addresses"]))
    return second


def introduce(box, other):
    """The key that `box` has for this, with a certificate of the other's: there it may read what both have."""
    key = json.loads(box.ctl("make-key", "ec-p256", "--json"))["id"]
    request, certificate = (os.path.join(box.path, "box." + ending) for ending in ("csr", "pem"))
    with open(request, "w", encoding="utf-8") as f:
        f.write(box.ctl("csr", key, "--subject", "CN=box-" + box.name))
    with open(certificate, "w", encoding="utf-8") as f:
        f.write(other.ctl("add-admin", "box-" + box.name, request, "--roles", "partner"))
    box.ctl("install", "pair", certificate)
    box.give("put", "trust/partner", {"anchors": [text(os.path.join(other.path, "ann.ca.pem"))], "revocation": "none"})


def join(box, other, interface, priority):
    box.give("put", "availability", {
        "interface": interface, "router": ROUTER, "addresses": [VIRTUAL + "/24"], "source": box.address, "priority": priority,
        "interval_s": INTERVAL_S,
        "partner": {"address": other.address, "management": other.address + ":9443", "identity": "pair", "trust": "partner",
                    "server_name": "penstock", "spki_sha256": json.loads(other.ctl("get", "administrators"))["server_spki_sha256"]}})


def give_link(t, box, to):
    """What both have: one link on the address that moves. Their key is imported on both."""
    box.give("put", "identities/gw", {"certificate": text(t.pki.gw.chain)})
    box.give("put", "trust/partners", {"anchors": [text(t.pki.root.pem)], "crls": [text(t.pki.root_crl), text(t.pki.inter_crl)]})
    box.give("put", "links/in", {
        "listen": {"address": ["%s:%d" % (VIRTUAL, LINK)],
                   "tls": {"identity": "gw", "trust": "partners", "peers": [{"uri": "spiffe://partner.example/*"}]}},
        "forward": {"to": [to]}, "engine": "ktls"})


def connect(t, lan, timeout):
    with lan.inside("c"):
        raw = socket.create_connection((VIRTUAL, LINK), timeout=timeout)
    return client_context(t.pki, t.pki.client).wrap_socket(raw, server_hostname="gw.test")


def served_after(t, lan, limit):
    """Seconds until a new session has its bytes back."""
    start = time.monotonic()
    while True:
        try:
            with connect(t, lan, 2) as s:
                carries(s, 1000)
                return time.monotonic() - start
        except (OSError, ssl.SSLError, AssertionError) as e:
            expect(time.monotonic() - start < limit, "nobody is served after %d s: %s" % (limit, e))


def advertisement(source, to):
    """Whoever sends this wants the address for himself: priority 254 (RFC 9568 5.2)."""
    body = struct.pack(">BBBBHH4s", 0x31, ROUTER, 254, 1, INTERVAL_S * 100, 0, socket.inet_aton(VIRTUAL))
    whole = struct.pack(">4s4sBBH", socket.inet_aton(source), socket.inet_aton(to), 0, VRRP, len(body)) + body
    total = sum(struct.unpack(">%dH" % (len(whole) // 2), whole))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return body[:6] + struct.pack(">H", ~total & 0xffff) + body[8:]


def forge(lan, to):
    with lan.inside("c"), socket.socket(socket.AF_INET, socket.SOCK_RAW, VRRP) as s:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(OUTSIDE))
        for _ in range(FORGED):
            s.sendto(advertisement(OUTSIDE, to), (to, 0))
            time.sleep(0.05)


def bundle(box):
    file = os.path.join(box.path, "support.json")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(file)
    box.ctl("support", file)
    return json.loads(text(file))


def passed(box):
    return {name: c["packets"] for name, c in bundle(box)["checkup"]["packet_filter"].items()}


@test("a pair made over REST has one configuration; when the power of the active one fails, the other serves; the first comes back as the passive one",
      timeout=3600)
def story(t):
    why = netns.usable()
    need(not why, why)
    need(os.path.exists("/dev/net/tun"), "this machine has no tap devices")
    lan = Lan("c")
    t.defer(lan.close)
    with lan.inside("c"):
        server = Server(echo, host=OUTSIDE)
    t.defer(server.close)
    a, b = boxes = [Box(t, lan, name, number) for name, number in (("a", 11), ("b", 12))]
    for box in boxes:
        box.boot()
    for box in boxes:
        r = box.wait_ready().enroll("ann", box.token())
        equal(r.returncode, 0, r.stderr)
    cards = {box: give_network(box) for box in boxes}
    for box in boxes:
        box.ctl("import-key", t.pki.gw.key)
    introduce(a, b)
    introduce(b, a)
    join(a, b, cards[a], 150)
    join(b, a, cards[b], 100)
    give_link(t, a, "%s:%d" % (OUTSIDE, server.port))

    def agree():
        told = [box.pair() for box in boxes]
        return all(p["configuration"]["word"] == "same" for p in told) and told[0]["state"] == told[1]["state"]

    wait("one configuration", agree, boxes=boxes)
    wait("one active, one passive", lambda: sorted(box.pair()["role"] for box in boxes) == ["active", "passive"], boxes=boxes)
    equal(*[json.loads(box.ctl("get", "links/in")) for box in boxes])
    one, two = sorted(boxes, key=lambda box: box.pair()["role"])
    holds = [any(VIRTUAL in x for x in box.on_switch()["addresses"]) for box in (one, two)]
    equal(holds, [True, False], "the address is on the active one")
    served_after(t, lan, 60)
    with connect(t, lan, 60) as s:
        carries(s, 1 << 20)
        session = [x for x in one.json("sessions")["sessions"] if x["link"] == "in"]
        equal([(x["outer"]["engine_rx"], x["outer"]["engine_tx"]) for x in session], [("ktls", "ktls")])

    # A stranger on the segment wants the address: the packet filter knows where the partner is, and the group is not joined.
    before, changes = passed(one), one.pair()["changes"]
    for to in (one.address, GROUP):
        forge(lan, to)
    after = passed(one)
    expect(after["dropped"] - before["dropped"] >= FORGED, "forged advertisements came in: %s, %s" % (before, after))
    equal((one.pair()["role"], one.pair()["changes"]), ("active", changes), "a stranger took the address")
    expect(passed(two)["advertisements"] > 0, "the partner's advertisements come in")
    states = {u["name"]: u["active"] for u in bundle(one)["checkup"]["units"]}
    equal([states[u + ".service"] for u in ("penstockd", "penstock-vrrp", "penstock-firewall")], ["active"] * 3)

    # The network is set anew: the address stays, or is back at once.
    one.give("network", "", {**json.loads(one.ctl("network")), "dns": ["10.0.2.3"]})
    wait("the new name server", lambda: json.loads(one.ctl("network"))["dns"] == ["10.0.2.3"])
    print("    served after a change of the network: %.1f s" % served_after(t, lan, 60), flush=True)
    wait("one active, one passive", lambda: sorted(box.pair()["role"] for box in boxes) == ["active", "passive"], boxes=boxes)
    one, two = sorted(boxes, key=lambda box: box.pair()["role"])

    # The power of the active one fails.
    with connect(t, lan, 60) as s:
        carries(s, 1000)
        one.kill()
        took = served_after(t, lan, 60)
        print("    fail-over after kill -9 of the machine: %.1f s" % took, flush=True)
    expect(took < 30, "fail-over took %.1f s" % took)
    with connect(t, lan, 60) as s:
        carries(s, 1 << 20)
    wait("the other one", lambda: two.pair()["role"] == "active", boxes=[two])
    two.give("patch", "links/in", {"limits": {"sessions": 77}})
    changes = two.pair()["changes"]

    # It comes back, has what it missed, and does not take the address.
    one.boot().wait_ready()
    wait("one configuration", agree, boxes=boxes)
    equal(json.loads(one.ctl("get", "links/in"))["limits"], {"sessions": 77})
    wait("the passive one", lambda: one.pair()["role"] == "passive", boxes=boxes)
    equal((two.pair()["role"], two.pair()["changes"]), ("active", changes), "the address moved without need")
    served_after(t, lan, 60)
