"""Goal: the appliance's network and time are set over REST, become units, and a network that nobody confirms goes back by itself."""
import json
import os
import re

import netns
from harness import Skip, equal, expect, test
from t_system import Disk, write

PATH = "/api/v1/system/network"
IMAGE = {"interfaces": {}, "dns": []}
STATIC = {"interfaces": {"eth0": {"addresses": ["192.0.2.1/24", "2001:db8::1/64"],
                                  "routes": [{"to": "0.0.0.0/0", "via": "192.0.2.254"}], "mtu": 1400},
                         "bond0": {"bond": {"mode": "802.3ad", "members": ["eth1", "eth2"]}, "dhcp": "ipv4"},
                         "vlan7": {"vlan": {"on": "bond0", "id": 7}, "router_advertisements": True}},
          "dns": ["192.0.2.53"]}


def unit(d, name):
    try:
        with open(os.path.join(d.path, "units", "05-penstock-" + name), encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return None


def told(d):
    try:
        with open(d.powered, encoding="utf-8") as f:
            return f.read().splitlines()
    except FileNotFoundError:
        return []


def put(g, body, query="", tag=None):
    if tag is None:
        tag = g.api("GET", PATH)[1]["ETag"]
    return g.api("PUT", PATH + query, body, {"If-Match": tag} if tag else {})


@test("settings come back as they were put, become units, are noted, and are there after a new start of the helper", timeout=60)
def kept(t):
    d = Disk(t)
    g = d.gateway()
    equal(g.api("GET", PATH)[::2], (200, IMAGE))
    equal(put(g, STATIC, "?dry_run=true")[0], 200)
    equal(unit(d, "eth0.network"), None)
    equal(put(g, STATIC)[::2], (200, {"status": "kept"}))
    equal(g.api("GET", PATH)[2], STATIC)
    for line in ("Address=192.0.2.1/24", "Address=2001:db8::1/64", "Gateway=192.0.2.254", "MTUBytes=1400", "DNS=192.0.2.53", "DHCP=no"):
        expect(line in unit(d, "eth0.network").splitlines(), line)
    expect("Mode=802.3ad" in unit(d, "bond0.netdev") and "VLAN=vlan7" in unit(d, "bond0.network"), "the bond")
    expect("Bond=bond0" in unit(d, "eth1.network") and "Id=7" in unit(d, "vlan7.netdev"), "member and VLAN")
    d.wait(lambda: told(d) == ["--no-block reload systemd-networkd.service"], "networkd to hear of it")
    equal([r["action"] for r in g.api("GET", "/api/v1/audit")[2]["items"]][0], "system.network")
    d.stop()
    d.start()
    equal(g.api("GET", PATH)[2], STATIC)
    equal(put(g, IMAGE)[0], 200)
    equal(os.listdir(os.path.join(d.path, "units")), [])


@test("a network on trial goes back when nobody confirms it, when the helper dies, and stays when somebody does", timeout=90)
def trial(t):
    d = Disk(t)
    g = d.gateway()
    status, _, answer = put(g, STATIC, "?confirm=2")
    equal((status, answer["status"]), (200, "to be confirmed"))
    equal(g.api("GET", PATH)[2], STATIC)
    d.wait(lambda: g.api("GET", PATH)[2] == IMAGE, "the way back")
    equal(unit(d, "eth0.network"), None)
    d.wait(lambda: len(told(d)) == 2, "networkd to hear of it")
    d.wait(lambda: g.api("GET", "/api/v1/audit")[2]["items"][0]["result"] == "not confirmed in time", "the audit's row")
    equal(g.api("POST", PATH + "/confirm")[0], 404)
    equal(put(g, STATIC, "?confirm=3600")[0], 200)
    d.proc.kill()
    d.stop()
    d.start()
    equal(g.api("GET", PATH)[2], IMAGE)
    d.wait(lambda: len(told(d)) == 4, "networkd to hear of that")
    equal(put(g, STATIC, "?confirm=3600")[0], 200)
    equal(g.api("POST", PATH + "/confirm")[0], 200)
    d.stop()
    d.start()
    equal(g.api("GET", PATH)[2], STATIC)


@test("without a tag, with an old one, and with what does not hold together, nothing changes and the place is told", timeout=60)
def refused(t):
    d = Disk(t)
    g = d.gateway()
    tag = g.api("GET", PATH)[1]["ETag"]
    equal(put(g, STATIC, tag="")[0], 428)
    equal(put(g, STATIC, tag='"old"')[0], 412)
    eth0 = {"addresses": ["192.0.2.1/24"]}
    for body, pointer in (({}, "/interfaces"), ({"interfaces": {"eth0": {"address": "x"}}}, "/interfaces/eth0"),
                          ({"interfaces": {"eth0": {"addresses": ["192.0.2.1"]}}}, "/interfaces/eth0/addresses/0"),
                          ({"interfaces": {"eth0": {"addresses": ["192.0.2.1/33"]}}}, "/interfaces/eth0/addresses/0"),
                          ({"interfaces": {"eth0\n[Match]": eth0}}, "/interfaces"), ({"interfaces": {"../etc": eth0}}, "/interfaces"),
                          ({"interfaces": {"eth0": {**eth0, "routes": [{"to": "0.0.0.0/0", "via": "10.0.0.1"}]}}}, "/interfaces/eth0/routes/0"),
                          ({"interfaces": {"v": {"vlan": {"on": "eth0", "id": 7}}}}, "/interfaces/v/vlan/on"),
                          ({"interfaces": {"v": {"vlan": {"on": "eth0", "id": 4095}}}}, "/interfaces/v/vlan/id"),
                          ({"interfaces": {"b": {"bond": {"members": ["eth0"]}}, "eth0": eth0}}, "/interfaces/b/bond/members/0"),
                          ({"interfaces": {"eth0": eth0}, "dns": ["ns.test"]}, "/dns/0")):
        status, _, problem = put(g, body)
        equal(status, 422, json.dumps(body))
        expect(problem["pointer"].startswith(pointer) and problem["remedy"], "%s: %s" % (pointer, problem))
    equal(put(g, STATIC, "?confirm=0")[0], 400)
    equal(put(g, STATIC, "?confirm=86401")[0], 400)
    equal((g.api("GET", PATH)[2], told(d)), (IMAGE, []))
    write(os.path.join(d.path, "kept"))  # a file where the folder should be: nothing can be kept
    equal(put(g, STATIC)[0], 500)
    equal((g.api("GET", PATH)[2], unit(d, "eth0.network")), (IMAGE, None))


@test("servers of the time are set and kept; a clock that nobody sets is a warning in status, time and metrics", timeout=120)
def time(t):
    d = Disk(t)
    g = d.gateway()
    path = "/api/v1/system/time"
    status, headers, doc = g.api("GET", path)
    equal((status, doc["servers"], doc["clock"]["built"]), (200, [], "2026-01-01T00:00:00Z"))
    match = {"If-Match": headers["ETag"]}
    equal(g.api("PUT", path, {"servers": ["a b"]}, match)[2]["pointer"], "/servers/0")
    equal(g.api("PUT", path, {"servers": ["x"]})[0], 428)
    equal(g.api("PUT", path, {"servers": ["ntp.test", "192.0.2.123"]}, match)[0], 200)
    with open(os.path.join(d.path, "times", "10-penstock.conf"), encoding="utf-8") as f:
        equal(f.read(), "[Time]\nNTP=ntp.test 192.0.2.123\n")
    d.wait(lambda: told(d) == ["--no-block restart systemd-timesyncd.service"], "timesyncd to hear of it")
    equal(g.api("GET", path)[2]["servers"], ["ntp.test", "192.0.2.123"])
    d.stop()
    d.start(made="20990101000000")  # a version made after now
    expect("behind the day" in g.api("GET", path)[2]["clock"]["warning"], "the warning")
    d.wait(lambda: any("behind the day" in w for w in g.api("GET", "/api/v1/status")[2]["warnings"]), "the warning in the status", 50)
    expect(re.search(r"^penstock_clock_plausible 0$", g.ctl("metrics"), re.M), "the metric")
    expect("made" in g.ctl("time"), "the table")


@test("interfaces are shown as the kernel has them; penstockctl sets a network on trial and confirms it", timeout=60)
def shown(t):
    d = Disk(t)
    g = d.gateway()
    names = {i["name"] for i in g.api("GET", "/api/v1/system/interfaces")[2]["items"]}
    equal(names, {n for n in os.listdir("/sys/class/net") if n not in ("lo", "bonding_masters")})
    expect("NAME" in g.ctl("interfaces"), "the table")
    file = write(os.path.join(d.path, "net.json"), json.dumps(STATIC).encode())
    expect("to be confirmed" in g.ctl("network", file, "--confirm", "3600"), "on trial")
    g.ctl("confirm-network")
    equal(json.loads(g.ctl("network", "--json")), STATIC)
    expect("confirm-network" in g.ctl("--help"), "the help")


@test("routes are shown as the kernel has them: with and without a gateway, a way each, and none of the loopback", timeout=60)
def routes(t):
    why = netns.usable()
    if why:
        raise Skip(why)
    name = "pst-%d-routes" % os.getpid()
    netns.run("ip", "netns", "add", name)
    t.defer(lambda: netns.run("ip", "netns", "del", name, check=False))
    for words in ("link set lo up", "link add v0 type veth peer name v1", "link set v0 up", "link set v1 up", "addr add 192.0.2.1/24 dev v0",
                  "-6 addr add 2001:db8::1/64 dev v0 nodad", "route add 10.1.0.0/16 via 192.0.2.254 metric 7",
                  "route add 10.2.0.0/16 nexthop via 192.0.2.253 nexthop via 192.0.2.254", "route add 10.3.0.0/16 via inet6 2001:db8::9 dev v0",
                  "-6 route add default via 2001:db8::fe dev v0", "route add 10.4.0.0/16 dev lo"):
        netns.run("ip", "-n", name, *words.split())
    g = Disk(t, within=["ip", "netns", "exec", name]).gateway()
    shown = [(r["interface"], r["to"], r.get("via"), r["metric"]) for r in g.api("GET", "/api/v1/system/interfaces")[2]["routes"]
             if not r["to"].startswith("fe80:")]
    equal(sorted(shown, key=str), sorted([
        ("v0", "192.0.2.0/24", None, 0), ("v0", "10.1.0.0/16", "192.0.2.254", 7), ("v0", "10.2.0.0/16", "192.0.2.253", 0),
        ("v0", "10.2.0.0/16", "192.0.2.254", 0), ("v0", "10.3.0.0/16", "2001:db8::9", 0), ("v0", "2001:db8::/64", None, 256),
        ("v0", "::/0", "2001:db8::fe", 1024)], key=str))
    expect(re.search(r"^10\.1\.0\.0/16 +v0 +7 +192\.0\.2\.254", g.ctl("interfaces"), re.M), "the table")


@test("a gateway that is no appliance has no network to be set", timeout=60)
def elsewhere(t):
    g = t.terminate(t.server().address)
    for method, path in (("GET", PATH), ("PUT", PATH), ("POST", PATH + "/confirm"), ("GET", "/api/v1/system/interfaces"),
                         ("GET", "/api/v1/system/time"), ("PUT", "/api/v1/system/time")):
        equal(g.api(method, path, {} if method == "PUT" else None)[0], 409, path)
