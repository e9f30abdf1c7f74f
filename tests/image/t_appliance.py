"""Goal: the image boots into a gateway that is managed over REST alone, carries links over kernel TLS and keeps what it was told."""
import hashlib
import json
import os
import socket
import ssl

from appliance import Appliance
from harness import echo, equal, exchange, expect, free_port, test

LINK = 8443


def connect(t, port, cert):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.load_verify_locations(t.pki.root.pem)
    ctx.load_cert_chain(cert.chain, cert.key)
    raw = socket.create_connection(("127.0.0.1", port), timeout=60)
    return ctx.wrap_socket(raw, server_hostname="gw.test")


def text(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def appliance(t, *ports, **kw):
    a = Appliance(t.dir, {free_port(): p for p in (9443, *ports)}, **kw)
    t.defer(a.kill)
    return a


def administrator(a, name="ann"):
    """The first one, with the token that the console shows."""
    token = a.token()
    r = a.enroll(name, token)
    equal(r.returncode, 0, r.stderr)
    a.wait(r"^the token is closed", 30)
    return token


def make_link(t, a, to):
    """A terminating link with kernel TLS to a server on the host, over REST: the key first, then the configuration."""
    key = json.loads(a.ctl("import-key", t.pki.gw.key, "--json"))["id"]
    config = json.loads(a.ctl("config"))
    config["identities"] = {"gw": {"certificate": text(t.pki.gw.chain), "key": key}}
    config["trust"] = {"partners": {"anchors": [text(t.pki.root.pem)],
                                    "crls": [text(t.pki.root_crl), text(t.pki.inter_crl)]}}
    config["links"] = {"in": {
        "listen": {"address": ["0.0.0.0:%d" % LINK],
                   "tls": {"identity": "gw", "trust": "partners", "peers": [{"uri": "spiffe://partner.example/*"}]}},
        "forward": {"to": ["10.0.2.2:%d" % to]}, "engine": "ktls"}}
    path = os.path.join(t.dir, "config.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(config, f)
    a.ctl("apply", path)


def carries(s, size):
    data = os.urandom(size)
    equal(hashlib.sha256(exchange(s, [data])).hexdigest(), hashlib.sha256(data).hexdigest(), "what came back")


def refused(t, port, cert):
    """Is a connection with this certificate turned away?"""
    try:
        with connect(t, port, cert) as s:
            s.sendall(b"x")
            return s.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True


@test("from the first boot over enrolment, a link with kernel TLS, traffic and a revocation to a power cut that loses nothing", timeout=3600)
def story(t):
    server = t.server()
    # Now, for a machine knows the time to the second: it may be behind one who issues.
    cut = t.pki.inter.issue("cut", "URI:spiffe://partner.example/cut")
    a = appliance(t, LINK).boot().wait_ready()
    print("    ready after %.0f s" % a.ready_s, flush=True)
    port = next(h for h, g in a.forwards.items() if g == LINK)
    token = administrator(a)
    expect(a.enroll("eve", token).returncode != 0, "the token works once")
    make_link(t, a, server.port)
    with connect(t, port, t.pki.client) as stays, connect(t, port, cut) as goes:
        carries(stays, 1 << 20)
        carries(goes, 100000)
        sessions = a.json("sessions")["sessions"]
        equal([(s["outer"]["engine_rx"], s["outer"]["engine_tx"]) for s in sessions if s["link"] == "in"], [("ktls", "ktls")] * 2)
        t.pki.inter.revoke(cut)
        a.ctl("crl", "partners", t.pki.inter.crl())
        goes.settimeout(60)
        try:
            equal(goes.recv(1), b"", "the revoked peer's session")
        except (ssl.SSLError, ConnectionError):
            pass
        carries(stays, 1000)
    expect(refused(t, port, cut), "a revoked peer comes back")
    revision = a.json("status")["revision"]
    a.kill()
    a.boot().wait_ready()
    equal(a.json("status")["revision"], revision)
    equal(a.ctl("audit-verify", check=False).returncode, 0)
    expect("\ntoken " not in a.console(), "an administrator is there, so no token is shown")
    with connect(t, port, t.pki.client) as s:
        carries(s, 100000)
    expect(refused(t, port, cut), "a revoked peer comes back after the reboot")

