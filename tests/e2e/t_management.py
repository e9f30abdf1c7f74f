"""Goal: the management port is a link of its own: mTLS and roles decide who reads and who changes, and nothing else leads there."""
import copy
import http.client
import json
import os
import signal
import socket
import ssl
import threading
import time

from gateway import Gateway
from harness import equal, expect, free_port, test
from pki import CA

WHO = ("viewer", "operator", "pki-admin", "admin", "auditor")


class Remote(http.client.HTTPConnection):
    """HTTP through the management link with a client certificate."""

    def __init__(self, port, ca, cert, timeout=20):
        super().__init__("gw.test", port, timeout=timeout)
        self.ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.ctx.load_verify_locations(ca.pem)
        if cert:
            self.ctx.load_cert_chain(cert.pem, cert.key)

    def connect(self):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=self.timeout)
        self.sock = self.ctx.wrap_socket(raw, server_hostname="gw.test")

    def ask(self, method, path, body=None, headers=None):
        self.request(method, path, json.dumps(body).encode() if body is not None else None, headers or {})
        answer = self.getresponse()
        if answer.headers.get("Content-Type") == "text/event-stream":  # without an end
            self.close()
            return answer.status, answer.headers, None
        text = answer.read()
        is_json = answer.headers.get("Content-Type", "").endswith("json")
        return answer.status, answer.headers, json.loads(text) if text and is_json else text.decode() or None


class Managed:
    """A gateway with one ordinary link and the management link, an own CA, and a certificate for each role."""

    def __init__(self, t, args=(), **more):
        self.ca = CA(t.dir, "management-ca")
        crl = self.ca.crl()
        server = self.ca.issue("mgmt", "DNS:gw.test,IP:127.0.0.1", "serverAuth")
        self.certs = {who: self.ca.issue(who, "URI:spiffe://ops.test/" + who, "clientAuth") for who in WHO}
        self.nobody = self.ca.issue("nobody", "URI:spiffe://ops.test/nobody", "clientAuth")
        self.port = free_port()
        config = t.terminate_config(t.server().address, free_port())
        config["identities"]["mgmt"] = {"certificate": server.pem, "key": server.key}
        config["trust"]["operators"] = {"anchors": [self.ca.pem], "crls": [crl]}
        config["management"] = {
            "listen": {"address": ["127.0.0.1:%d" % self.port], "tls": {"identity": "mgmt", "trust": "operators"}},
            "access": [{"peer": {"uri": "spiffe://ops.test/" + who}, "roles": [who]} for who in WHO], **more}
        self.config = config
        self.link_port = int(config["links"]["in"]["listen"]["address"][0].split(":")[1])
        self.g = Gateway(t.dir, config, args=args)
        t.defer(lambda: self.g.proc.poll() is None and self.g.stop(expect=None))

    def as_(self, who, timeout=20):
        return Remote(self.port, self.ca, self.certs[who] if isinstance(who, str) else who, timeout)


@test("an administrator reads and changes over the management link, and the audit has the certificate's name")
def administrator(t):
    m = Managed(t)
    admin = m.as_("admin")
    status, headers, doc = admin.ask("GET", "/api/v1/config")
    equal((status, list(doc["links"])), (200, ["in"]))
    tag = admin.ask("GET", "/api/v1/links/in")[1]["ETag"]
    status, headers, _ = admin.ask("PATCH", "/api/v1/links/in", {"limits": {"sessions": 5}}, {"If-Match": tag})
    equal((status, headers["Penstock-Revision"]), (200, "2"))
    equal(admin.ask("GET", "/api/v1/status")[2]["revision"], 2)  # the same connection, after the change
    row = admin.ask("GET", "/api/v1/audit")[2]["items"][0]
    expect('"admin" (certificate ' in row["actor"] and "127.0.0.1" in row["actor"], row["actor"])
    mine = [s for s in admin.ask("GET", "/api/v1/sessions")[2]["sessions"] if s["link"] == "management"]
    equal([s["outer"]["peer"] for s in mine], ["spiffe://ops.test/admin"])


@test("each route takes exactly the roles that it says, cell by cell")
def cells(t):
    m = Managed(t)
    spec = m.as_("viewer").ask("GET", "/openapi.json")[2]
    for who in WHO:
        caller = m.as_(who)
        for path, operations in spec["paths"].items():
            for method, op in operations.items():
                status = caller.ask(method.upper(), path.replace("{name}", "none"))[0]
                equal(status == 403, who not in op["x-roles"], "%s %s as %s: %d" % (method, path, who, status))
    writes = [op for path, ops in spec["paths"].items() for method, op in ops.items() if method != "get" and not path.endswith("/explain")]
    expect(all("viewer" not in op["x-roles"] and "auditor" not in op["x-roles"] for op in writes), "who only reads")


@test("while the configuration changes again and again, a caller is served or told to come again, never just cut off")
def changing(t):
    m = Managed(t)
    stop, answers = [], []

    def knock():
        while not stop:
            try:
                answers.append(m.as_("viewer").ask("GET", "/healthz"))
            except (OSError, http.client.HTTPException) as e:
                answers.append((str(e) or type(e).__name__, {}, None))

    threads = [threading.Thread(target=knock) for _ in range(2)]
    for thread in threads:
        thread.start()
    for i in range(25):
        tag = m.g.api("GET", "/api/v1/links/in")[1]["ETag"]
        equal(m.g.api("PATCH", "/api/v1/links/in", {"limits": {"sessions": 100 + i}}, {"If-Match": tag})[0], 200)
    stop.append(True)
    for thread in threads:
        thread.join(30)
    bad = [a for a in answers if a[0] != 200 and not (a[0] == 503 and a[1].get("Retry-After"))]
    expect(len(answers) > 20 and not bad, "%s %s" % (bad[:3], m.g.events("refused")))


@test("who may change trusts can not make himself an admin: what the management link believes and presents takes one")
def no_climbing(t):
    m = Managed(t)
    pki = m.as_("pki-admin")
    for path, body in (("/api/v1/trust/operators", {"anchors": [open(t.pki.root.pem).read()]}), ("/api/v1/identities/mgmt", {"certificate": open(t.pki.gw.chain).read()})):
        tag = pki.ask("GET", path)[1]["ETag"]
        for method in ("PATCH", "PUT", "DELETE"):
            status, _, problem = pki.ask(method, path, body, {"If-Match": tag})
            equal((status, "only an admin" in problem["detail"]), (403, True), problem)
    tag = pki.ask("GET", "/api/v1/trust/partners")[1]["ETag"]
    equal(pki.ask("PATCH", "/api/v1/trust/partners", {"crl_stale": "cut"}, {"If-Match": tag})[0], 200)
    m.g.wait(lambda: m.as_("pki-admin").ask("GET", "/healthz")[0] == 200, 10, "the new revision")
    tag = m.as_("admin").ask("GET", "/api/v1/trust/operators")[1]["ETag"]
    equal(m.as_("admin").ask("PATCH", "/api/v1/trust/operators", {"crl_stale": "cut"}, {"If-Match": tag})[0], 200)


@test("strangers, certificates of a link's CA, and unnamed ones of the right CA never reach the interface")
def strangers(t):
    m = Managed(t)
    for cert, reason in ((None, "no_certificate"), (t.pki.client, "unknown_ca"), (m.nobody, "no_rule")):
        try:
            Remote(m.port, m.ca, cert).ask("GET", "/healthz")
            expect(False, "an answer for " + reason)
        except (ssl.SSLError, ConnectionError, http.client.HTTPException):
            pass
        m.g.wait_event("refused", link="management")
    m.g.wait(lambda: len(m.g.events("refused", link="management")) >= 3, 10, "three refusals")
    reasons = [e["reason"] for e in m.g.events("refused", link="management")]
    equal(len(reasons), 3)
    expect(reasons[0] == "no_certificate" and reasons[1] == "unknown_ca", reasons)
    equal(m.as_("viewer").ask("GET", "/healthz")[0], 200)
    m.g.wait(lambda: [r for r in m.g.api("GET", "/api/v1/audit")[2]["items"] if r["action"] == "login"], 10, "the audit's rows")
    rows = [r for r in m.g.api("GET", "/api/v1/audit")[2]["items"] if r["action"] == "login"]
    expect({r["detail"]["reason"] for r in rows} <= {"no_certificate", "unknown_ca", "no_rule"} and all(r["result"] == "refused" for r in rows), rows)


@test("no configured link can lead there, whatever its target is called, and none may have its name or its trust")
def nothing_else(t):
    m = Managed(t)
    admin = m.as_("admin")
    _, headers, doc = admin.ask("GET", "/api/v1/config")
    for path, value, pointer in (
            (("links", "management"), doc["links"]["in"], "/links/management"),
            (("links", "in", "forward", "to"), ["management"], "/links/in/forward/to/0"),
            (("links", "in", "forward", "to"), ["unix:"], "/links/in/forward/to/0"),
            (("links", "in", "forward", "to"), [""], "/links/in/forward/to/0"),
            (("links", "in", "forward", "to"), [], "/links/in/forward/to"),
            (("links", "in", "listen", "tls", "trust"), "operators", "/management/listen/tls/trust"),
            (("management", "listen", "tls", "trust"), "partners", "/management/listen/tls/trust"),
            (("management", "access"), [], "/management/access"),
            (("management", "access"), [{"peer": {"any": True}, "roles": ["admin"]}], "/management/access/0/peer"),
            (("management", "access"), [{"peer": {"dns": "x.test"}, "roles": ["king"]}], "/management/access/0/roles"),
            (("management", "forward"), {"to": ["127.0.0.1:1"]}, "/management/forward"),
            (("management", "listen"), {"address": ["127.0.0.1:1"]}, "/management/listen/tls")):
        bad = copy.deepcopy(doc)
        at = bad
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value
        status, _, problem = admin.ask("PUT", "/api/v1/config", bad, {"If-Match": headers["ETag"]})
        equal((status, problem.get("pointer")), (422, pointer), "%s: %s" % (path, problem))
    # The local socket, where the launcher that dials is root: refused by its name, and under any other.
    local = copy.deepcopy(doc)
    sock = os.path.join(m.g.state, "penstock.sock")
    local["links"]["in"]["forward"]["to"] = ["unix:" + sock]
    status, _, problem = admin.ask("PUT", "/api/v1/config", local, {"If-Match": headers["ETag"]})
    equal((status, problem["pointer"]), (422, "/links/in/forward/to/0"))
    os.symlink(sock, os.path.join(t.dir, "app.sock"))
    local["links"]["in"]["forward"]["to"] = ["unix:" + os.path.join(t.dir, "app.sock")]
    equal(admin.ask("PUT", "/api/v1/config", local, {"If-Match": headers["ETag"]})[0], 200)
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.load_verify_locations(t.pki.root.pem)
    ctx.load_cert_chain(t.pki.client.chain, t.pki.client.key)
    with ctx.wrap_socket(socket.create_connection(("127.0.0.1", m.link_port), timeout=10), server_hostname="gw.test") as s:
        try:
            s.sendall(b"GET /api/v1/config HTTP/1.1\r\nHost: x\r\n\r\n")
            equal(s.recv(65536), b"")
        except (ssl.SSLError, ConnectionError):
            pass
    equal(m.g.wait_event("refused", link="in")["reason"], "no_target")


@test("whose access is taken away loses the connection at once, and others keep theirs")
def access_changes(t):
    m = Managed(t)
    admin, viewer = m.as_("admin"), m.as_("viewer")
    equal(viewer.ask("GET", "/api/v1/status")[0], 200)
    _, headers, doc = admin.ask("GET", "/api/v1/config")
    doc["management"]["access"] = [a for a in doc["management"]["access"] if a["roles"] != ["viewer"]]
    equal(admin.ask("PUT", "/api/v1/config", doc, {"If-Match": headers["ETag"]})[0], 200)
    m.g.wait_event("session_closed", link="management")
    try:
        viewer.ask("GET", "/api/v1/status")
        expect(False, "the viewer still reads")
    except (ssl.SSLError, ConnectionError, http.client.HTTPException):
        pass
    expect(admin.ask("GET", "/api/v1/status")[0] in (200, 503), "the administrator may have to connect again")
    equal(m.as_("admin").ask("GET", "/api/v1/status")[0], 200)


@test("the management that is killed is back behind its link within a second, and slow callers do not hold it up")
def resilient(t):
    m = Managed(t)
    held = [m.as_("viewer") for _ in range(8)]
    for h in held:
        h.connect()
        h.sock.sendall(b"GET /api/v1/sta")  # and never the rest
    equal(m.as_("viewer").ask("GET", "/healthz")[0], 200)
    pid = m.g.children()["penstock-mgmt"][0]
    os.kill(pid, signal.SIGKILL)
    start = time.monotonic()

    def answers():
        try:
            return m.as_("viewer", 2).ask("GET", "/api/v1/status")[0] == 200
        except (OSError, http.client.HTTPException):
            return False
    m.g.wait(answers, 10, "the management link")
    expect(time.monotonic() - start < (10 if os.environ.get("PENSTOCK_VM") else 3), "back after %.1f s" % (time.monotonic() - start))


@test("penstockctl works over the management link as it does on the box")
def remote_control(t):
    m = Managed(t)
    ca, url = m.ca.pem, "https://127.0.0.1:%d" % m.port

    def ctl(who, *args, ca=ca):
        return m.g.ctl("--url", url, "--ca", ca, "--cert", m.certs[who].pem, "--key", m.certs[who].key, *args, check=False)
    r = ctl("admin", "config")
    equal((r.returncode, list(json.loads(r.stdout)["links"])), (0, ["in"]))
    r = ctl("viewer", "rollback", "1")
    equal(r.returncode, 1)
    expect("may not do this" in r.stderr, r.stderr)
    equal(ctl("admin", "rollback", "1").returncode, 0)
    r = ctl("admin", "status", ca=t.pki.root.pem)
    equal(r.returncode, 3)
    expect("certificate" in r.stderr, r.stderr)
