"""Goal: log lines and audit rows reach a collector by syslog over TLS, both ends proven, and no collector ever slows the gateway."""
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

from harness import equal, expect, free_port, need, test
from pki import CA
from t_keys import client, echoes


class Collector:
    """RFC 5425: TLS with a client certificate, frames by octet counting. `hold` stops it from reading."""

    def __init__(self, ca, cert, port=0, hold=False):
        self.ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ctx.load_cert_chain(cert.pem, cert.key)
        self.ctx.load_verify_locations(ca)
        self.ctx.verify_mode = ssl.CERT_REQUIRED
        self.hold, self.messages, self.peers, self.bad, self.conns = hold, [], [], [], []
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.sock.bind(("127.0.0.1", port))
        self.sock.listen(8)
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        try:
            tls = self.ctx.wrap_socket(conn, server_side=True)
            self.conns.append(tls)
            self.peers.append(tls.getpeercert())
            data = b""
            while True:
                while self.hold:
                    time.sleep(0.05)
                more = tls.recv(65536)
                if not more:
                    break
                data = self.take(data + more)
        except OSError as e:
            self.bad.append(str(e))

    def take(self, data):
        while True:
            m = re.match(rb"([1-9][0-9]{0,4}) ", data)
            if not m:
                expect(len(data) < 6, data[:40])
                return data
            n = int(m.group(1))
            if len(data) < m.end() + n:
                return data
            self.messages.append(data[m.end():m.end() + n].decode())
            data = data[m.end() + n:]

    def has(self, *words):
        return any(all(w in msg for w in words) for msg in list(self.messages))

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        for tls in self.conns:
            try:
                tls.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            tls.close()


def shipping(t, collector):
    """A gateway whose lines go to the collector."""
    return t.terminate(t.server().address, log={"syslog": {"to": "127.0.0.1:%d" % collector.port, "identity": "gw",
                                                          "trust": "logs", "server_name": "logs.test"}})


def partners(t):
    """The file with the CA of the gateway's own identity, for a collector."""
    return t.pki.root.pem


def with_trust(t, ca):
    plain = t.terminate_config

    def config(*args, **kw):
        made = plain(*args, **kw)
        made["trust"]["logs"] = {"anchors": [ca.pem], "crls": [ca.crl()]}
        return made
    t.terminate_config = config


@test("lines of every process and audit rows arrive in order; a collector that restarts gets the rest, another name or CA nothing", 120)
def arrives(t):
    ca, other = CA(t.dir, "logs-ca"), CA(t.dir, "other-ca")
    good = ca.issue("logs", "DNS:logs.test", "serverAuth")
    with_trust(t, ca)
    ours = partners(t)
    first = Collector(ours, good)
    g = shipping(t, first)
    g.wait(lambda: first.has("penstock launcher revision_applied"), 20, "the launcher's line")
    expect(echoes(client(t, g.port)), "the link")
    g.wait(lambda: first.has("<134>1 20", "penstock dataplane session_closed - ", "link=in"), 20, "a session's line")
    key = g.api("POST", "/api/v1/keys", {"kind": "ec-p256"})[2]["id"]
    g.wait(lambda: first.has("<109>1 20", "penstock mgmt audit - {", '"keys.make"', key), 20, "the audit row")
    expect(first.peers and "gw" in json.dumps(first.peers[0]), first.peers)
    times = [m.split(" ")[1] for m in first.messages if " mgmt " in m and m.split(" ")[1].endswith("Z") and "." in m]
    equal(times, sorted(times))
    first.close()
    for cert in (ca.issue("wrong", "DNS:wrong.test", "serverAuth"), other.issue("forged", "DNS:logs.test", "serverAuth")):
        bad = Collector(ours, cert, port=first.port)
        g.wait(lambda: bad.bad, 30, "a refusal of " + cert.pem)
        equal(bad.messages, [])
        bad.close()
    second = g.api("POST", "/api/v1/keys", {"kind": "ec-p256"})[2]["id"]
    again = Collector(ours, good, port=first.port)
    g.wait(lambda: again.has("audit", second), 60, "what waited")
    expect("penstock_log_connected 1" in g.api("GET", "/metrics")[2], "the metric")
    again.close()


@test("a collector that stops reading is waited for by nobody, and gets what it missed when it reads on", 120)
def hangs(t):
    ca = CA(t.dir, "logs-ca")
    with_trust(t, ca)
    c = Collector(partners(t), ca.issue("logs", "DNS:logs.test", "serverAuth"))
    g = shipping(t, c)
    g.wait(lambda: c.messages, 20, "the first line")
    c.hold = True
    before = client(t, g.port)
    for _ in range(20):
        last = g.api("POST", "/api/v1/keys", {"kind": "ed25519"})[2]["id"]
    expect(echoes(before) and echoes(client(t, g.port)), "the link while the collector hangs")
    expect(g.status()["log_shipping"]["connected"] and not c.has(last), "it holds")
    c.hold = False
    g.wait(lambda: c.has("audit", last), 30, "what it missed")
    for change, pointer in (({"identity": "nobody"}, "/log/syslog/identity"), ({"trust": "nobody"}, "/log/syslog/trust"),
                            ({"to": "no port"}, "/log/syslog/to/0"), ({"server_name": "*.test"}, "/log/syslog/server_name")):
        status, _, problem = g.api("PATCH", "/api/v1/config", {"log": {"syslog": change}}, {"If-Match": "*"})
        equal((status, problem["pointer"]), (422, pointer), problem)
    c.close()


RSYSLOG = """
global(workDirectory="%(dir)s" DefaultNetstreamDriver="ossl" DefaultNetstreamDriverCAFile="%(ca)s"
       DefaultNetstreamDriverCertFile="%(cert)s" DefaultNetstreamDriverKeyFile="%(key)s")
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name" PermittedPeer=["gw.test"])
input(type="imtcp" address="127.0.0.1" port="%(port)d")
template(name="t" type="string" string="%%pri-text%% %%app-name%% %%procid%% %%msgid%% %%msg%%\\n")
action(type="omfile" file="%(dir)s/rsyslog.out" template="t")
"""


@test("rsyslog takes the lines and the audit as they are meant, with its own TLS and its own reading of the frames", 120)
def rsyslog(t):
    program = os.environ.get("RSYSLOGD") or shutil.which("rsyslogd", path=os.environ["PATH"] + ":/usr/sbin")
    need(program, "there is no rsyslogd (rsyslog, rsyslog-openssl)")
    ca = CA(t.dir, "logs-ca")
    with_trust(t, ca)
    cert, port = ca.issue("logs", "DNS:logs.test", "serverAuth"), free_port()
    conf, out = os.path.join(t.dir, "rsyslog.conf"), os.path.join(t.dir, "rsyslog.out")
    with open(conf, "w") as f:
        f.write(RSYSLOG % {"dir": t.dir, "ca": partners(t), "cert": cert.pem, "key": cert.key, "port": port})
    said = open(os.path.join(t.dir, "rsyslog.said"), "wb")
    more = ["-M", os.environ["RSYSLOG_MODULES"]] if "RSYSLOG_MODULES" in os.environ else []
    daemon = subprocess.Popen([program, "-n", "-f", conf, "-i", "NONE", *more], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    t.defer(daemon.kill)
    c = type("Port", (), {"port": port})
    g = shipping(t, c)
    text = lambda: open(out, errors="replace").read() if os.path.exists(out) else ""
    g.wait(lambda: daemon.poll() is not None or "local0.info penstock launcher revision_applied revision=1" in text(), 30,
           "a line in:\n" + text() + open(said.name, errors="replace").read())
    key = g.api("POST", "/api/v1/keys", {"kind": "ed25519"})[2]["id"]
    g.wait(lambda: any(line.startswith("audit.notice penstock mgmt audit {") and key in line for line in text().splitlines()), 30,
           "the audit row in:\n" + text() + open(said.name, errors="replace").read())
