"""Goal: a person with a certificate sees in a browser how the gateway is, and the page does nothing else."""
import json
import os
import signal
import socket
import ssl
import threading
import time

from browser import Browser
from gateway import Gateway
from harness import equal, expect, free_port, recv_exactly, test
from pki import CA
from t_first_light import client_context
from t_management import Managed
from t_system import NEW, Disk, post, upload


def connect(t, port, cert=None):
    ctx = client_context(t.pki, cert or t.pki.client)
    tls = ctx.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname="gw.test")
    tls.sendall(b"x")
    recv_exactly(tls, 1)
    return tls


def keep_sending(tls, stop):
    try:
        while not stop.is_set():
            tls.sendall(b"z" * 50000)
            recv_exactly(tls, 50000)
            time.sleep(0.05)
    except OSError:
        pass


@test("the status page shows in a real browser, over mTLS, what the gateway does, refuses and has to renew, and keeps to itself", timeout=180)
def page(t):
    m = Managed(t)
    url = "https://gw.test:%d/" % m.port
    b = Browser(t, "https://gw.test:%d" % m.port, m.ca, m.certs["viewer"])
    stop = threading.Event()
    t.defer(stop.set)
    live = connect(t, m.link_port)
    threading.Thread(target=keep_sending, args=(live, stop), daemon=True).start()
    evil = t.pki.inter.issue("evil", "URI:spiffe://other.example/x", "clientAuth", subject="/O=Penstock Test/CN=<img src=x onerror=alert(1)>")
    for cert in (evil, CA(t.dir, "elsewhere").issue("stranger", "DNS:x.test", "clientAuth")):
        try:
            connect(t, m.link_port, cert)
        except (OSError, ssl.SSLError, AssertionError):
            pass
    m.g.wait(lambda: len(m.g.api("GET", "/api/v1/refusals")[2]["items"]) == 2, 10, "refusals")
    b.open(url)
    b.until("document.getElementById('state').textContent === 'ready'")
    b.until("[...document.querySelectorAll('#links tbody tr')].some(r => r.textContent.startsWith('interminatecarries'))")
    b.until("/^[1-9].*bit/.test(document.getElementById('up').textContent)", 30)
    b.until("document.querySelectorAll('#chart path.up').length === 1")
    b.until("/soft/.test(document.querySelector('#links tbody').textContent)")
    text = b.run("document.querySelector('#refusals tbody').innerText")
    expect("no_rule" in text and "unknown_ca" in text, text)
    text = b.run("document.querySelector('#expiry tbody').innerText")
    expect("certificate of gw" in text and "revocation list of partners" in text and "anchor of operators" in text, text)
    expect("revision 1, applied" in b.run("document.getElementById('facts').textContent"), b.run("document.getElementById('facts').textContent"))
    equal(b.run("document.querySelectorAll('main img').length"), 0)
    equal(b.run("document.getElementById('pair').hidden && document.getElementById('appliance').hidden"), True)
    if os.environ.get("PICTURES"):
        b.picture(os.path.join(os.environ["PICTURES"], "page.png"))
        b.emulate(dark=True, width=420)
        b.picture(os.path.join(os.environ["PICTURES"], "narrow.png"))
        b.emulate(dark=False, width=1200)
    for pid in m.g.children()["penstock-mgmt"]:
        os.kill(pid, signal.SIGKILL)
    m.g.wait(lambda: m.g.api("GET", "/healthz")[0] == 200, 20, "the next management")
    mark = b.run("document.getElementById('age').textContent")
    b.until("document.getElementById('state').textContent === 'ready' && document.getElementById('age').textContent !== %s" % json.dumps(mark), 60)
    shown = [e for e in b.log("browser") if "favicon" not in e["message"]]
    # A connection that was cut under it is the network's word; anything else would be ours.
    expect(all("net::ERR" in e["message"] or "503" in e["message"] or "system - " in e["message"] and "409" in e["message"] for e in shown), shown)
    equal(len([e for e in shown if "409" in e["message"]]), 1, shown)  # which no appliance is asked once only
    asked = set()
    for entry in b.log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.add((message["params"]["request"]["method"], message["params"]["request"]["url"].split("?")[0]))
    own = [(method, to) for method, to in asked if not to.startswith(("data:", "chrome"))]
    expect(own and all(method == "GET" and to.startswith(url) for method, to in own), own)
    b.close()


@test("the page of an appliance has its versions and how its keys are kept; that of one of a pair has the role, the partner and whose configuration goes", timeout=180)
def box(t):
    d = Disk(t)
    m = Managed(t, args=("--appliance", d.socket))
    equal(upload(m.g, d.make())[0], 201)
    equal(post(m.g, "activate", {"version": NEW})[0], 200)
    cert = m.certs["viewer"]
    settings = {"interface": "lo", "router": 51, "addresses": ["192.0.2.10/24"], "source": "127.0.0.1",
                "partner": {"address": "127.0.0.2", "management": "127.0.0.2:%d" % free_port(), "identity": "gw", "trust": "partners",
                            "spki_sha256": "00" * 32}}
    status, _, said = m.g.api("PUT", "/api/v1/availability", settings, {"If-None-Match": "*"})
    equal(status, 200, said)
    b = Browser(t, "https://gw.test:%d" % m.port, m.ca, cert)
    b.open("https://gw.test:%d/" % m.port)

    def shows(section, words):
        b.until("(e => !e.hidden && /%s/.test(e.innerText))(document.getElementById('%s'))" % (words, section), 30)

    shows("appliance", "in slot a, good")
    shows("appliance", "trial, version %s, 3 starts left" % NEW)
    shows("appliance", "Key-encryption key[^]*in clear on the disk")
    shows("pair", "The partner[^]*does not answer: ")
    shows("pair", "no helper speaks VRRP here")
    shows("pair", "Configuration[^]*unknown")
    if os.environ.get("PICTURES"):
        b.picture(os.path.join(os.environ["PICTURES"], "box.png"))
    b.close()


@test("the page's files come with a strict policy, are read by every role, and say so when nobody answers")
def headers(t):
    m = Managed(t)
    for path, kind in (("/", "text/html; charset=utf-8"), ("/page.css", "text/css; charset=utf-8"), ("/page.js", "text/javascript; charset=utf-8")):
        for who in ("viewer", "auditor"):
            status, headers, text = m.as_(who).ask("GET", path)
            equal((status, headers["Content-Type"]), (200, kind))
            policy = headers["Content-Security-Policy"]
            expect("default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy, policy)
            equal((headers["X-Content-Type-Options"], headers["Referrer-Policy"]), ("nosniff", "no-referrer"))
            expect("<script>" not in text and "style=" not in text and "innerHTML" not in text and "http://" not in text.replace("http://www.w3.org/2000/svg", ""), path)
        equal(m.as_("viewer").ask("GET", path, headers={"If-None-Match": headers["ETag"]})[0], 304)
        equal(m.as_("admin").ask("POST", path)[0], 405)
