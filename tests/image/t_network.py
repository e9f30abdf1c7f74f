"""Goal: the network can be given from outside before anybody has access, and nothing else can."""
import json
import os
import time

from appliance import Appliance
from harness import equal, expect, free_port, test


@test("an address given as a credential counts in place of DHCP; a unit, an account or a setting given so is not taken", timeout=1800)
def credential(t):
    given = {"network.network.10-static": "[Match]\nType=ether\n[Network]\nAddress=10.0.2.77/24\nGateway=10.0.2.2\n",
             "systemd.extra-unit.evil.service": "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nStandardOutput=tty\n"
                                                "TTYPath=/dev/console\nExecStart=/usr/bin/systemctl --version\n",
             "systemd.unit-dropin.penstock.target": "[Unit]\nWants=evil.service\n",
             "passwd.plaintext-password.root": "evil",
             "sysctl.extra": "kernel.hostname=evil\n",
             "tmpfiles.extra": "w /dev/console - - - - evil-file\n"}
    files = {}
    for name, text in given.items():
        files[name] = os.path.join(t.dir, name)
        with open(files[name], "w", encoding="utf-8") as f:
            f.write(text)
    a = Appliance(t.dir, {free_port(): "10.0.2.77:9443"}, credentials=files)
    t.defer(a.kill)
    a.boot().wait(r"^address \S+ 10\.0\.2\.77$")
    r = a.wait_ready().enroll("ann", a.token())
    equal(r.returncode, 0, r.stderr)
    console = a.console()
    expect("10.0.2.15" not in console, "it asked for an address too")
    expect("evil" not in console and "systemd 25" not in console, "a credential gave orders:\n" + console)


@test("a network that cuts its author off comes back by itself; one that is confirmed is there after a power cut, and a VLAN is made and removed", timeout=2400)
def changed(t):
    dhcp, static = free_port(), free_port()
    a = Appliance(t.dir, {dhcp: "10.0.2.15:9443", static: "10.0.2.77:9443"})
    t.defer(a.kill)
    a.management = dhcp
    r = a.boot().wait_ready().enroll("ann", a.token())
    equal(r.returncode, 0, r.stderr)
    live = a.json("interfaces")
    name = next(i["name"] for i in live["items"] if any("10.0.2.15" in x for x in i["addresses"]))
    expect(("0.0.0.0/0", "10.0.2.2", name) in [(r["to"], r.get("via"), r["interface"]) for r in live["routes"]], live["routes"])

    def put(address, *words, vlan=None):
        doc = {"interfaces": {name: {"addresses": [address], "routes": [{"to": "0.0.0.0/0", "via": "10.0.2.2"}]},
                              **({"vlan%d" % vlan: {"vlan": {"on": name, "id": vlan}}} if vlan else {})}, "dns": ["10.0.2.3"]}
        file = os.path.join(t.dir, "net.json")
        with open(file, "w", encoding="utf-8") as f:
            json.dump(doc, f)
        a.ctl("network", file, *words, check=False)  # its answer may not find its way back

    def reachable(port):
        a.management = port
        return a.ctl("interfaces", check=False).returncode == 0

    def wait(what, condition, seconds=180):
        end = time.monotonic() + seconds
        while not condition():
            expect(time.monotonic() < end, "timed out waiting for " + what + "\n" + a.console()[-2000:])
            time.sleep(1)

    put("10.0.2.77/24", "--confirm", "40")
    wait("the new address", lambda: reachable(static))
    wait("the way back", lambda: reachable(dhcp))
    equal(a.json("network"), {"interfaces": {}, "dns": []})
    put("10.0.2.77/24", "--confirm", "600", vlan=7)
    wait("the new address", lambda: reachable(static))
    wait("the VLAN", lambda: "vlan7" in a.ctl("interfaces"))
    a.ctl("confirm-network")
    put("10.0.2.77/24", vlan=8)
    wait("the other VLAN", lambda: "vlan8" in a.ctl("interfaces") and "vlan7" not in a.ctl("interfaces"))
    expect("synchronised" in a.ctl("time"), "the clock")
    a.kill()
    a.boot().wait(r"^address \S+ 10\.0\.2\.77$")
    wait("the kept address", lambda: reachable(static), 600)
    expect("vlan8" in a.ctl("interfaces"), "the kept VLAN")
