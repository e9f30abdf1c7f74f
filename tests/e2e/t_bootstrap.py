"""Goal: a new gateway gets its first administrator over the network without a password, and lost access comes back from the box."""
import json
import os
import signal
import subprocess
import time

from gateway import BIN, Gateway
from harness import equal, expect, free_port, test
from pki import openssl


def ctl(*args):
    r = subprocess.run([os.path.join(BIN, "penstockctl"), *args], capture_output=True, text=True, timeout=40)
    return r.returncode, r.stdout, r.stderr


def patient(g, *ask):
    """The token's way in is closed by a change of its own, a second after it was used: then it is worth to ask again."""
    for _ in range(50):
        answer = g.api(*ask)
        if answer[0] != 409 or not answer[1].get("Retry-After"):
            break
        time.sleep(0.1)
    return answer


class Fresh:
    """A gateway whose configuration leaves the management's trust to itself."""

    def __init__(self, t, address="127.0.0.1", links=True):
        self.t, self.port = t, free_port()
        self.url = "https://%s:%d" % ("localhost" if address == "127.0.0.1" else address, self.port)
        self.config = t.terminate_config(t.server().address, free_port()) if links else {}
        self.config["management"] = {"listen": {"address": ["%s:%d" % (address, self.port)]}}
        self.start()

    def start(self):
        self.g = Gateway(self.t.dir, self.config)
        self.t.defer(lambda: self.g.proc.poll() is None and self.g.stop(expect=None))

    def token(self):
        return self.g.ctl("bootstrap").split()[1]

    def enroll(self, name, token=None, url=None):
        return ctl("enroll", url or self.url, "--token", token or self.token(), "--name", name, "--out", self.t.dir)

    def as_(self, name, *args):
        return ctl("--url", self.url, "--ca", self.file(name, ".ca.pem"), "--cert", self.file(name, ".pem"),
                   "--key", self.file(name, ".key"), *args)

    def file(self, name, end):
        return os.path.join(self.t.dir, name + end)


@test("the one-time token makes the first administrator, works once, and is gone with its link")
def first(t):
    f = Fresh(t)
    token = f.token()
    shown = open(os.path.join(f.g.state, "mgmt", "bootstrap")).read()
    expect(token in shown and f.g.api("GET", "/api/v1/bootstrap")[2]["server_spki_sha256"] in shown, shown)
    equal(os.stat(os.path.join(f.g.state, "mgmt", "bootstrap")).st_mode & 0o777, 0o600)
    code, out, err = f.enroll("alice", token)
    equal(code, 0, err)
    equal(os.stat(f.file("alice", ".key")).st_mode & 0o777, 0o600)
    code, out, err = f.as_("alice", "admins", "--json")
    equal((code, [a["name"] for a in json.loads(out)["items"]]), (0, ["alice"]), err)
    f.g.wait(lambda: not f.g.api("GET", "/api/v1/bootstrap")[2]["open"], 10, "the token's end")
    f.g.wait(lambda: not json.loads(f.as_("alice", "admins", "--json")[1] or "{}").get("bootstrap_open", True), 10, "its rule's")
    expect(not os.path.exists(os.path.join(f.g.state, "mgmt", "bootstrap")), "the file")
    code, _, err = f.enroll("mallory", token)
    expect(code == 3, "%d %s" % (code, err))  # no handshake any more
    f.g.wait_event("refused", link="management")
    actions = [r["action"] for r in f.g.api("GET", "/api/v1/audit")[2]["items"]]
    expect("bootstrap.enroll" in actions and "bootstrap.closed" in actions, actions)
    expect(token not in f.g.log() and token.replace("-", "") not in f.g.log(), "the token in the log")
    expect(token not in json.dumps(f.g.api("GET", "/api/v1/config")[2]), "the token in the configuration")
    inventory = f.g.api("GET", "/api/v1/inventory")[2]
    expect("penstock.management" in inventory["identities"] and "penstock.management" in inventory["trust"], inventory)
    equal(([a["name"] for a in inventory["administrators"]], len(inventory["keys"])), (["alice"], 3))
    expect("administrator alice" in f.g.api("GET", "/metrics")[2], "the end of the certificate, as a metric")
    text = openssl("x509", "-in", f.file("alice", ".pem"), "-noout", "-text").decode()
    expect("URI:urn:penstock:administrator:alice" in text and "TLS Web Client Authentication" in text, text)


@test("a token of another gateway, of another seed or for another server opens nothing, and the right one still works")
def wrong(t):
    f = Fresh(t)
    token = f.token()
    other = ("b" if token[0] != "b" else "c") + token[1:]
    pinned = token[:-6] + ("b" if token[-6] != "b" else "c") + token[-5:]
    for bad, code in ((other, 3), (pinned, 3), ("abc", 2), (token + "a", 2)):
        equal(f.enroll("bob%d" % len(os.listdir(t.dir)), bad)[0], code, bad)
    f.g.wait_event("refused", link="management")
    equal(f.enroll("alice", token)[0], 0)


@test("with the token nothing but enrolling is allowed, and what can not be enrolled leaves the token as it is")
def only(t):
    f = Fresh(t)
    token = f.token()
    spec = f.g.api("GET", "/openapi.json")[2]["paths"]
    allowed = [(method, path) for path, ops in spec.items() for method, op in ops.items() if "bootstrap" in op["x-roles"]]
    equal(allowed, [("post", "/api/v1/enroll")])
    for body, pointer in (({"name": "x/y", "csr": "x"}, "/name"), ({"name": "bob"}, "/csr"), ({"name": "bob", "csr": "x"}, "/csr")):
        status, _, problem = f.g.api("POST", "/api/v1/enroll", body)
        equal(status, 403)  # not even root enrolls without the token
        status, _, problem = f.g.api("POST", "/api/v1/administrators", body)
        equal((status, problem["pointer"]), (422, pointer), problem)
    equal(f.g.api("POST", "/api/v1/administrators", {"name": "bob", "csr": "x", "roles": ["bootstrap"]})[2]["pointer"], "/roles")
    equal(f.g.api("DELETE", "/api/v1/bootstrap")[0], 409)  # nobody could come in
    equal(f.enroll("alice", token)[0], 0)


@test("administrators are added with roles, renewed and removed; who is removed is cut at once, the others stay")
def others(t):
    f = Fresh(t)
    equal(f.enroll("alice")[0], 0)
    for name in ("bob", "carol"):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f.file(name, ".key"))
        openssl("req", "-new", "-key", f.file(name, ".key"), "-subj", "/CN=ignored", "-out", f.file(name, ".csr"))
        code, pem, err = f.as_("alice", "add-admin", name, f.file(name, ".csr"), "--roles", "viewer" if name == "bob" else "admin")
        equal(code, 0, err)
        with open(f.file(name, ".pem"), "w") as out:
            out.write(pem)
        with open(f.file(name, ".ca.pem"), "w") as out:
            out.write(open(f.file("alice", ".ca.pem")).read())
    f.g.wait(lambda: f.as_("bob", "status")[0] == 0, 10, "bob")
    equal(f.as_("bob", "remove-admin", "alice")[0], 1)  # a viewer
    equal(f.as_("alice", "add-admin", "bob", f.file("bob", ".csr"))[0], 1)  # is there
    config = f.g.api("GET", "/api/v1/config")[2]
    expect("access" not in config["management"] and "identities" in config and len(config["identities"]) == 1, config)
    number = f.g.status()["revision"]
    equal(f.as_("carol", "remove-admin", "bob")[0], 0)
    f.g.wait(lambda: f.as_("bob", "status")[0] == 3, 10, "bob is out")
    f.g.ctl("rollback", str(number))  # brings no administrator back
    equal((f.as_("bob", "status")[0], f.as_("carol", "status")[0]), (3, 0))
    status, headers, carol = f.g.api("GET", "/api/v1/administrators/carol")
    equal((status, carol["roles"], f.g.api("GET", "/api/v1/administrators/bob")[0]), (200, ["admin"], 404))
    for tag, want in ((None, 428), ('"0000"', 412)):
        for method, path in (("DELETE", ""), ("POST", "/certificate")):
            equal(f.g.api(method, "/api/v1/administrators/carol" + path, headers=tag and {"If-Match": tag})[0], want)
    expect("BEGIN CERTIFICATE" in f.g.ctl("renew-admin", "carol", f.file("bob", ".csr")), "a new certificate")
    f.g.wait(lambda: f.as_("carol", "status")[0] == 3, 10, "carol's old certificate is out")


@test("who lost access opens a token on the box; the state survives restarts, kills and a lost database")
def recover(t):
    f = Fresh(t)
    equal(f.enroll("alice")[0], 0)
    f.g.wait(lambda: not f.g.api("GET", "/api/v1/bootstrap")[2]["open"], 10, "the token's end")
    equal(f.as_("alice", "recover")[0], 1)  # not from afar
    for pid in f.g.children()["penstock-mgmt"]:
        os.kill(pid, signal.SIGKILL)
    f.g.wait(lambda: f.as_("alice", "status")[0] == 0, 20, "alice after a kill")
    token = f.g.ctl("recover").split()[1]
    equal(f.enroll("eve", "a" * 52)[0], 3)
    f.g.stop()
    for name in os.listdir(os.path.join(f.g.state, "mgmt")):
        if name.startswith("store.db"):
            os.unlink(os.path.join(f.g.state, "mgmt", name))
    f.start()
    equal(f.as_("alice", "status")[0], 0)
    code, _, err = f.enroll("second", token)
    equal(code, 0, err)
    equal(f.as_("alice", "status")[0], 0)
    spki = f.g.api("GET", "/api/v1/bootstrap")[2]["server_spki_sha256"]
    f.g.stop()
    f.config["links"]["in"]["limits"] = {"sessions": 9}  # an edited file brings its links, and locks nobody out
    f.start()
    equal((f.as_("alice", "status")[0], f.as_("second", "status")[0]), (0, 0))
    equal(f.g.api("GET", "/api/v1/bootstrap")[2]["server_spki_sha256"], spki)


@test("a gateway may begin with its management alone, reached under any name, and gets its links from there")
def alone(t):
    f = Fresh(t, links=False)
    equal(f.enroll("alice", url="https://127.0.0.1:%d" % f.port)[0], 0)
    f.url = "https://127.0.0.1:%d" % f.port
    config = t.terminate_config(t.server().address, free_port())
    config["management"] = f.config["management"]
    path = f.file("config", ".json")
    for identity in config["identities"].values():
        identity["certificate"] = open(identity["certificate"]).read()
    status, _, key = f.g.api("POST", "/api/v1/keys", open(t.pki.gw.key, "rb").read())
    equal(status, 201)
    config["identities"]["gw"]["key"] = key["id"]
    with open(path, "w") as out:
        json.dump(config, out)
    code, out, err = f.as_("alice", "apply", path)
    equal(code, 0, err)
    equal([l["link"] for l in f.g.status()["links"]][:1], ["in"])


@test("a link with a trust of its own has no administrators here, and names of the gateway's own are refused")
def own(t):
    g = t.terminate(t.server().address)
    for method, path in (("GET", "/api/v1/bootstrap"), ("POST", "/api/v1/bootstrap"), ("GET", "/api/v1/administrators")):
        equal(g.api(method, path)[0], 409)
    doc = g.api("GET", "/api/v1/config")[2]
    doc["management"] = {"listen": {"address": "127.0.0.1:%d" % free_port()}}
    doc["trust"]["penstock.management"] = doc["trust"]["partners"]
    tag = g.api("GET", "/api/v1/config")[1]["ETag"]
    status, _, problem = g.api("PUT", "/api/v1/config", doc, {"If-Match": tag})
    equal((status, problem["pointer"]), (422, "/trust/penstock.management"), problem)
    del doc["trust"]["penstock.management"]
    equal(g.api("PUT", "/api/v1/config", doc, {"If-Match": tag})[0], 200)
    expect(g.api("GET", "/api/v1/bootstrap")[2]["open"], "a token")


class New:
    """A gateway without an administrator, and what penstock-first makes of a drive in it."""

    def __init__(self, t):
        self.t, self.f = t, Fresh(t, links=False)
        self.state, self.program = self.f.g.state, os.path.join(BIN, "penstock-first")
        self.folders = {n: os.path.join(t.dir, n) for n in ("kept", "drive", "news")}
        for path in self.folders.values():
            os.mkdir(path)

    def is_open(self):
        return subprocess.run([self.program, "open", self.state]).returncode == 0

    def insert(self, document):
        """The codes of both steps, and what the console shows."""
        news = os.path.join(self.folders["news"], "news")
        if os.path.exists(news):
            os.unlink(news)
        with open(os.path.join(self.folders["drive"], "penstock.json"), "w", encoding="utf-8") as f:
            json.dump(document, f)
        steps = (["take", self.state, *(self.folders[n] for n in ("kept", "drive", "news"))], ["administrators", self.state, self.folders["news"]])
        codes = [subprocess.run([self.program, *words], stderr=subprocess.DEVNULL, timeout=150).returncode for words in steps]
        return codes, open(news, encoding="utf-8").read() if os.path.exists(news) else ""


def administrators(anchor, **more):
    return {"trust": {"anchors": [anchor], "revocation": "none"},
            "access": [{"peer": {"uri": "spiffe://partner.example/client"}, "roles": ["admin"]}], **more}


@test("a drive's administrators come in by a CA of their own and close the token; a drive with a mistake changes nothing, and none counts after the first", timeout=120)
def drive(t):
    n = New(t)
    with open(t.pki.root.pem, encoding="utf-8") as f:
        anchor = f.read()
    expect(n.is_open(), "a new one")
    codes, news = n.insert({"administrators": administrators(anchor, rules=[])})
    equal(codes, [1, 0])
    expect("refused, nothing of it counts: /administrators/rules" in news, news)
    codes, news = n.insert({"administrators": administrators("-----BEGIN CERTIFICATE-----\nx\n")})
    equal(codes, [0, 1])
    expect("administrators are refused: /trust/administrators/anchors/0" in news, news)
    expect(n.is_open() and n.f.token(), "what is refused leaves the token, and a way for a better drive")
    codes, news = n.insert({"time": {"servers": ["ntp.test"]}, "administrators": administrators(anchor)})
    equal((codes, os.listdir(n.folders["kept"])), ([0, 0], ["time"]), news)
    expect("can come in" in news and not n.is_open(), news)
    with open(os.path.join(n.state, "mgmt", "server-spki-sha256"), encoding="utf-8") as f:
        spki = f.read().strip()
    words = ["--url", n.f.url, "--cert", t.pki.client.chain, "--key", t.pki.client.key, "status"]
    code, _, err = ctl("--server-spki", spki, *words)
    equal(code, 0, err)
    equal(ctl("--server-spki", "0" * 64, *words)[0], 3, "another server")
    equal(ctl("--server-spki", spki[:-1], *words)[0], 2, "half a key")
    expect(not os.path.exists(os.path.join(n.state, "mgmt", "bootstrap")), "the token is closed")
    equal(n.f.g.api("POST", "/api/v1/bootstrap")[0], 409)
    before = n.f.g.api("GET", "/api/v1/config")[2]
    equal(n.insert({"time": {"servers": []}, "administrators": administrators(anchor)}), ([0, 0], ""))
    equal(n.f.g.api("GET", "/api/v1/config")[2], before)


@test("who was an administrator once keeps every later drive out, when he is gone too", timeout=60)
def owned(t):
    n = New(t)
    expect(n.is_open(), "a new one")
    equal(n.f.enroll("ann")[0], 0)
    expect(not n.is_open(), "with an administrator")
    equal(patient(n.f.g, "DELETE", "/api/v1/administrators/ann", None, {"If-Match": "*"})[0] // 100, 2)
    n.f.g.wait(lambda: n.f.g.api("GET", "/api/v1/administrators")[2]["items"] == [], 10, "her end")
    expect(not n.is_open(), "after the last one")
    equal(n.insert({"time": {"servers": []}}), ([0, 0], ""))


@test("an owned gateway that starts again makes no token")
def again(t):
    n = New(t)
    with open(t.pki.root.pem, encoding="utf-8") as f:
        equal(n.insert({"administrators": administrators(f.read())})[0], [0, 0])
    n.f.g.wait(lambda: not os.path.exists(os.path.join(n.state, "mgmt", "bootstrap")), 10, "the token's end")
    for _ in range(2):
        n.f.g.stop()
        n.f.start()
        expect("bootstrap_open" not in n.f.g.log() and not os.path.exists(os.path.join(n.state, "mgmt", "bootstrap")), "no token")
        with open(os.path.join(n.state, "mgmt", "authority.json"), encoding="utf-8") as f:
            equal(json.load(f)["token"], None)
