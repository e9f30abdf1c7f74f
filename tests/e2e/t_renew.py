"""Goal: revocation lists come by themselves, and only genuine ones; certificates are renewed before they end, with keys that stay inside."""
import http.server
import os
import socket
import ssl
import threading
import time

from harness import equal, expect, free_port, recv_exactly, test
from pki import CA
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


def fetch(g, name="inter.crl"):
    """Fetch now, and wait for what comes of it."""
    def state():
        row = result(g)[name]
        return row["last_at"], row["result"], row["failures"]

    before = state()
    if before[1] == "as before" or "applied" in before[1]:
        time.sleep(1.1)  # what is told is the second
    equal(g.api("POST", "/api/v1/trust/partners/fetch")[0], 202)
    g.wait(lambda: state() != before and state()[1], 20, "an answer")
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
    equal(fetch(g), "as before")
    equal(web.seen[-1][1].get("If-None-Match") or web.seen[-2][1].get("If-None-Match"), '"1"')
    revision = g.status()["revision"]
    t.pki.inter.revoke(bob)
    t.defer(lambda: bob.serial() in t.pki.inter.revoked and t.pki.inter.revoked.remove(bob.serial()))
    web.answers["/inter.crl"] = (200, {"ETag": '"2"'}, read(t.pki.inter.crl(path=t.dir + "/inter.crl")))
    expect("applied" in fetch(g), result(g))
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
    expect("applied" in fetch(g), result(g))
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
        got = fetch(g)
        expect(words in got, "%s: %s" % (words, got))
        row = result(g)["inter.crl"]
        expect(row["failures"] and row["next_at"] > time.time(), row)
        if answer[0] == 503:
            expect(row["next_at"] > time.time() + 3600, row)
    equal(g.status()["revision"], revision)
    expect(len(g.events("crl_not_fetched")) == 11, g.events("crl_not_fetched"))
    connect(t, g.port)


@test("what is no address to fetch from is refused with its pointer, and a trust without any has nothing to fetch")
def refused(t):
    g = t.terminate(t.server().address)
    equal(g.api("POST", "/api/v1/trust/partners/fetch")[0], 404)
    for value, pointer in ((["ftp://x/y"], "/trust/partners/crl_urls/0"), (["http://u:p@x/"], "/trust/partners/crl_urls/0"),
                           (["http://x/ y"], "/trust/partners/crl_urls/0"), ("http://x", "/trust/partners/crl_urls")):
        tag = g.api("GET", "/api/v1/trust/partners")[1]["ETag"]
        status, _, problem = g.api("PATCH", "/api/v1/trust/partners", {"crl_urls": value}, {"If-Match": tag})
        equal((status, problem["pointer"]), (422, pointer), problem)
