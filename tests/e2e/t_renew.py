"""Goal: revocation lists come by themselves, and only genuine ones; certificates are renewed before they end, with keys that stay inside."""
import base64
import http.server
import os
import socket
import ssl
import threading
import time

from harness import equal, expect, free_port, recv_exactly, test
from pki import CA, openssl
from t_first_light import client_context


class Web:
    """An HTTP server whose answers a test sets: path -> (status, headers, body or a function that writes to the socket)."""

    def __init__(self, t):
        answers, seen = self.answers, self.seen = {}, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                seen.append((self.path, dict(self.headers)))
                status, headers, body = answers.get(self.path, (404, {}, b""))
                if callable(body):
                    body(self)
                    self.close_connection = True
                    return
                if headers.get("ETag") and self.headers.get("If-None-Match") == headers["ETag"]:
                    status, body = 304, b""
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        t.defer(lambda: (self.server.shutdown(), self.server.server_close()))


def connect(t, port, cert=None):
    ctx = client_context(t.pki, cert or t.pki.client)
    tls = ctx.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname="gw.test")
    tls.sendall(b"x")
    recv_exactly(tls, 1)
    return tls


def result(g):
    return {row["url"].rsplit("/", 1)[1]: row for row in g.api("GET", "/api/v1/schedule")[2]["crls"]}


def fetch(g, web, name="inter.crl"):
    """Fetch now, and wait for what comes of it."""
    def asked():
        return len([path for path, _ in web.seen if path == "/" + name])

    before = asked()
    equal(g.api("POST", "/api/v1/trust/partners/fetch")[0], 202)
    g.wait(lambda: asked() > before and not result(g)[name]["busy"] and result(g)[name]["next_at"] > time.time(), 20, "an answer")
    return result(g)[name]["result"]


def read(path):
    with open(path, "rb") as f:
        return f.read()


def fetching(t, **more):
    """A gateway that fetches the lists of root and intermediate."""
    web = Web(t)
    web.answers["/root.crl"] = (200, {}, read(t.pki.root.crl(path=t.dir + "/root.crl")))
    web.answers["/inter.crl"] = (200, {"ETag": '"1"'}, read(t.pki.inter.crl(path=t.dir + "/inter.crl")))
    config = t.terminate_config(t.server().address, free_port())
    trust = config["trust"]["partners"]
    del trust["crls"]
    trust["crl_urls"] = [web.url + "/root.crl", web.url + "/inter.crl"]
    trust["crl_issuers"] = [t.pki.inter.pem]
    trust.update(more)
    from gateway import Gateway
    g = Gateway(t.dir, config)
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    g.port = int(config["links"]["in"]["listen"]["address"][0].split(":")[1])
    return g, web


@test("lists are fetched at the start, again when asked, and a revoked certificate's session ends; an unchanged list changes nothing")
def fetched(t):
    bob = t.pki.inter.issue("bob-fetch", "URI:spiffe://partner.example/client", "clientAuth")
    g, web = fetching(t)
    g.wait(lambda: len([r for r in result(g).values() if "applied" in r["result"]]) == 2, 20, "both lists")
    live, stay = connect(t, g.port, bob), connect(t, g.port)
    equal(fetch(g, web), "as before")
    equal(web.seen[-1][1].get("If-None-Match") or web.seen[-2][1].get("If-None-Match"), '"1"')
    revision = g.status()["revision"]
    t.pki.inter.revoke(bob)
    t.defer(lambda: bob.serial() in t.pki.inter.revoked and t.pki.inter.revoked.remove(bob.serial()))
    web.answers["/inter.crl"] = (200, {"ETag": '"2"'}, read(t.pki.inter.crl(path=t.dir + "/inter.crl")))
    expect("applied" in fetch(g, web), result(g))
    try:
        equal(live.recv(10), b"")
    except ssl.SSLError as e:
        expect("REVOKED" in str(e), e)
    stay.sendall(b"y")
    equal(recv_exactly(stay, 1), b"y")
    equal(g.status()["revision"], revision + 1)
    row = [r for r in g.api("GET", "/api/v1/audit")[2]["items"] if r["action"] == "trust.crl.fetched"][0]
    equal((row["actor"], row["result"]), ("penstock", "applied"))
    now = time.time()
    expect(now < result(g)["inter.crl"]["next_at"] <= now + 3700, result(g))


@test("a list that is forged, old, of somebody else, too large, too late or none is not taken, and what runs stays")
def not_taken(t):
    g, web = fetching(t)
    g.wait(lambda: len([r for r in result(g).values() if "applied" in r["result"]]) == 2, 20, "both lists")
    revision = g.status()["revision"]
    good = web.answers["/inter.crl"][2]
    forged = CA(t.dir, "inter", subject="/O=Penstock Test/CN=inter")  # the same name, another key
    old = good
    newest = read(t.pki.inter.crl(path=t.dir + "/inter.crl"))
    web.answers["/inter.crl"] = (200, {}, newest)
    expect("applied" in fetch(g, web), result(g))
    revision += 1

    def dribble(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")

    def cut_off(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + good[:100])

    for answer, words in (((200, {}, read(forged.crl(path=t.dir + "/forged.crl"))), "signature can not be checked"),
                          ((200, {}, old), "newer list"), ((200, {}, b"<html>login</html>"), ""), ((200, {}, b""), ""),
                          ((404, {}, b"gone"), "404"), ((503, {"Retry-After": "7200"}, b""), "503"),
                          ((302, {"Location": "file:///etc/passwd"}, b""), "rotocol"),
                          ((302, {"Location": "/inter.crl"}, b""), "redirect"),
                          ((200, {}, dribble), "more than"), ((200, {}, cut_off), ""),
                          ((200, {}, good + newest), "lists")):
        web.answers["/inter.crl"] = answer
        got = fetch(g, web)
        expect(words in got, "%s: %s" % (words, got))
        row = result(g)["inter.crl"]
        expect(row["failures"] and row["next_at"] > time.time(), row)
        if answer[0] == 503:
            expect(row["next_at"] > time.time() + 3600, row)
    equal(g.status()["revision"], revision)
    expect(len(g.events("crl_not_fetched")) == 11, g.events("crl_not_fetched"))
    connect(t, g.port)


@test("a commit that nobody confirms goes back though a list was fetched meanwhile, and the list stays")
def fetched_unconfirmed(t):
    g, web = fetching(t)
    g.wait(lambda: len(g.api("GET", "/api/v1/trust/partners")[2].get("crls", [])) == 2, 20, "both lists")
    status, headers, _ = g.api("PATCH", "/api/v1/config/candidate", {"links": {"in": {"limits": {"sessions": 5}}}}, {"If-None-Match": "*"})
    equal(g.api("POST", "/api/v1/config/commit?confirm=4", None, {"If-Match": headers["ETag"]})[0], 200)
    before = g.api("GET", "/api/v1/trust/partners")[2]["crls"]
    web.answers["/inter.crl"] = (200, {"ETag": '"2"'}, read(t.pki.inter.crl(path=t.dir + "/inter.crl")))
    fetch(g, web)
    fresh = g.api("GET", "/api/v1/trust/partners")[2]["crls"]
    expect(fresh != before, "a new list runs")
    g.wait(lambda: "limits" not in g.api("GET", "/api/v1/links/in")[2], 20, "the way back")
    equal(g.api("GET", "/api/v1/trust/partners")[2]["crls"], fresh)


@test("what is no address to fetch from is refused with its pointer, and a trust without any has nothing to fetch")
def refused(t):
    g = t.terminate(t.server().address)
    equal(g.api("POST", "/api/v1/trust/partners/fetch")[0], 404)
    for value, pointer in ((["ftp://x/y"], "/trust/partners/crl_urls/0"), (["http://u:p@x/"], "/trust/partners/crl_urls/0"),
                           (["http://x/ y"], "/trust/partners/crl_urls/0"), ("http://x", "/trust/partners/crl_urls")):
        tag = g.api("GET", "/api/v1/trust/partners")[1]["ETag"]
        status, _, problem = g.api("PATCH", "/api/v1/trust/partners", {"crl_urls": value}, {"If-Match": tag})
        equal((status, problem["pointer"]), (422, pointer), problem)


class Est:
    """An EST server (RFC 7030) on OpenSSL: mTLS, /cacerts, /simpleenroll, /simplereenroll; `hook` may answer in its place."""

    def __init__(self, t, ca=None, host="est.test"):
        self.t, self.ca, self.hook, self.seen, self.n = t, ca or t.pki.inter, None, [], 0
        server = self.ca.issue("est-server", "DNS:localhost", "serverAuth")
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, body=b"", headers=None):
                self.send_response(status)
                for key, value in (headers or {}).items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                outer.serve(self, b"")

            def do_POST(self):
                outer.serve(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(server.chain, server.key)
        ctx.load_verify_locations(t.pki.root.pem)
        ctx.verify_mode = ssl.CERT_REQUIRED
        self.server.socket = ctx.wrap_socket(self.server.socket, server_side=True)
        self.url = "https://localhost:%d/.well-known/est" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        t.defer(lambda: (self.server.shutdown(), self.server.server_close()))

    def certs(self, *pems):
        path = os.path.join(self.t.dir, "bundle.pem")
        with open(path, "w") as f:
            f.write("".join(pems))
        der = openssl("crl2pkcs7", "-nocrl", "-certfile", path, "-outform", "DER")
        return base64.encodebytes(der)

    def sign(self, body, days="30"):
        self.n += 1
        path = os.path.join(self.t.dir, "est%d" % self.n)
        with open(path + ".csr", "wb") as f:
            f.write(base64.b64decode(body))
        with open(path + ".ext", "w") as f:
            f.write("basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n")
        return openssl("x509", "-req", "-inform", "DER", "-in", path + ".csr", "-CA", self.ca.pem, "-CAkey", self.ca.key,
                       "-set_serial", str(time.time_ns()), "-days", days, "-sha256", "-copy_extensions", "copyall", "-extfile",
                       path + ".ext").decode()

    def serve(self, h, body):
        operation = h.path.rsplit("/", 1)[1]
        names = dict(x[0] for x in h.connection.getpeercert()["subject"])
        self.seen.append((operation, names.get("commonName"), dict(h.headers)))
        if self.hook and self.hook(h, operation, body):
            return
        kind = {"Content-Type": "application/pkcs7-mime; smime-type=certs-only", "Content-Transfer-Encoding": "base64"}
        if operation == "cacerts":
            h.answer(200, self.certs(open(self.ca.pem).read(), open(self.t.pki.root.pem).read()), kind)
        elif operation in ("simplereenroll", "simpleenroll"):
            equal((h.headers["Content-Type"], h.headers["Content-Transfer-Encoding"]), ("application/pkcs10", "base64"))
            h.answer(200, self.certs(self.sign(body)), kind)
        else:
            h.answer(404)


def renewing(t, est, identity=None, days=365, **dates):
    """A gateway whose identity renews itself."""
    gw = t.pki.inter.issue("gw-renew", "DNS:gw.test,URI:spiffe://bank/gw,IP:192.0.2.9", "serverAuth,clientAuth", days=days, **dates)
    config = t.terminate_config(t.server().address, free_port())
    config["identities"]["gw"] = {"certificate": gw.chain, "key": gw.key, "renew": {"est": est.url, "trust": "partners"}}
    if identity:
        factory = t.pki.inter.issue("factory", "DNS:factory.test", "clientAuth")
        config["identities"]["factory"] = {"certificate": factory.chain, "key": factory.key}
        config["identities"]["gw"]["renew"]["identity"] = "factory"
    from gateway import Gateway
    g = Gateway(t.dir, config)
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    g.port = int(config["links"]["in"]["listen"]["address"][0].split(":")[1])
    return g, gw


def renewal(g):
    return g.api("GET", "/api/v1/schedule")[2]["renewals"][0]


def presented(t, port):
    with connect(t, port) as tls:
        return ssl.DER_cert_to_PEM_cert(tls.getpeercert(True))


@test("an identity renews itself by EST over a link of the gateway's own, with a new key and the same names, and nobody notices")
def renewed(t):
    est = Est(t)
    g, gw = renewing(t, est)
    live = connect(t, g.port)
    row = renewal(g)
    life = row["not_after"] - time.time()
    expect(0.6 * life < row["next_at"] - time.time() < 0.68 * life, row)
    equal(g.api("POST", "/api/v1/identities/gw/renew")[0], 202)
    g.wait_event("renewed", identity="gw")
    row = renewal(g)
    expect("renewed with revision 2" in row["result"] and row["failures"] == 0 and row["next_at"] > time.time() + 86400, row)
    equal([(s[0], s[1]) for s in est.seen], [("simplereenroll", "gw-renew"), ("cacerts", "gw-renew")])
    text = openssl("x509", "-noout", "-text", data=presented(t, g.port).encode()).decode().replace(" = ", "=")
    for words in ("CN=gw-renew", "O=Penstock Test", "DNS:gw.test", "URI:spiffe://bank/gw", "IP Address:192.0.2.9"):
        expect(words in text, text)
    old = openssl("x509", "-in", gw.pem, "-noout", "-pubkey")
    expect(openssl("x509", "-noout", "-pubkey", data=presented(t, g.port).encode()) != old, "the same key")
    live.sendall(b"y")
    equal(recv_exactly(live, 1), b"y")
    rows = [r["action"] for r in g.api("GET", "/api/v1/audit")[2]["items"]]
    expect("identity.renew" in rows, rows)
    identity = g.api("GET", "/api/v1/identities/gw")[2]
    expect(identity["key"].startswith("spki:") and identity["renew"]["trust"] == "partners", identity)
    chain = [c["subject"] for c in g.api("GET", "/api/v1/inventory")[2]["identities"]["gw"]["chain"]]
    equal(len(chain), 2, chain)  # the intermediate came by cacerts; the root stays away
    equal([l["link"] for l in g.status()["links"]], ["in", "penstock.renew.gw"])
    for pid in g.children()["penstock-mgmt"]:
        os.kill(pid, 9)
    g.wait(lambda: g.api("GET", "/healthz")[0] == 200 and g.status()["revision"] == 2, 20, "the next management")
    expect(renewal(g)["next_at"] > time.time() + 86400, renewal(g))


@test("a certificate past two thirds of its life is renewed at once; with another identity it is a first enrolment")
def by_itself(t):
    est = Est(t)
    start = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() - 7 * 86400))
    end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 3 * 86400))
    g, _ = renewing(t, est, identity="factory", start=start, end=end)
    g.wait_event("renewed", identity="gw", timeout=20)
    equal([(s[0], s[1]) for s in est.seen], [("simpleenroll", "factory"), ("cacerts", "factory")])
    expect(renewal(g)["not_after"] > time.time() + 20 * 86400, renewal(g))


@test("what an EST server should not say changes nothing, is told, and is tried again; one that needs time is asked again")
def not_renewed(t):
    est = Est(t)
    g, _ = renewing(t, est)
    before = g.status()["revision"]
    other = t.pki.inter.issue("other-key", "DNS:gw.test", "serverAuth,clientAuth")
    web = Web(t)
    kind = {"Content-Type": "application/pkcs7-mime"}

    def says(*answer):
        def hook(h, operation, body):
            if operation == "cacerts":
                return False
            h.answer(*answer)
            return True
        return hook

    for hook, words in ((says(200, est.certs(open(other.pem).read()), kind), "another key"),
                        (says(200, b"!!! no base64 !!!", kind), "no certs-only PKCS#7"),
                        (says(200, base64.encodebytes(b"\x30\x03\x02\x01\x00"), kind), "no certs-only PKCS#7"),
                        (says(200, b"", kind), "no certs-only"), (says(401, b"who are you?"), "401: who are you?"),
                        (says(302, b"", {"Location": web.url}), "redirects elsewhere"),
                        (says(503, b"", {"Retry-After": "9000"}), "503"),
                        (says(200, b"A" * 2000000, kind), "more than 1048576 bytes")):
        est.hook = hook
        failures = renewal(g)["failures"]
        equal(g.api("POST", "/api/v1/identities/gw/renew")[0], 202)
        g.wait(lambda: renewal(g)["failures"] == failures + 1, 20, "a failure: " + words)
        row = renewal(g)
        expect(words in row["result"] and row["next_at"] > time.time(), "%s: %s" % (words, row))
        if "503" in words:
            expect(row["next_at"] > time.time() + 8000, row)
    equal((g.status()["revision"], web.seen), (before, []))
    equal(len(g.api("GET", "/api/v1/keys")[2]["items"]), 1)  # no key of a failed try stays
    requests = []

    def later(h, operation, body):
        if operation == "simplereenroll":
            requests.append(body)
            if len(requests) == 1:
                h.answer(202, b"", {"Retry-After": "3600"})
                return True
        return False

    est.hook = later
    equal(g.api("POST", "/api/v1/identities/gw/renew")[0], 202)
    g.wait(lambda: "answer later" in renewal(g)["result"], 20, "202")
    expect(3500 < renewal(g)["next_at"] - time.time() < 3700, renewal(g))
    equal(g.api("POST", "/api/v1/identities/gw/renew")[0], 202)
    g.wait_event("renewed", identity="gw")
    equal(requests[0], requests[1])  # RFC 7030 4.2.3: the same request again
    est.server.shutdown()
    est.server.server_close()
    equal(g.api("POST", "/api/v1/identities/gw/renew")[0], 202)
    g.wait(lambda: renewal(g)["failures"] == 1, 20, "nobody there")
    connect(t, g.port)
    equal(g.api("POST", "/api/v1/identities/none/renew")[0], 404)


@test("an EST server that is not who it should be is not asked, nobody else reaches the link, and its form is checked")
def trusted(t):
    stranger = CA(t.dir, "stranger-ca")
    est = Est(t, ca=stranger)
    g, _ = renewing(t, est)
    equal(g.api("POST", "/api/v1/identities/gw/renew")[0], 202)
    g.wait(lambda: renewal(g)["failures"] == 1, 20, "the refusal")
    g.wait_event("refused", link="penstock.renew.gw", reason="unknown_ca")
    equal(est.seen, [])
    doc, tag = g.api("GET", "/api/v1/config")[2], g.api("GET", "/api/v1/config")[1]["ETag"]
    for renew, pointer in (({"est": "http://x/y", "trust": "partners"}, "/identities/gw/renew/est"),
                           ({"est": "https://x", "trust": "partners"}, "/identities/gw/renew/est"),
                           ({"est": "https://u@x/y", "trust": "partners"}, "/identities/gw/renew/est"),
                           ({"est": "https://x/y"}, "/identities/gw/renew/trust"), ("x", "/identities/gw/renew"),
                           ({"est": "https://x.test/y", "trust": "none"}, "/links/penstock.renew.gw/forward/tls/trust")):
        bad = {**doc, "identities": {"gw": {**doc["identities"]["gw"], "renew": renew}}}
        status, _, problem = g.api("PUT", "/api/v1/config", bad, {"If-Match": tag})
        equal((status, problem["pointer"]), (422, pointer), problem)
    bad = {**doc, "links": {**doc["links"], "x": {"internal": True, "forward": doc["links"]["in"]["forward"]}}}
    status, _, problem = g.api("PUT", "/api/v1/config", bad, {"If-Match": tag})
    equal((status, problem["pointer"]), (422, "/links/x/internal"), problem)
