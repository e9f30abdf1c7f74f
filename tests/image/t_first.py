"""Goal: a new appliance takes its network from a drive or a credential, whole or not at all, and from none once it has had an administrator."""
import json
import os

from appliance import CTL, Appliance, patient
from harness import equal, expect, free_port, test
from pki import CA


def static(name, address):
    return {"network": {"interfaces": {name: {"addresses": [address + "/24"], "routes": [{"to": "0.0.0.0/0", "via": "10.0.2.2"}]}}},
            "time": {"servers": ["10.0.2.3"]}}


def administrators(ca, rule):
    with open(ca.pem, encoding="utf-8") as f:
        return {"administrators": {"trust": {"anchors": [f.read()], "revocation": "none"}, "access": [{"peer": rule, "roles": ["admin"]}]}}


def come_in(a, spki, leaf, *words):
    """penstockctl's answer for somebody with a certificate of his own, who knows the appliance by its key."""
    return patient([CTL, "--url", a.url(), "--server-spki", spki, "--cert", leaf.chain, "--key", leaf.key, *(words or ["status"])])


@test("a drive with a mistake is refused on the console and changes nothing; a credential, then a good drive count, whose CA opens REST; after that none does",
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
    own, other = CA(t.dir, "operations"), CA(t.dir, "others")
    ann, eve = (ca.issue(who, "URI:spiffe://operations.example/ann", "clientAuth") for ca, who in ((own, "ann"), (other, "eve")))
    rule = {"uri": "spiffe://operations.example/ann"}
    boot(drive={**static(name, "10.0.2.78"), **administrators(own, rule)})
    a.wait(r"^address \S+ 10\.0\.2\.78$")
    a.wait(r"^first configuration taken from the drive")
    a.wait(r"^its administrators can come in")
    spki = a.wait(r"^server-spki-sha256 (\S+)").group(1)
    r = come_in(a, spki, ann)
    equal(r.returncode, 0, r.stderr)
    equal(json.loads(come_in(a, spki, ann, "time", "--json").stdout)["servers"], ["10.0.2.3"])
    expect(come_in(a, spki, eve).returncode != 0, "the same name of another CA comes in")
    a.wait(r"^the token is closed")
    boot(drive={**static(name, "10.0.2.79"), **administrators(other, rule)}, credential=static(name, "10.0.2.77"))
    a.wait_ready()
    spki = a.wait(r"^server-spki-sha256 (\S+)").group(1)
    r = come_in(a, spki, ann)
    equal(r.returncode, 0, "the administrator, at the address before: " + r.stderr)
    expect(come_in(a, spki, eve).returncode != 0, "a later drive lets its administrators in")
    console = a.console()
    expect("10.0.2.79" not in console and "10.0.2.77" not in console, "another address")
    expect("first configuration" not in console and "\ntoken " not in console, "a drive counts after the first administrator")
