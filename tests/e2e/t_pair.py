"""Goal: two gateways answer for one address, one at a time, and have one configuration: what is set on one is on the other, traffic goes on when one dies, and nothing of a stranger is believed."""
import copy
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

import netns
from gateway import BIN, Gateway
from harness import Server, echo, equal, expect, need, recv_exactly, test
from lan import Lan
from pki import CA
from t_first_light import client_context

KEEPALIVED = "/usr/sbin/keepalived"
VIRTUAL, VIRTUAL6 = "10.79.0.100", "fd79::100"
ADDRESS = {"a": "10.79.0.1", "b": "10.79.0.2", "c": "10.79.0.3"}
OTHER = {"a": "b", "b": "a"}


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Vrrp:
    """penstock-vrrp, in the namespace of its gateway, as a user of its own with two capabilities."""

    def __init__(self, t, lan, host):
        self.dir = os.path.join(t.dir, "vrrp-" + host)
        os.mkdir(self.dir, 0o750)
        try:
            gid = pwd.getpwnam("penstock").pw_gid
        except KeyError:
            gid = 65534
        os.chown(self.dir, 1, gid)
        self.socket = os.path.join(self.dir, "socket")
        self.log_path = os.path.join(self.dir, "log")
        rights = "-all,+net_admin,+net_raw"
        with open(self.log_path, "wb") as log:
            self.proc = subprocess.Popen(
                [*lan.prefix_of(host), "setpriv", "--reuid=1", "--regid=%d" % gid, "--clear-groups", "--no-new-privs",
                 "--inh-caps=" + rights, "--ambient-caps=" + rights, "--bounding-set=" + rights,
                 os.path.join(BIN, "penstock-vrrp"), "--socket", self.socket, "--folder", self.dir, "--keepalived", KEEPALIVED],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        Gateway.wait(lambda: b"event=started" in read(self.log_path), 10, "the helper's start")
        t.defer(self.stop)

    def stop(self):
        if self.proc.poll() is None:
            self.proc.terminate()
        self.proc.wait(10)


class Pair:
    """Gateways in `a` and `b`, an echo server in `c`; `a` has a link, `b` has none."""

    def __init__(self, t, vrrp=False, **more):
        why = netns.usable()
        need(not why, why)
        self.t, self.more = t, more
        os.chmod(t.dir, 0o711)
        self.lan = Lan()
        t.defer(self.lan.close)
        self.ca = CA(t.dir, "boxes")
        self.certs = {h: self.ca.issue("box-" + h, "IP:%s,URI:spiffe://box.test/%s" % (ADDRESS[h], h), "serverAuth,clientAuth") for h in "ab"}
        with self.lan.inside("c"):
            self.server = Server(echo, host=ADDRESS["c"])
        t.defer(self.server.close)
        self.vrrp = {h: Vrrp(t, self.lan, h) for h in "ab"} if vrrp else {}
        self.gw = {}

    def base(self, host, **partner):
        """What each box has for itself."""
        other = OTHER[host]
        return {
            "drain_s": 0.3,
            "identities": {"box": {"certificate": self.certs[host].pem, "key": self.certs[host].key}},
            "trust": {name: {"anchors": [self.ca.pem], "revocation": "none"} for name in ("boxes", "partner")},
            "management": {"listen": {"address": [ADDRESS[host] + ":9443"], "tls": {"identity": "box", "trust": "boxes"}},
                           "access": [{"peer": {"spki_sha256": self.certs[other].spki_sha256()}, "roles": ["partner"]}]},
            "availability": {
                "interface": "e0", "router": 79, "addresses": [VIRTUAL + "/24", VIRTUAL6 + "/64"], "interval_s": 0.2,
                "priority": 150 if host == "a" else 100, "source": ADDRESS[host],
                "partner": {"address": ADDRESS[other], "management": ADDRESS[other] + ":9443", "identity": "box", "trust": "partner",
                            "spki_sha256": self.certs[other].spki_sha256(), **partner}, **self.more}}

    def full(self, host="a"):
        """And the pair's: one link on the virtual address."""
        config, link = self.base(host), self.t.terminate_config(self.server.address, 1)
        for table in ("identities", "trust"):
            config[table].update(link[table])
        config["links"] = link["links"]
        config["links"]["in"]["listen"]["address"] = [VIRTUAL + ":8443", "[%s]:8443" % VIRTUAL6]
        return config

    def start(self, host, config):
        args = ["--workers", "1"] + (["--vrrp", self.vrrp[host].socket] if self.vrrp else [])
        g = self.gw[host] = Gateway(self.t.dir, config, name="gw-" + host, args=args, prefix=self.lan.prefix_of(host))
        self.t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
        return g

    def both(self):
        """Both, and what `a` had is on `b`, which was given the key."""
        a, b = self.start("a", self.full()), self.start("b", self.base("b"))
        equal(b.api("POST", "/api/v1/keys", read(self.t.pki.gw.key))[0], 201)
        self.same()
        return a, b

    def status(self, host):
        return self.gw[host].api("GET", "/api/v1/availability/status")[2]

    def word(self, host):
        return self.status(host)["configuration"]["word"]

    def wait(self, condition, what):
        try:
            Gateway.wait(condition, 20, what)
        except AssertionError:
            raise AssertionError("%s\n%s\n%s" % (what, *["%s: %s\n%s" % (h, self.status(h) if self.gw[h].proc.poll() is None else "", self.gw[h].log()[-2500:]) for h in self.gw])) from None

    def same(self):
        self.wait(lambda: self.word("a") == self.word("b") == "same" and self.status("a")["state"] == self.status("b")["state"], "one configuration")

    def role(self, host, role):
        self.wait(lambda: self.status(host)["role"] == role, "%s %s" % (host, role))


def change(g, body, path="/api/v1/links/in", method="PATCH"):
    tag = g.api("GET", path)[1].get("ETag")
    return g.api(method, path, body, {"If-Match": tag} if tag else {"If-None-Match": "*"})


@test("what is set on one is on the other, certificates and lists with it and keys not; what is its own stays its own")
def travels(t):
    p = Pair(t)
    a, b = p.start("a", p.full()), p.start("b", p.base("b"))
    p.wait(lambda: "is not held here" in p.status("b")["configuration"].get("why", ""), "the missing key, said")
    equal(sorted(b.api("GET", "/api/v1/config")[2].get("links", {})), [])
    equal(b.api("POST", "/api/v1/keys", read(t.pki.gw.key))[0], 201)
    equal(b.api("POST", "/api/v1/availability/adopt")[0], 202)  # else it is tried again within half a minute
    p.same()
    shared = [g.api("GET", "/api/v1/config")[2] for g in (a, b)]
    equal(shared[0]["links"], shared[1]["links"])
    equal(shared[0]["trust"]["partners"], shared[1]["trust"]["partners"])
    expect(shared[0]["identities"]["box"] != shared[1]["identities"]["box"], "each has its own identity")
    equal(shared[1]["management"]["listen"]["address"], [ADDRESS["b"] + ":9443"])
    row = [r for r in b.api("GET", "/api/v1/audit")[2]["items"] if r["action"] == "availability.take"][0]
    expect(row["result"] == "applied", row)
    t.pki.inter.revoke(t.pki.client)
    t.defer(lambda: t.pki.inter.revoked.clear())
    equal(a.api("POST", "/api/v1/trust/partners/crls", read(t.pki.inter.crl(path=t.dir + "/new.crl")),
                {"If-Match": a.api("GET", "/api/v1/trust/partners")[1]["ETag"]})[0], 200)
    p.same()
    equal(change(b, {"limits": {"sessions": 7}})[0], 200)  # without VRRP there is no passive one: the newer counts
    p.same()
    p.wait(lambda: [g.api("GET", "/api/v1/links/in")[2].get("limits") for g in (a, b)] == [{"sessions": 7}] * 2, "both changes on both")
    equal(*[g.api("GET", "/api/v1/trust/partners")[2]["crls"] for g in (a, b)])


def talk(p, timeout=0.5, host=VIRTUAL):
    """One session through the pair's address: the bytes that came back, or why none did."""
    with p.lan.inside("c"):
        try:
            raw = socket.create_connection((host, 8443), timeout=timeout)
        except OSError as e:
            return str(e)
    try:
        with client_context(p.t.pki, p.t.pki.client).wrap_socket(raw, server_hostname="gw.test") as tls:
            tls.sendall(b"hello")
            return recv_exactly(tls, 5)
    except (OSError, AssertionError) as e:
        return str(e)


def serves(p, within=20):
    """How long until a client is served."""
    start = time.monotonic()
    Gateway.wait(lambda: talk(p) == b"hello", within, "a served client")
    return time.monotonic() - start


@test("the address is where a gateway is well: it moves when one is killed, moves back only when it has to, and a client is served again at once", timeout=120)
def moves(t):
    need(os.path.exists(KEEPALIVED), "there is no keepalived here")
    p = Pair(t, vrrp=True)
    a, b = p.both()
    p.wait(lambda: sorted(p.status(h)["role"] for h in "ab") == ["active", "passive"], "one active, one passive")
    one = next(h for h in "ab" if p.status(h)["role"] == "active")
    two = OTHER[one]
    serves(p)
    equal(talk(p, host=VIRTUAL6), b"hello")
    expect(VIRTUAL in p.lan.addresses(one) and VIRTUAL not in p.lan.addresses(two), "the address is on one")
    for method, path, body in (("PATCH", "/api/v1/links/in", {"limits": {"sessions": 5}}), ("DELETE", "/api/v1/links/in", None)):
        tag = p.gw[two].api("GET", path)[1]["ETag"]
        status, _, problem = p.gw[two].api(method, path, body, {"If-Match": tag})
        equal(status, 409, problem)
        expect("passive" in problem["detail"] and ADDRESS[one] in problem["remedy"], problem)
    equal(change(p.gw[two], {"priority": 90}, "/api/v1/availability")[0], 200)  # its own can be changed
    equal(change(p.gw[one], {"limits": {"sessions": 50}})[0], 200)
    p.same()
    equal(p.gw[two].api("GET", "/api/v1/links/in")[2]["limits"], {"sessions": 50})
    p.role(one, "active")
    # One dies.
    os.kill(p.gw[one].proc.pid, signal.SIGKILL)
    took = serves(p)
    print("    fail-over after kill -9: %.2f s" % took)
    expect(took < 5, "fail-over took %.1f s" % took)
    p.role(two, "active")
    p.gw[one].proc.wait()
    expect(VIRTUAL not in p.lan.addresses(one), "the dead one gave the address up")
    equal(change(p.gw[two], {"limits": {"sessions": 60}})[0], 200)  # it has the last word now
    # It comes back, takes what it missed, and does not take the address.
    changes = p.status(two)["changes"]
    p.gw[one].log_file.close()
    p.start(one, p.full() if one == "a" else p.base("b"))
    p.same()
    p.role(one, "passive")
    equal(p.gw[one].api("GET", "/api/v1/links/in")[2]["limits"], {"sessions": 60})
    equal((p.status(two)["role"], p.status(two)["changes"]), ("active", changes), "it does not flap")
    text = p.gw[two].api("GET", "/metrics")[2]
    expect("penstock_availability_active 1\n" in text and "penstock_availability_in_sync 1\n" in text, text[:2000])
    equal(talk(p, 5), b"hello")
    # The management dies: traffic does not notice.
    mgmt = p.gw[two].children()["penstock-mgmt"][0]
    os.kill(mgmt, signal.SIGKILL)
    p.wait(lambda: p.gw[two].api("GET", "/readyz")[0] == 200 and p.status(two)["role"] == "active", "the next management")
    equal(p.status(one)["role"], "passive")
    # It is stopped in order, and drains: the address goes at once.
    p.gw[two].proc.send_signal(signal.SIGTERM)
    p.role(one, "active")
    took = serves(p)
    print("    hand-over at a stop: %.2f s" % took)
    p.gw[two].stop()
    # Without the helper nobody answers, and that is said.
    p.vrrp[one].stop()
    p.wait(lambda: "speaks VRRP" in str(p.gw[one].status()["warnings"]), "a warning")
    rows = [r["result"] for r in p.gw[one].api("GET", "/api/v1/audit")[2]["items"] if r["action"] == "availability.role"]
    equal(rows[:2], ["failed", "active"], rows)


@test("whoever is not the partner is not believed, and may not ask; a change of both is nobody's loss, and an operator decides")
def refuses(t):
    p = Pair(t)
    stranger = p.ca.issue("stranger", "IP:%s,URI:spiffe://box.test/b" % ADDRESS["b"], "serverAuth,clientAuth")
    a, b = p.both()
    known, p.certs["b"] = p.certs["b"], stranger
    tag = b.api("GET", "/api/v1/identities/box")[1]["ETag"]
    equal(b.api("POST", "/api/v1/keys", read(stranger.key))[0], 201)
    equal(b.api("PUT", "/api/v1/identities/box", {"certificate": read(stranger.pem).decode()}, {"If-Match": tag})[0], 200)
    p.wait(lambda: not p.status("a")["partner"]["reachable"], "a refuses b")
    equal(change(a, {"limits": {"sessions": 11}})[0], 200)  # news: b, which waits for some with its old certificate, has to ask again
    p.wait(lambda: not p.status("b")["partner"]["reachable"], "and is refused")
    a.wait_event("refused", link="penstock.partner", reason="no_rule")
    a.wait_event("refused", link="management", reason="no_rule")
    equal(change(b, {"limits": {"sessions": 12}})[0], 200)
    tag = b.api("GET", "/api/v1/identities/box")[1]["ETag"]
    equal(b.api("PUT", "/api/v1/identities/box", {"certificate": read(known.pem).decode()}, {"If-Match": tag})[0], 200)
    p.wait(lambda: p.word("a") == p.word("b") == "conflict", "a conflict on both")
    equal([g.api("GET", "/api/v1/links/in")[2]["limits"]["sessions"] for g in (a, b)], [11, 12])
    expect("conflict" in str(a.status()["warnings"]), a.status()["warnings"])
    expect("conflict" in b.ctl("pair") and "POST availability/adopt" in b.ctl("pair"), b.ctl("pair"))
    b.ctl("adopt")
    p.same()
    equal([g.api("GET", "/api/v1/links/in")[2]["limits"]["sessions"] for g in (a, b)], [11, 11])
    equal(a.api("GET", "/api/v1/partner/document")[0], 403)  # nor is an administrator a partner
