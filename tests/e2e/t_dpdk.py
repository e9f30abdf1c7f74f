"""Goal: a link with engine "dpdk" is the same link: one conformance suite, real peers, and a network that misbehaves.

The gateway runs in a namespace whose interfaces have no addresses; DPDK has them by packet sockets (netns.py)."""
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time

import t_records  # registers the conformance suite
from gateway import BIN, Gateway, idle_share
from harness import CASES, Context, Skip, echo, equal, exchange, expect, need, recv_all, recv_exactly, test
from netns import Net, usable

OUT, IN = "10.77.1.1", "10.77.2.1"
PROGRAM = os.path.join(BIN, "penstock-dataplane-dpdk")


def why_not():
    """What this machine lacks, or None."""
    if not os.path.exists(PROGRAM):
        return "this build is without the DPDK engine"
    if subprocess.run([PROGRAM, "--no-such-option", "1"], capture_output=True).returncode != 2:
        return "the DPDK engine does not start here: its libraries are missing"
    for tool in ("ethtool", "sysctl"):
        if not shutil.which(tool):
            return "there is no " + tool
    return usable()


class Dpdk(Context):
    """A case's context, with the client outside, the gateway between and the servers inside."""

    host = OUT
    processors = 1  # that poll
    queues = {"outside": 1, "inside": 1}

    def __init__(self, t, **net):
        super().__init__(t.dir, t.pki)
        reason = why_not()
        if reason:
            raise Skip(reason)
        self.engine = "dpdk"
        self.net = Net(**net)
        t.defer(self.close)
        self.defer(self.net.close)
        self.client_prefix = self.net.prefix_of("out")

    def addresses(self, number):
        return ["10.77.%d.1/24" % number, *(["fd77:%d::1/64" % number] if self.net.v6 else [])]

    def device(self, name, number):
        return {"device": "net_af_packet%d,iface=g%d,qpairs=%d" % (number, number, self.queues[name]),
                "addresses": self.addresses(number + 1), "mtu": self.net.mtu}

    def ports(self):
        return {"lcores": sorted(os.sched_getaffinity(0))[:self.processors], "memory_mb": 128, "hugepages": False,
                "ports": {"outside": self.device("outside", 0), "inside": self.device("inside", 1)}}

    def server(self, handler=echo, host="10.77.2.2", **kw):
        with self.net.inside("in"):
            return super().server(handler, host=host, **kw)

    def connect(self, port, timeout=10, host=OUT):
        with self.net.inside("out"):
            return socket.create_connection((host, port), timeout=timeout)

    def gateway(self, links, name="gw", args=(), wait=True, **top):
        pki = self.pki
        config = {"identities": {"gw": {"certificate": pki.gw.chain, "key": pki.gw.key}},
                  "trust": {"partners": pki.trust()}, "dpdk": self.ports(), "links": links, **top}
        g = Gateway(self.dir, config, name=name, args=["--workers", "1", *args], wait=False,
                    prefix=self.net.prefix_of("gw"))
        g.config = config
        self.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
        if wait:
            g.wait_ready(60)  # DPDK looks at each of its drivers first
        return g

    @staticmethod
    def outer(port, to, **link):
        return {"listen": {"address": ["%s:%d" % (OUT, port)],
                           "tls": {"identity": "gw", "trust": "partners",
                                   "peers": [{"uri": "spiffe://partner.example/*"}]}},
                "forward": {"to": [to]}, "engine": "dpdk", **link}

    def terminate(self, to, name="gw", args=(), port=8443, **top):
        g = self.gateway({"in": self.outer(port, to)}, name=name, args=args, **top)
        g.port = port
        return g

    def tls(self, port, cert=None, host=OUT):
        cert = cert or self.pki.client
        ctx = ssl.create_default_context(cafile=self.pki.root.pem)
        ctx.load_cert_chain(cert.chain, cert.key)
        return ctx.wrap_socket(self.connect(port, host=host), server_hostname="gw.test", suppress_ragged_eofs=False)


def conformance(over, kind):
    """The suite's cases once more, on gateways of that kind."""
    for sentence, fn, timeout, _ in list(CASES):
        if fn.__module__ == t_records.__name__:
            case = test("%s: %s" % (over, sentence), timeout=timeout + 60)(lambda t, fn=fn: fn(kind(t)))
            case.__module__ = kind.__module__  # by which file it is asked for


conformance("over DPDK", Dpdk)


def pieces(n, size=60000):
    data = os.urandom(n)
    return [data[i:i + size] for i in range(0, n, size)]


def there_and_back(s, n):
    """n random bytes through an echo; how they came back."""
    out = pieces(n)
    back = exchange(s, out, limit=100)
    equal(hashlib.sha256(back).hexdigest(), hashlib.sha256(b"".join(out)).hexdigest(), "what came back")


@test("terminate: curl to nginx through the gateway, sums right both ways, over IPv4 and IPv6", timeout=120)
def terminate(t):
    d = Dpdk(t)
    need(shutil.which("nginx") and shutil.which("curl"), "there is no nginx or curl")
    root = os.path.join(t.dir, "www")
    os.makedirs(root)
    with open(os.path.join(root, "file"), "wb") as f:
        f.write(os.urandom(8 << 20))
    os.chmod(t.dir, 0o755)
    conf = os.path.join(t.dir, "nginx.conf")
    with open(conf, "w") as f:
        f.write("daemon off; worker_processes 1; pid %s/nginx.pid; error_log %s/nginx.log; user root;"
                "events {} http { access_log off; client_body_temp_path %s/body; proxy_temp_path %s/p;"
                "fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s;"
                "server { listen 10.77.2.2:80; listen [fd77:2::2]:80; root %s; } }" % (*[t.dir] * 7, root))
    web = subprocess.Popen([*d.net.prefix_of("in"), "nginx", "-c", conf, "-e", t.dir + "/nginx.log"])
    t.defer(lambda: (web.terminate(), web.wait()))
    links = {"four": d.outer(8443, "10.77.2.2:80"), "six": d.outer(8446, "[fd77:2::2]:80")}
    links["six"]["listen"]["address"] = ["[fd77:1::1]:8446"]
    d.gateway(links)
    with open(os.path.join(root, "file"), "rb") as f:
        want = hashlib.sha256(f.read()).hexdigest()
    for url, at in (("https://gw.test:8443/file", "gw.test:8443:" + OUT),
                    ("https://gw.test:8446/file", "gw.test:8446:[fd77:1::1]")):
        r = subprocess.run([*d.client_prefix, "curl", "-sS", "--max-time", "60", "--resolve", at, "--cacert",
                            t.pki.root.pem, "--cert", t.pki.client.chain, "--key", t.pki.client.key, url],
                           capture_output=True)
        equal((r.returncode, r.stderr.decode()), (0, ""))
        equal(hashlib.sha256(r.stdout).hexdigest(), want, url)


@test("bytes go up and down at once and arrive as they were; the session is listed, counted and logged", timeout=120)
def both_ways(t):
    d = Dpdk(t)
    g = d.terminate(d.server().address)
    s = d.tls(g.port)
    there_and_back(s, 8 << 20)
    listed = g.sessions()
    equal([(x["link"], x["outer"]["engine_rx"], x["outer"]["engine_tx"], x["inner"]["engine_rx"], x["outer"]["peer"])
           for x in listed], [("in", "dpdk", "dpdk", "plain", "spiffe://partner.example/client")])
    equal((listed[0]["up_bytes"], listed[0]["down_bytes"]), (8 << 20, 8 << 20))
    equal(g.ctl("end", listed[0]["id"], check=False).returncode, 0)
    closed = g.wait_event("session_closed")
    equal((closed["reason"], closed["outer_engine"], closed["up_bytes"]), ("ended", "dpdk", str(8 << 20)))


def tls_server(d, handler):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(d.pki.gw.chain, d.pki.gw.key)
    ctx.load_verify_locations(d.pki.root.pem)
    ctx.verify_mode = ssl.CERT_REQUIRED
    return d.server(lambda conn: handler(ctx.wrap_socket(conn, server_side=True, suppress_ragged_eofs=False)))


def tls_echo(s):
    """An echo that answers close_notify with its own."""
    while True:
        data = s.recv(65536)
        if not data:
            break
        s.sendall(data)
    s.unwrap()


FORWARD_TLS = {"identity": "gw", "trust": "partners", "server_name": "gw.test", "peers": [{"dns": "gw.test"}]}


@test("originate: a plain client reaches a TLS server, which sees our certificate", timeout=120)
def originate(t):
    d = Dpdk(t)
    link = d.outer(7443, tls_server(d, tls_echo).address)
    del link["listen"]["tls"]
    link["forward"]["tls"] = FORWARD_TLS
    g = d.gateway({"out": link})
    with d.connect(7443) as s:
        there_and_back(s, 4 << 20)
        s.shutdown(socket.SHUT_WR)
        equal(s.recv(1), b"")
    closed = g.wait_event("session_closed")
    equal((closed["reason"], closed["outer_engine"], closed["inner_engine"]), ("closed", "plain", "dpdk"))


@test("bridge: TLS on both sides, by openssl and by Python, with a clean end on each", timeout=120)
def bridge(t):
    d = Dpdk(t)
    link = d.outer(8443, tls_server(d, tls_echo).address)
    link["forward"]["tls"] = FORWARD_TLS
    g = d.gateway({"bridge": link})
    s = d.tls(8443)
    there_and_back(s, 4 << 20)
    s.unwrap()
    closed = g.wait_event("session_closed")
    equal((closed["reason"], closed["outer_engine"], closed["inner_engine"]), ("closed", "dpdk", "dpdk"))
    p = subprocess.Popen([*d.client_prefix, "openssl", "s_client", "-quiet", "-connect", OUT + ":8443", "-servername",
                          "gw.test", "-CAfile", t.pki.root.pem, "-verify_return_error", "-cert", t.pki.client.pem,
                          "-cert_chain", t.pki.client.chain, "-key", t.pki.client.key], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    t.defer(p.kill)
    p.stdin.write(b"through openssl\n")
    p.stdin.flush()
    equal(p.stdout.readline(), b"through openssl\n")


@test("a revoked certificate's session is cut with its alert, the others go on", timeout=120)
def revoked(t):
    d = Dpdk(t)
    g = d.terminate(d.server().address)
    bad = t.pki.inter.issue("soon-revoked-dpdk", "URI:spiffe://partner.example/bad")
    kept, cut = d.tls(g.port), d.tls(g.port, bad)
    for s in (kept, cut):
        s.sendall(b"x")
        equal(s.recv(1), b"x")
    t.pki.inter.revoke(bad)
    t.pki.inter.crl()
    equal(g.reload(), "applied")
    g.wait_event("session_closed", timeout=10, reason="revoked")
    try:
        cut.recv(1)
        expect(False, "the revoked session lives on")
    except ssl.SSLError as e:
        expect("REVOKED" in str(e), str(e))
    kept.sendall(b"still here")
    equal(recv_exactly(kept, 10), b"still here")


def over_both(d):
    """A link for each family, on as many workers as there are processors, two at most."""
    d.processors = min(2, len(os.sched_getaffinity(0)))
    d.queues = {"outside": d.processors, "inside": 1}
    links = {"four": d.outer(8443, d.server().address), "six": d.outer(8446, d.server(host="fd77:2::2").address)}
    links["six"]["listen"]["address"] = ["[fd77:1::1]:8446"]
    g = d.gateway(links)
    return g, [d.tls(8443), d.tls(8446, host="fd77:1::1")]


def at_once(sockets, n):
    """n bytes there and back on each of them, side by side."""
    errors = []

    def one(s):
        try:
            there_and_back(s, n)
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=one, args=(s,)) for s in sockets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(errors, [])


@test("a line that loses, repeats, delays and reorders frames changes no byte, over both families", timeout=240)
def bad_line(t):
    d = Dpdk(t, loss=0.01, twice=0.01, late=0.05)
    g, both = over_both(d)
    at_once(both, 1 << 20)
    equal(len(g.sessions()), 2)
    expect(d.net.wire.lost > 10, "the line lost %d frames only" % d.net.wire.lost)


@test("an MTU of 576 and one of 1280 carry the same bytes", timeout=240)
def small_mtu(t):
    for mtu in (576, 1280):
        d = Dpdk(t, mtu=mtu, v6=mtu >= 1280)
        g = d.terminate(d.server().address, name="gw-%d" % mtu)
        there_and_back(d.tls(g.port), 1 << 20)
        g.stop(expect=None)


@test("a RST from the target resets the client, a RST from the client the target", timeout=120)
def resets(t):
    d = Dpdk(t)
    hard = (socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    ends = []
    done = threading.Semaphore(0)

    def handler(conn):
        try:
            if conn.recv(100) == b"reset":
                conn.setsockopt(*hard)
                conn.close()
                return
            conn.sendall(b"ok")
            ends.append(conn.recv(1))
        except ConnectionResetError:
            ends.append("reset")
        done.release()

    g = d.terminate(d.server(handler).address)
    s = d.tls(g.port)
    s.sendall(b"reset")
    try:
        equal(s.recv(1), "an end")
    except (ssl.SSLError, ConnectionResetError):
        pass
    equal(g.wait_event("session_closed")["reason"], "reset")
    s = d.tls(g.port)
    s.sendall(b"other")
    equal(s.recv(2), b"ok")
    s.setsockopt(*hard)
    s.close()
    expect(done.acquire(timeout=10), "the target never heard of it")
    equal(ends, ["reset"])


def resident(pid):
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


@test("a link that goes down for a while and comes back loses no byte, over both families", timeout=180)
def link_down(t):
    d = Dpdk(t)
    g, both = over_both(d)
    at_once(both, 100000)

    def flap():
        time.sleep(0.2)
        d.net.ip("out", "link", "set", "o0", "down")
        time.sleep(1)
        d.net.ip("out", "link", "set", "o0", "up")
        d.net.ip("out", "addr", "replace", "fd77:1::2/64", "dev", "o0", "nodad")  # the kernel took it away

    other = threading.Thread(target=flap)
    other.start()
    at_once(both, 4 << 20)
    other.join()
    equal(len(g.sessions()), 2)


@test("a slow reader holds back the sender, in both directions, and then gets everything", timeout=180)
def slow(t):
    d = Dpdk(t)
    gate = threading.Event()
    data = os.urandom(16 << 20)
    sums = []

    def handler(conn):
        gate.wait(60)
        sums.append(hashlib.sha256(recv_exactly(conn, len(data))).hexdigest())
        conn.sendall(data)
        recv_all(conn)

    g = d.terminate(d.server(handler).address)
    s = d.tls(g.port)
    pid = g.children()["penstock-dataplane-dpdk"][0]
    before = resident(pid)
    sender = threading.Thread(target=s.sendall, args=(data,))
    sender.start()
    sender.join(3)
    expect(sender.is_alive(), "16 MiB went nowhere without waiting")
    expect(resident(pid) - before < 32 << 10, "it grew by %d KiB" % (resident(pid) - before))
    gate.set()
    sender.join(60)
    equal(hashlib.sha256(recv_exactly(s, len(data))).hexdigest(), hashlib.sha256(data).hexdigest())
    equal(sums, [hashlib.sha256(data).hexdigest()])


@test("links of both data planes run side by side; a crash of one is healed and the other does not notice", timeout=180)
def side_by_side(t):
    d = Dpdk(t)
    to = d.server().address
    with d.net.inside("gw"):
        plain = Context.server(d, echo)
    soft = d.outer(9443, plain.address)
    soft["listen"]["address"] = ["127.0.0.1:9443"]
    soft["engine"] = "soft"
    g = d.gateway({"fast": d.outer(8443, to), "slow": soft})
    with d.net.inside("gw"):
        raw = socket.create_connection(("127.0.0.1", 9443), timeout=10)
    ctx = ssl.create_default_context(cafile=t.pki.root.pem)
    ctx.load_cert_chain(t.pki.client.chain, t.pki.client.key)
    other = ctx.wrap_socket(raw, server_hostname="gw.test")
    there_and_back(other, 100000)
    fast = d.tls(8443)
    there_and_back(fast, 100000)
    equal(sorted((s["link"], s["outer"]["engine_rx"]) for s in g.sessions()), [("fast", "dpdk"), ("slow", "soft")])
    peers = g.api("GET", "/api/v1/peers")[2]["items"]
    equal({bool(p.get("serial")) for p in peers}, {True}, "every peer has its facts, whichever data plane has it")
    live = {row["link"]: row["live"] for row in g.status()["links"]}
    equal(live, {"fast": 1, "slow": 1})
    os.kill(g.children()["penstock-dataplane-dpdk"][0], 9)
    g.wait_event("child_serves", timeout=60, process="dataplane-dpdk")
    there_and_back(other, 100000)
    g.wait(lambda: answers(d), 20, "the engine's listener")
    equal(g.stop(), 0)


def answers(d):
    try:
        with d.tls(8443) as s:
            s.sendall(b"x")
            return s.recv(1) == b"x"
    except OSError:
        return False


@test("an idle gateway sleeps: less than a twentieth of a processor for each worker", timeout=120, alone=True)
def idle(t):
    d = Dpdk(t)
    d.processors = min(2, len(os.sched_getaffinity(0)))
    g = d.terminate(d.server().address)
    s = d.tls(g.port)
    there_and_back(s, 1000)
    used = idle_share(g, d.processors)
    expect(used < 0.05, "it used %.2f of a processor" % used)


@test("six connections echo in bulk at once: ends that take their window back, out of memory, are heard again", timeout=180)
def out_of_memory(t):
    d = Dpdk(t)
    _, sockets = over_both(d)
    at_once([*sockets, *(d.tls(8443) for _ in range(4))], 4 << 20)


@test("one port behind a VLAN tag carries both legs; frames of another VLAN and untagged ones are nobody's", timeout=120)
def one_tagged_port(t):
    d = Dpdk(t, loss=0, twice=0, late=0, delay=0, tag=7)
    with d.net.inside("out"):
        server = Context.server(d, echo, host="10.77.1.2")
    d.ports = lambda: {"lcores": [min(os.sched_getaffinity(0))], "memory_mb": 128, "hugepages": False, "ports": {
        "both": {**d.device("outside", 0), "vlan": 7}}}
    d.gateway({"in": d.outer(8443, server.address)})
    there_and_back(d.tls(8443), 1 << 20)
    equal(d.net.wire.strange, 0, "frames without the tag")
    for tag in (8, None):
        d.net.wire.tag = tag
        try:
            d.connect(8443, timeout=1)
            expect(False, "the port answers to VLAN %s" % tag)
        except OSError:
            pass
    d.net.wire.tag = 7
    there_and_back(d.tls(8443), 1000)


def two_workers(t, **net):
    need(len(os.sched_getaffinity(0)) > 1, "two workers take two processors")
    d = Dpdk(t, **net)
    d.processors = 2
    d.queues = {"outside": 2, "inside": 1}
    return d


def worker_of(session):
    return int(session["id"], 16) >> 56 if isinstance(session["id"], str) else session["id"] >> 56


@test("two workers share the ports, one of which has a queue for each: sessions spread, every byte comes home",
      timeout=180)
def workers(t):
    d = two_workers(t)
    g = d.gateway({"four": d.outer(8443, d.server().address), "six": d.outer(8444, d.server(host="fd77:2::2").address),
                   "tight": d.outer(8445, d.server().address, limits={"sessions": 6})})
    many = [d.tls(port) for port in (8443, 8444) for _ in range(12)]
    for s in many:
        there_and_back(s, 200000)
    listed = g.sessions()
    equal(len(listed), 24)
    equal(sorted({worker_of(x) for x in listed}), [1, 2], "both workers have sessions")
    equal({row["link"]: row["live"] for row in g.status()["links"]}, {"four": 12, "six": 12, "tight": 0})
    few = [d.tls(8445) for _ in range(6)]
    for s in few:
        there_and_back(s, 1000)
    try:
        d.tls(8445).recv(1)
        expect(False, "a seventh session on a link that allows six, whichever worker has them")
    except (ssl.SSLError, OSError):
        pass
    for x in listed:
        equal(g.ctl("end", x["id"], check=False).returncode, 0)
    g.wait(lambda: len(g.sessions()) == 6, 20, "every session that was ended, on both workers")
    os.kill(g.children()["penstock-dataplane-dpdk"][0], 9)
    g.wait_event("child_serves", timeout=60, process="dataplane-dpdk")
    g.wait(lambda: answers(d), 20, "the engine's listener")
    equal(g.stop(), 0)


def refusal(t, change, kind=Dpdk):
    """What penstockd says to a configuration of its kind that was changed for the worse."""
    d = kind(t)
    config = {"identities": {"gw": {"certificate": t.pki.gw.chain, "key": t.pki.gw.key}},
              "trust": {"partners": t.pki.trust()}, "dpdk": d.ports(), "links": {"in": d.outer(8443, "10.77.2.2:80")}}
    change(config)
    g = Gateway(t.dir, config, name="bad", wait=False, prefix=d.net.prefix_of("gw"))
    code = g.proc.wait(60)
    return code, g.log().splitlines()[-1]


@test("a device that is not there, and ports that change under way, are refused with the place and the way out",
      timeout=180)
def refused(t):
    code, line = refusal(t, lambda c: c["dpdk"]["ports"]["inside"].update(device="net_af_packet1,iface=nowhere"))
    expect(code in (1, 2) and "/dpdk" in line, line)
    d = Dpdk(t)
    g = d.terminate(d.server().address)
    g.config["dpdk"]["ports"]["outside"]["mtu"] = 1400
    equal(g.reload(g.config), "refused")
    expect("ports can not be changed" in g.events("revision_refused")[-1]["reason"], g.log()[-500:])
    there_and_back(d.tls(g.port), 1000)


@test("a build without the engine refuses a \"dpdk\" block with that reason, and the way out", timeout=60)
def absent(t):
    programs = os.path.join(t.dir, "bin")
    shutil.copytree(BIN, programs, ignore=shutil.ignore_patterns("penstock-dataplane-dpdk"))
    port = {"device": "net_af_packet0,iface=g0", "addresses": ["10.77.1.1/24"]}
    config = {"identities": {"gw": {"certificate": t.pki.gw.chain, "key": t.pki.gw.key}},
              "trust": {"partners": t.pki.trust()}, "dpdk": {"lcores": [0], "ports": {"both": port}},
              "links": {"in": Dpdk.outer(8443, "10.77.1.2:80")}}
    path = os.path.join(t.dir, "absent.json")
    with open(path, "w") as f:
        json.dump(config, f)
    os.mkdir(os.path.join(t.dir, "absent"))
    r = subprocess.run([os.path.join(programs, "penstockd"), "--config", path, "--state", os.path.join(t.dir, "absent")],
                       capture_output=True, text=True, timeout=40)
    equal(r.returncode, 2, r.stderr[-500:])
    expect("/dpdk" in r.stderr and "built without the DPDK engine" in r.stderr and "libdpdk-dev" in r.stderr, r.stderr)
