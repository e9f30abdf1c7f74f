"""Goal: REST tells what lives on the gateway, explains verdicts, and takes lists that act at once."""
import json
import os
import re
import select
import signal
import socket
import ssl
import time

from gateway import Gateway
from harness import equal, expect, free_port, need, test
from pki import CA, PKI
from t_api import gateway
from t_operate import connect


@test("metrics are what Prometheus reads: each family described once, every sample a number, labels as configured")
def metrics(t):
    g = gateway(t)
    with connect(t, g.port) as s:
        s.sendall(b"x" * 1000)
        s.recv(1000)
        status, headers, text = g.api("GET", "/metrics")
        equal((status, headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
    types, seen = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            expect(name not in types, "%s is described twice" % name)
            types[name] = kind
        elif not line.startswith("#"):
            name = re.match(r"([a-z_]+)(\{[^}]*\})? ", line).group(1)
            expect(name in types and (types[name] != "counter" or name.endswith("_total")), line)
            seen[line.rsplit(" ", 1)[0]] = float(line.rsplit(" ", 1)[1])
    equal(seen['penstock_link_sessions{link="in"}'], 1)
    equal(seen['penstock_link_bytes_total{link="in",direction="up"}'], 1000)
    equal((seen["penstock_config_revision"], seen["penstock_store_up"], seen["penstock_workers_missing"]), (1, 1, 0))
    expect(any(k.startswith("penstock_expiry_timestamp_seconds{") and v > time.time() for k, v in seen.items()), "what runs out")


@test("live peers are the sessions by certificate chain, in pages")
def peers(t):
    g = gateway(t)
    other = t.pki.inter.issue("second", "URI:spiffe://partner.example/client", "clientAuth")
    held = [connect(t, g.port), connect(t, g.port)]
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.load_verify_locations(t.pki.root.pem)
    ctx.load_cert_chain(other.chain, other.key)
    held.append(ctx.wrap_socket(socket.create_connection(("127.0.0.1", g.port), timeout=10), server_hostname="gw.test"))
    for s in held:
        s.sendall(b"x")
        equal(s.recv(1), b"x")
    rows = g.api("GET", "/api/v1/peers")[2]["items"]
    equal(sorted((r["link"], r["side"], r["sessions"], r["up_bytes"]) for r in rows), [("in", "listen", 1, 1), ("in", "listen", 2, 2)])
    page = g.api("GET", "/api/v1/peers?limit=1")[2]
    equal(page["items"] + g.api("GET", "/api/v1/peers?cursor=" + page["next"])[2]["items"], rows)
    equal(g.api("GET", "/api/v1/peers?link=none")[2]["items"], [])
    known = {r["certificate_sha256"]: r for r in rows}
    for cert in (t.pki.client, other):
        row = known[cert.fingerprint()]
        equal((row["key"], row["signature"], row["peer"]), ("EC256", "ecdsa-with-SHA256", "spiffe://partner.example/client"))
        equal((row["spki_sha256"], row["serial"].lstrip("0"), row["until"]), (cert.spki_sha256(), cert.serial().lower().lstrip("0"), row["not_after"]))


@test("sessions come in pages without one twice or missed, while others come and go, and filters count")
def session_pages(t):
    g = gateway(t)
    port = int(g.api("GET", "/api/v1/links/in")[2]["listen"]["address"][0].split(":")[1])
    stay = [connect(t, port) for _ in range(40)]
    g.wait(lambda: len(g.sessions()) == 40, 10, "sessions")
    wanted = {s["id"] for s in g.sessions()}
    seen, cursor, passing = [], "", []
    while True:
        page = g.api("GET", "/api/v1/sessions?limit=7" + cursor)[2]
        seen += [s["id"] for s in page["sessions"]]
        expect(len(page["sessions"]) <= 7, page)
        passing.append(connect(t, port))
        if len(passing) > 3:
            passing.pop(0).close()
        if "next" not in page:
            break
        cursor = "&cursor=" + page["next"]
    equal(len(seen), len(set(seen)))
    expect(wanted <= set(seen), "missed: %s" % (wanted - set(seen)))
    equal(g.api("GET", "/api/v1/sessions?link=none")[2]["sessions"], [])
    equal(len(g.api("GET", "/api/v1/sessions?limit=3&link=in")[2]["sessions"]), 3)
    for bad in ("x", "12", "0" * 15 + "g", "0" * 17, ""):
        equal(g.api("GET", "/api/v1/sessions?cursor=" + bad)[0], 400, bad)
    for s in stay:
        s.close()


@test("the inventory names every certificate, list, protocol and cipher in use")
def inventory(t):
    g = gateway(t)
    with connect(t, g.port) as s:
        s.sendall(b"x")
        s.recv(1)
        found = g.api("GET", "/api/v1/inventory")[2]
    leaf = found["identities"]["gw"]["chain"][0]
    equal((leaf["subject"], leaf["key"], leaf["key_bits"], len(leaf["sha256"])), ("O=Penstock Test,CN=gw", "EC", 256, 64))
    expect(leaf["not_after"] > time.strftime("%Y-%m-%d"), leaf)
    equal([a["subject"] for a in found["trust"]["partners"]["anchors"]], ["O=Penstock Test,CN=root"])
    equal(sorted(c["issuer"] for c in found["trust"]["partners"]["crls"]), ["O=Penstock Test,CN=inter", "O=Penstock Test,CN=root"])
    equal(found["live"]["version"], {"1.3": 1})
    equal(list(found["live"]["suite"].values()), [1])
    equal(json.loads(g.ctl("inventory", "--json"))["identities"], found["identities"])


def read(path):
    with open(path) as f:
        return f.read()


@test("explain says of any chain what the handshake would say, with the rule or every reason")
def explain(t):
    g = gateway(t)
    stranger = CA(t.dir, "stranger")
    ask = lambda body, link="in": g.api("POST", "/api/v1/links/%s/explain" % link, body)  # noqa: E731
    status, _, good = ask({"chain": read(t.pki.client.chain)})
    equal((status, good["verdict"], good["rule"], good["matched"], good["revision"]),
          (200, "allow", 0, {"uri": "spiffe://partner.example/client"}, 1))
    expect(good["until"] > time.time(), "until when")
    equal(ask(read(t.pki.client.chain).encode())[2]["verdict"], "allow")
    for cert, reason in ((stranger.issue("c", "URI:spiffe://partner.example/client", "clientAuth"), "unknown_ca"),
                         (t.pki.server, "eku"), (t.pki.inter.issue("x", "URI:spiffe://partner.example/else", "clientAuth"), "no_rule")):
        verdict = ask({"chain": read(cert.chain if hasattr(cert, "chain") else cert.pem)})[2]
        equal(verdict["verdict"], "deny")
        expect(reason in [r["reason"] for r in verdict["reasons"]] and all(r["text"] for r in verdict["reasons"]), verdict)
        so_far = len(g.events("refused"))
        try:  # and the handshake says the same first
            ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            ctx.load_verify_locations(t.pki.root.pem)
            ctx.load_cert_chain(getattr(cert, "chain", cert.pem), cert.key)
            with ctx.wrap_socket(socket.create_connection(("127.0.0.1", g.port), timeout=10), server_hostname="gw.test") as s:
                s.recv(1)
        except (ssl.SSLError, ConnectionError):
            pass
        equal(g.wait_event("refused", count=so_far + 1)["reason"], verdict["reasons"][0]["reason"])
    later = ask({"chain": read(t.pki.client.chain), "time": "2090-01-01T00:00:00Z"})[2]
    equal(later["verdict"], "deny")
    expect(len(later["reasons"]) >= 2 and "expired" in [r["reason"] for r in later["reasons"]], later)
    for body, status in (({"chain": "x"}, 422), ({}, 400), ({"chain": read(t.pki.client.chain), "time": "soon"}, 400),
                         ({"chain": read(t.pki.client.chain), "side": "left"}, 400), (b"", 400), ({"chain": 7}, 400),
                         ({"chain": read(t.pki.client.key)}, 422), ({"chain": read(t.pki.client.chain) * 60}, 422)):
        equal(ask(body)[0], status, str(body)[:60])
    equal(ask({"chain": read(t.pki.client.chain)}, "none")[0], 404)
    equal(ask({"chain": read(t.pki.client.chain), "side": "forward"})[0], 404)
    expect(g.ctl("explain", "in", t.pki.client.chain).startswith("allow  by rule 0, until 20"), "for people")
    r = g.ctl("explain", "in", t.pki.client.chain, "--time", "2090-01-01T00:00:00Z", check=False)
    equal(r.returncode, 1)
    expect(r.stdout.startswith("deny") and "expired" in r.stdout, r.stdout)
    for pid in g.children()["penstock-handshake"]:
        os.kill(pid, signal.SIGKILL)  # the judge too
    g.wait(lambda: ask({"chain": read(t.pki.client.chain)})[2].get("verdict") == "allow", 10, "another judge")


def with_leaver(t):
    """A gateway with certificates of its own, one of which is to be revoked."""
    pki = PKI(os.path.join(t.dir, "own-pki"))
    leaver = pki.inter.issue("leaver", "URI:spiffe://partner.example/client", "clientAuth")
    config = t.terminate_config(t.server().address, free_port(), pki=pki)
    g = Gateway(t.dir, config)
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    port = int(config["links"]["in"]["listen"]["address"][0].split(":")[1])
    return g, pki, leaver, port


@test("an uploaded CRL takes its issuer's place and ends exactly the sessions that it must, within a second")
def crl_upload(t):
    g, pki, leaver, port = with_leaver(t)

    def dial(cert):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.load_verify_locations(pki.root.pem)
        ctx.load_cert_chain(cert.chain, cert.key)
        s = ctx.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname="gw.test")
        s.sendall(b"x")
        equal(s.recv(1), b"x")
        return s

    stays, goes = dial(pki.client), dial(leaver)
    with open(pki.inter_crl, "rb") as f:
        old = f.read()
    pki.inter.revoke(leaver)
    with open(pki.inter.crl(), "rb") as f:
        new = f.read()
    der = ssl.PEM_cert_to_DER_cert(new.decode().replace("X509 CRL", "CERTIFICATE"))

    def post(body, trust="partners", tag=None):
        tag = tag or g.api("GET", "/api/v1/trust/partners")[1]["ETag"]
        return g.api("POST", "/api/v1/trust/%s/crls" % trust, body, {"If-Match": tag})

    equal(g.api("POST", "/api/v1/trust/partners/crls", new)[0], 428)
    equal(post(new, tag='"old"')[0], 412)
    equal(post(new, trust="none")[0], 404)
    equal(post(b"no list")[0], 422)
    equal(post(new + old)[0], 422)
    count = len(g.api("GET", "/api/v1/trust/partners")[2]["crls"])
    start = time.monotonic()
    status, headers, trust = post(der)
    equal((status, len(trust["crls"])), (200, count), trust)
    equal(g.wait_event("session_closed", timeout=5)["reason"], "revoked")
    expect(time.monotonic() - start < (10 if os.environ.get("PENSTOCK_VM") else 5), "the cut")
    stays.sendall(b"y")
    equal(stays.recv(1), b"y")
    equal(len(g.events("session_closed")), 1)
    path = os.path.join(t.dir, "old.crl")
    with open(path, "wb") as f:
        f.write(old)
    r = g.ctl("crl", "partners", path, check=False)
    equal((r.returncode, "newer" in r.stderr), (1, True), r.stderr)
    g.ctl("crl", "partners", pki.inter.crl())  # the next one
    equal(g.ctl("crl", "partners", "/nonexistent", check=False).returncode, 2)
    status, _, problem = post(old)
    equal((status, "newer" in problem["detail"]), (409, True), problem)
    rows = g.api("GET", "/api/v1/audit")[2]["items"]  # what it cut may stand there by now, too
    equal([r["action"] for r in rows if r["action"] != "sessions.cut"][0], "trust.crl")
    goes.close()


def private_kb(g):
    """Of all processes but the sealed tables that they share."""
    total = 0
    for pids in g.children().values():
        for pid in pids:
            with open("/proc/%d/smaps_rollup" % pid) as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith(("Private_Dirty:", "Private_Clean:")))
    return total


@test("a list of 100,000 entries comes again and again: traffic goes on, each listed certificate is known, and no memory stays", timeout=120, alone=True)
def large_list(t):
    need(not os.environ.get("PENSTOCK_VM") and "PENSTOCK_BIN" not in os.environ, "a sanitizer's memory is not the gateway's, and an emulator takes minutes")
    g, pki, leaver, port = with_leaver(t)
    others = ["%040x" % (0x4000000000000000000000000000000000000000 + i * 7919) for i in range(100000)]
    kept = dict(pki=pki, ctx=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    kept["ctx"].load_verify_locations(pki.root.pem)
    kept["ctx"].load_cert_chain(pki.client.chain, pki.client.key)
    with kept["ctx"].wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname="gw.test") as live:
        live.sendall(b"x")
        equal(live.recv(1), b"x")
        sizes = []
        for i in range(6):
            pki.inter.revoked = others[i:]
            with open(pki.inter.crl(), "rb") as f:
                der = ssl.PEM_cert_to_DER_cert(f.read().decode().replace("X509 CRL", "CERTIFICATE"))
            expect(len(der) > 3500000, "its size")
            tag = g.api("GET", "/api/v1/trust/partners")[1]["ETag"]
            conn = g.api_start("POST", "/api/v1/trust/partners/crls", der, {"If-Match": tag})
            echoes = 0
            while not select.select([conn.sock], [], [], 0)[0]:
                live.sendall(b"y")
                equal(live.recv(1), b"y")
                echoes += 1
            equal(conn.getresponse().status, 200)
            expect(echoes > 0, "traffic went on while it was applied")
            sizes.append(private_kb(g))
        expect(sizes[-1] - sizes[1] < 4096, "growth that stays, KB: %s" % sizes)
        pki.inter.revoke(leaver)
        with open(pki.inter.crl(), "rb") as f:
            equal(g.api("POST", "/api/v1/trust/partners/crls", f.read(), {"If-Match": g.api("GET", "/api/v1/trust/partners")[1]["ETag"]})[0], 200)
        equal(g.api("POST", "/api/v1/links/in/explain", {"chain": read(leaver.chain)})[2]["reasons"][0]["reason"], "revoked")
        equal(g.api("POST", "/api/v1/links/in/explain", {"chain": read(pki.client.chain)})[2]["verdict"], "allow")
        live.sendall(b"z")
        equal(live.recv(1), b"z")
