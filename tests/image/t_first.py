"""Goal: a new appliance takes its network from a drive or a credential, whole or not at all, and from none once it has had an administrator."""
import json
import os

from appliance import Appliance
from harness import equal, expect, free_port, test


def static(name, address):
    return {"network": {"interfaces": {name: {"addresses": [address + "/24"], "routes": [{"to": "0.0.0.0/0", "via": "10.0.2.2"}]}}},
            "time": {"servers": ["10.0.2.3"]}}


@test("a drive with a mistake is refused on the console and changes nothing; a credential, then a good drive count; after the first administrator none does",
      timeout=3600)
def first(t):
    a = Appliance(t.dir, {free_port(): "10.0.2.78:9443"})
    t.defer(a.kill)

    def boot(drive=None, credential=None):
        a.kill()
        for place, doc in (("drive", drive), ("credential", credential)):
            os.makedirs(os.path.join(t.dir, place), exist_ok=True)
            with open(os.path.join(t.dir, place, "penstock.json"), "w", encoding="utf-8") as f:
                json.dump(doc, f)
        a.drive = os.path.join(t.dir, "drive") if drive else None
        a.credentials = {"penstock.config": os.path.join(t.dir, "credential", "penstock.json")} if credential else {}
        a.boot()

    bad = static("enp0s2", "10.0.2.77")
    bad["network"]["interfaces"]["enp0s2"]["adresses"] = []
    boot(drive=bad)
    a.wait(r"^first configuration refused, nothing of it counts: /network/interfaces/enp0s2.*adresses")
    name = a.wait(r"^address (\S+) 10\.0\.2\.15$").group(1)
    boot(drive=bad, credential=static(name, "10.0.2.77"))
    a.wait(r"^address \S+ 10\.0\.2\.77$")
    a.wait(r"^first configuration taken from the credential")
    boot(drive=static(name, "10.0.2.78"))
    a.wait(r"^address \S+ 10\.0\.2\.78$")
    a.wait(r"^first configuration taken from the drive")
    r = a.wait_ready().enroll("ann", a.token())
    equal(r.returncode, 0, r.stderr)
    equal(a.json("time")["servers"], ["10.0.2.3"])
    boot(drive=static(name, "10.0.2.79"), credential=static(name, "10.0.2.77"))
    a.wait_ready()
    equal(a.ctl("status", check=False).returncode, 0, "the administrator, at the address before")
    console = a.console()
    expect("10.0.2.79" not in console and "10.0.2.77" not in console, "another address")
    expect("first configuration" not in console and "\ntoken " not in console, "a drive counts after the first administrator")
