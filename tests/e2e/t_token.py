"""Goal: an identity's private key can live in a PKCS#11 token, and a token's troubles stay its own."""
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading

from gateway import BIN, ROOT, Gateway
from harness import equal, expect, free_port, need, recv_exactly, test
from softhsm import MODULE, SoftHSM, uri


def pin_file(g_dir, pin="1234", name="pin.txt"):
    os.makedirs(g_dir, exist_ok=True)
    path = os.path.join(g_dir, name)
    with open(path, "w") as f:
        f.write(pin + "\n")
    os.chmod(path, 0o600)
    return path


def hsm_with(t, *keys, token="bank"):
    """A token with these (Cert, label) keys, and a PIN file where the configuration will be."""
    hsm = SoftHSM(t.dir)
    hsm.token(token)
    for i, (cert, label) in enumerate(keys):
        hsm.put(cert.key, token, label, "%02x" % (i + 1))
    pin_file(os.path.join(t.dir, "gw"))
    return hsm


def gateway(t, hsm, key, cert=None, args=(), wait=True, profiles=None, listen=None, name="gw"):
    port = free_port()
    config = t.terminate_config(t.server().address, port, listen=listen)
    config["identities"]["gw"] = {"certificate": (cert or t.pki.gw).chain, "key": key}
    if profiles:
        config["profiles"] = profiles
    g = Gateway(t.dir, config, args=(*hsm.args(), *args), wait=wait, name=name)
    g.port, g.config = port, config
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    return g


def client(t, port, version=None):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.load_verify_locations(t.pki.root.pem)
    ctx.load_cert_chain(t.pki.client.chain, t.pki.client.key)
    if version:
        ctx.minimum_version = ctx.maximum_version = version
    return ctx.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="gw.test")


def echoes(tls):
    tls.sendall(b"still there?")
    return recv_exactly(tls, 12) == b"still there?"


def shakes(t, g, **kw):
    """Does a handshake with the gateway, and an echo behind it, work now?"""
    try:
        with client(t, g.port, **kw) as tls:
            return echoes(tls)
    except (OSError, AssertionError):
        return False


def refused(t, hsm, key, cert=None, args=()):
    """What the gateway says, which does not start with this key."""
    g = gateway(t, hsm, key, cert, args, wait=False)
    equal(g.proc.wait(30), 2, g.log()[-2000:])
    said = [line for line in g.log().splitlines() if line.startswith("penstockd: ")]
    expect(len(said) == 1 and "/identities/gw/key: " in said[0], said)
    return said[0]


def memory_of(pid):
    """Every readable byte of a process that is not of a file."""
    out = bytearray()
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            low, high = (int(x, 16) for x in span.split("-"))
            if "rw" not in rights or high - low > 1 << 28:
                continue
            try:
                mem.seek(low)
                out += mem.read(high - low)
            except (OSError, ValueError):
                pass
    return bytes(out)


BOTH = {"both": {"versions": ["1.2", "1.3"], "signature_algorithms": [
    "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ed25519", "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384",
    "rsa_pss_rsae_sha512", "rsa_pkcs1_sha256"]}}


@test("EC, RSA and Ed25519 keys in a token sign as server, in TLS 1.3 and 1.2", timeout=120)
def server(t):
    for kind in ("p256", "p384", "rsa", "ed25519"):
        cert = t.pki.inter.issue("tok-" + kind, "DNS:gw.test", "serverAuth", key_type=kind)
        hsm = SoftHSM(t.dir, "hsm-" + kind)
        hsm.token("bank")
        hsm.put(cert.key, "bank", "gw")
        pin_file(os.path.join(t.dir, kind))
        g = gateway(t, hsm, uri("bank", "gw"), cert, profiles=BOTH, listen={"profile": "both"}, name=kind)
        for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
            with client(t, g.port, version=version) as tls:
                expect(echoes(tls), kind)
                equal(tls.getpeercert(True), ssl.PEM_cert_to_DER_cert(open(cert.pem).read()), kind)
        if kind == "rsa":  # PKCS #1 v1.5, where the peer takes nothing else
            r = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % g.port, "-servername", "gw.test", "-CAfile",
                                t.pki.root.pem, "-cert", t.pki.client.pem, "-cert_chain", t.pki.client.chain, "-key",
                                t.pki.client.key, "-tls1_2", "-sigalgs", "RSA+SHA256:ECDSA+SHA256"],
                               input="", capture_output=True, text=True, timeout=20)
            kind_said = re.search(r"^Peer signature type: (RSA|rsa_pkcs1_sha256)$", r.stdout, re.M)  # OpenSSL 3.0, 3.5
            expect(kind_said and "Verify return code: 0" in r.stdout, r.stdout + r.stderr)
        equal(len(g.children()["penstock-keyring-token"]), 1)
        g.stop()


@test("a key in a token signs as client, in TLS 1.3 and 1.2")
def originate(t):
    cert = t.pki.inter.issue("tok-client", "URI:spiffe://partner.example/client", "clientAuth")
    hsm = hsm_with(t, (cert, "us"))
    inner = t.terminate(t.server().address, name="far", profiles=BOTH, listen={"profile": "both"})
    for versions in (["1.3"], ["1.2"]):
        port = free_port()
        name = "near" + versions[0]
        pin_file(os.path.join(t.dir, name))
        g = Gateway(t.dir, {
            "identities": {"us": {"certificate": cert.chain, "key": uri("bank", "us")}},
            "trust": {"partners": t.pki.trust()},
            "profiles": {"one": {"versions": versions}},
            "links": {"out": {"listen": {"address": ["127.0.0.1:%d" % port]},
                              "forward": {"to": ["127.0.0.1:%d" % inner.port],
                                          "tls": {"identity": "us", "trust": "partners", "server_name": "gw.test",
                                                  "profile": "one", "peers": [{"dns": "gw.test"}]}},
                              "engine": t.engine}}}, name=name, args=hsm.args())
        t.defer(lambda g=g: g.proc.poll() is None and g.stop(expect=None))
        with socket.create_connection(("127.0.0.1", port), 10) as s:
            expect(echoes(s), versions)
        equal(inner.wait_event("session_closed", count=1, version=versions[0])["outer_peer"], "spiffe://partner.example/client")
        g.stop()


@test("what is wrong with a key in a token is said at its place, and the gateway does not start", timeout=180)
def wrong(t):
    other = t.pki.inter.issue("tok-other", "DNS:gw.test", "serverAuth")
    rsa = t.pki.inter.issue("tok-rsa", "DNS:gw.test", "serverAuth", key_type="rsa")
    hsm = hsm_with(t, (t.pki.gw, "gw"), (other, "other"), (other, "twin"), (rsa, "rsa"))
    hsm.put(t.pki.gw.key, "bank", "twin", "77")
    hsm.token("second")
    hsm.token("third")
    pin_file(os.path.join(t.dir, "gw"), "9999", "wrong.txt")
    pin_file(os.path.join(t.dir, "gw"), "", "empty.txt")
    shared = os.path.join(t.dir, "libsofthsm2.so")
    with open(MODULE, "rb") as f, open(shared, "wb") as to:
        to.write(f.read())
    for key, words in (
            (uri("bank", "none"), "no such private key"),
            (uri("bank", "twin"), "more than one such private key"),
            (uri("bank", "other"), "does not match its certificate"),
            (uri("bank", "rsa"), "another type"),
            (uri("bank", "gw", pin="wrong.txt"), "refuses the PIN"),
            (uri("bank", "gw", pin="empty.txt"), "does not hold a PIN"),
            (uri("bank", "gw", pin="missing.txt"), "can not be read"),
            (uri("bank", "gw").split("&")[0], "wants a PIN"),
            (uri("bank", "gw").split("&")[0] + "&pin-value=1234", "no place in a configuration"),
            (uri("nobody", "gw"), "no token fits"),
            (uri("bank", "gw").replace("token=bank;", ""), "tokens fit"),
            (uri("bank", "gw", module=shared), "may not be loaded"),
            (uri("bank", "gw", module="/usr/lib/no-such.so"), "no such PKCS#11 module"),
            (uri("bank", "gw", module="/usr/lib/%s-linux-gnu/libz.so.1" % os.uname().machine), "no PKCS#11 module"),
            (uri("bank", "gw", typ="x").replace("typ=", "nonsense="), "not known")):
        said = refused(t, hsm, key)
        expect(words in said, "%s: %s" % (words, said))
        expect("1234" not in said and "9999" not in said, said)
    said = refused(t, hsm, uri("bank", "gw"), args=("--token-module", shared))
    expect("may not be loaded" in said, said)


@test("several modules and tokens in one configuration, a name instead of a path, ids, and a module that is listed", timeout=120)
def several(t):
    certs = [t.pki.inter.issue("many-%d" % i, "DNS:gw%d.test" % i, "serverAuth") for i in range(3)]
    hsm = hsm_with(t, (certs[0], "a"))
    hsm.token("other", "abcdef")
    hsm.put(certs[1].key, "other", "b", pin="abcdef")
    hsm.put(certs[2].key, "bank", "c", "0aff")
    pin_file(os.path.join(t.dir, "gw"), "abcdef", "pin2.txt")
    copy = os.path.join(t.dir, "second-module.so")
    with open(MODULE, "rb") as f, open(copy, "wb") as to:
        to.write(f.read())
    port = free_port()
    keys = [uri("bank", "a").replace("module-path=" + MODULE, "module-name=softhsm2"), uri("other", "b", pin="pin2.txt"),
            "pkcs11:token=bank;id=%%0a%%ff;type=private?module-path=%s&pin-source=file:pin.txt" % copy]
    config = t.terminate_config(t.server().address, port)
    config["identities"] = {"gw%d" % i: {"certificate": c.chain, "key": k} for i, (c, k) in enumerate(zip(certs, keys))}
    link = config["links"].pop("in")
    for i in range(3):
        config["links"]["in%d" % i] = json.loads(json.dumps(link))
        config["links"]["in%d" % i]["listen"]["tls"]["identity"] = "gw%d" % i
        config["links"]["in%d" % i]["listen"]["server_names"] = ["gw%d.test" % i]
    g = Gateway(t.dir, config, args=(*hsm.args(), "--token-module", MODULE, "--token-module", copy))
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    equal(len(g.children()["penstock-keyring-token"]), 2)
    for i in range(3):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.load_verify_locations(t.pki.root.pem)
        ctx.load_cert_chain(t.pki.client.chain, t.pki.client.key)
        with ctx.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="gw%d.test" % i) as tls:
            expect(echoes(tls), i)
    # Without the second module its process ends; the sessions of the others do not notice.
    del config["links"]["in2"], config["identities"]["gw2"]
    equal(g.reload(config), "applied")
    config["drain_s"] = 1
    equal(g.reload(config), "applied")
    g.wait(lambda: len(g.children()["penstock-keyring-token"]) == 1, 10, "the end of the process of a module that is not used")
    equal(len(g.events("child_died")), 0)


@test("a file's key is rotated into a token and back over REST, and no session notices; the PIN is nowhere to be found",
      timeout=120)
def rotated(t):
    fresh = t.pki.inter.issue("tok-new", "DNS:gw.test", "serverAuth")
    hsm = hsm_with(t, (fresh, "gw"))
    secret = "a-pin-that-is-easy-to-find"
    hsm.token("vault", secret)
    hsm.put(fresh.key, "vault", "gw", pin=secret)
    pin_file(os.path.join(t.dir, "gw"), secret, "vault.txt")
    g = gateway(t, hsm, t.pki.gw.key)
    old = client(t, g.port)
    expect("penstock-keyring-token" not in g.children(), "a token process that nobody wants")

    def put(body):
        status, headers, _ = g.api("GET", "/api/v1/identities/gw")
        return g.api("PUT", "/api/v1/identities/gw", body, {"If-Match": headers["ETag"]})

    key = uri("vault", "gw", pin="vault.txt")
    status, _, answer = put({"certificate": open(fresh.chain).read(), "key": key})
    equal((status, answer.get("key")), (200, key), answer)
    with client(t, g.port) as tls:
        equal(tls.getpeercert(True), ssl.PEM_cert_to_DER_cert(open(fresh.pem).read()))
        expect(echoes(tls) and echoes(old), "both sessions")
    inventory = g.api("GET", "/api/v1/inventory")[2]
    equal((inventory["identities"]["gw"]["key"], inventory["tokens"]), (key, [{"identity": "gw", "state": "up"}]))
    for bad, words in ((key.replace("vault.txt", "pin.txt"), "refuses the PIN"),
                       (key + "&pin-value=" + secret, "no place in a configuration"),
                       (key.replace(MODULE, g.config_path), "may not be loaded")):
        status, _, problem = put({"certificate": open(fresh.chain).read(), "key": bad})
        equal((status, problem["pointer"]), (422, "/identities/gw/key"), problem)
        expect(words in problem["detail"] and secret not in str(problem), problem)
    expect(shakes(t, g) and echoes(old), "the running revision goes on")
    old.close()
    g.stop()
    g = Gateway(t.dir, open(g.config_path).read(), args=hsm.args())  # what REST changed outlives a restart
    t.defer(lambda: g.proc.poll() is None and g.stop(expect=None))
    g.port = int(json.loads(open(g.config_path).read())["links"]["in"]["listen"]["address"][0].split(":")[1])
    expect("penstock-keyring-token" in g.children() and shakes(t, g), "the token's key after a restart")
    expect(secret not in g.log(), "the PIN in the log")
    for root, _, files in os.walk(g.state):
        for f in [os.path.join(root, f) for f in files]:
            if os.path.isfile(f):
                expect(secret.encode() not in open(f, "rb").read(), "the PIN in " + f)
    if "asan" not in BIN:  # whose shadow memory is too much to read
        for name, pids in g.children().items():
            expect((secret.encode() in memory_of(pids[0])) == (name == "penstock-keyring-token"), "the PIN's place: " + name)


@test("a token process that is killed under load takes no session with it, and new handshakes work again by themselves",
      timeout=120)
def killed(t):
    hsm = hsm_with(t, (t.pki.gw, "gw"))
    g = gateway(t, hsm, uri("bank", "gw"))
    held = [client(t, g.port) for _ in range(10)]
    stop, outcomes = threading.Event(), []

    def load():
        while not stop.is_set():
            outcomes.append(shakes(t, g))

    threads = [threading.Thread(target=load, daemon=True) for _ in range(3)]
    for th in threads:
        th.start()
    g.wait(lambda: outcomes.count(True) > 10, 20, "load")
    for round in range(2):
        pid = g.children()["penstock-keyring-token"][0]
        os.kill(pid, signal.SIGKILL)
        g.wait(lambda: g.children().get("penstock-keyring-token", [pid]) != [pid], 20, "a new process")
        g.wait(lambda: shakes(t, g), 20, "handshakes again")
    stop.set()
    for th in threads:
        th.join(20)
    expect(outcomes[-1], "the last handshake")
    for tls in held:
        expect(echoes(tls), "a session from before")
    lost = g.events("refused", reason="key_lost")
    expect(all("did not sign" in e["text"] for e in lost), lost)


@test("a keyring that is killed finds the token process again")
def keyring_killed(t):
    hsm = hsm_with(t, (t.pki.gw, "gw"))
    g = gateway(t, hsm, uri("bank", "gw"))
    held = client(t, g.port)
    before = g.children()
    os.kill(before["penstock-keyring"][0], signal.SIGKILL)
    g.wait(lambda: shakes(t, g), 20, "handshakes again")
    equal(g.children()["penstock-keyring-token"], before["penstock-keyring-token"])
    expect(echoes(held), "the session from before")


@test("a PIN that the token came to refuse is tried once, not again by whichever process, until the file holds another",
      timeout=120)
def pin_once(t):
    hsm = hsm_with(t, (t.pki.gw, "gw"))
    g = gateway(t, hsm, uri("bank", "gw"))
    expect(shakes(t, g), "at first")
    hsm.tool("--token-label", "bank", "--login", "--pin", "1234", "--change-pin", "--new-pin", "4321")
    hsm.give()
    for round in range(3):
        pid = g.children()["penstock-keyring-token"][0]
        os.kill(pid, signal.SIGKILL)
        g.wait(lambda: g.children().get("penstock-keyring-token", [pid]) != [pid], 20, "a new process")
        g.wait_event("token_pin_refused", 20, count=round + 1)
    said = [e["reason"] for e in g.events("token_pin_refused")]
    expect("refuses the PIN" in said[0], said)
    expect(all("refused this PIN before" in s for s in said[1:]), said)
    expect(not shakes(t, g), "a handshake without a key")
    equal([(k["identity"], k["state"]) for k in g.status()["tokens"]], [("gw", "pin_refused")])
    equal(g.reload({**g.config, "drain_s": 3}), "applied")  # something else can be changed meanwhile
    expect(not shakes(t, g), "a handshake without a key")
    pin_file(os.path.join(t.dir, "gw"), "4321")
    equal(g.reload({**g.config, "drain_s": 4}), "applied")
    expect(shakes(t, g), "with the new PIN")


@test("a token that goes away ends handshakes with a reason, raises an alarm, and heals when it is back", timeout=120)
def away(t):
    hsm = hsm_with(t, (t.pki.gw, "gw"))
    g = gateway(t, hsm, uri("bank", "gw"))
    held = client(t, g.port)
    os.rename(hsm.tokens, hsm.tokens + ".away")
    os.mkdir(hsm.tokens)
    hsm.give()
    pid = g.children()["penstock-keyring-token"][0]
    os.kill(pid, signal.SIGKILL)  # SoftHSM keeps what it has read: its successor finds nothing
    g.wait_event("token_away", 20, identity="gw")
    expect(not shakes(t, g), "a handshake without a key")
    expect("did not sign" in g.wait_event("refused", 10, reason="key_lost")["text"], "the reason")
    equal(g.reload({**g.config, "drain_s": 3}), "applied")  # a revision that changes something else is taken
    os.rmdir(hsm.tokens)
    os.rename(hsm.tokens + ".away", hsm.tokens)
    g.wait(lambda: shakes(t, g), 60, "handshakes when the token is back")
    expect(echoes(held), "the session from before")


MOODY = os.path.join(ROOT, "build", "bin-test", "moody.so")


class Moody:
    """A gateway with two identities: `moody.test` in a token whose mood can be set, `file.test` with a key file."""

    def __init__(self, t, *args):
        need(os.path.exists(MOODY), "the moody token is not built (make unit)")
        self.t = t
        certs = {n: t.pki.inter.issue("moody-" + n, "DNS:%s.test" % n, "serverAuth") for n in ("moody", "file", "steady")}
        hsm = hsm_with(t, (certs["moody"], "moody"))
        hsm.put(certs["steady"].key, "bank", "steady", "02")
        self.path = os.path.join(hsm.dir, "mood")
        self.set("")
        hsm.give()
        port = free_port()
        config = t.terminate_config(t.server().address, port)
        config["identities"] = {
            "moody": {"certificate": certs["moody"].chain, "key": uri("bank", "moody", module=MOODY)},
            "steady": {"certificate": certs["steady"].chain, "key": uri("bank", "steady")},
            "file": {"certificate": certs["file"].chain, "key": certs["file"].key}}
        link = config["links"].pop("in")
        for n in certs:
            config["links"][n] = json.loads(json.dumps(link))
            config["links"][n]["listen"]["tls"]["identity"] = n
            config["links"][n]["listen"]["server_names"] = [n + ".test"]
        self.g = Gateway(t.dir, config, args=(*hsm.args(), *args, "--token-env", "MOODY_FILE=" + self.path, "--token-module", MOODY,
                                              "--token-module", MODULE))
        self.g.port, self.g.config = port, config
        t.defer(lambda: self.g.proc.poll() is None and self.g.stop(expect=None))

    def set(self, mood):
        with open(self.path + ".new", "w") as f:
            f.write(mood)
        os.chmod(self.path + ".new", 0o644)
        os.rename(self.path + ".new", self.path)

    def states(self):
        return {k["identity"]: k["state"] for k in self.g.status()["tokens"]}

    def connect(self, name):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.load_verify_locations(self.t.pki.root.pem)
        ctx.load_cert_chain(self.t.pki.client.chain, self.t.pki.client.key)
        return ctx.wrap_socket(socket.create_connection(("127.0.0.1", self.g.port), 10), server_hostname=name + ".test")

    def shakes(self, name):
        try:
            with self.connect(name) as tls:
                return echoes(tls)
        except (OSError, AssertionError):
            return False


@test("a session that the token forgot is replaced at once; an error that means nothing more costs one handshake")
def forgot(t):
    m = Moody(t)
    for number in (0xb3, 0xb0, 0x60, 0x82):  # CKR_SESSION_HANDLE_INVALID, _CLOSED, CKR_KEY_HANDLE_, CKR_OBJECT_HANDLE_INVALID
        m.set("once %d" % number)
        expect(m.shakes("moody"), "0x%x" % number)
    equal(m.g.events("token_away"), [])
    m.set("fail 0x21")  # CKR_DATA_LEN_RANGE
    expect(not m.shakes("moody"), "a handshake without a signature")
    m.set("")
    expect(m.shakes("moody"), "the next one")
    equal(m.g.events("token_away"), [])


@test("a token that is removed or fails ends handshakes at once, with a reason and an alarm, and heals by itself",
      timeout=90)
def removed(t):
    m = Moody(t)
    held = m.connect("moody")
    for n, number in enumerate((0x32, 0x30)):  # CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR
        m.set("fail %d" % number)
        expect(not m.shakes("moody"), "a handshake without a signature")
        said = m.g.wait_event("token_away", 10, count=n + 1, identity="moody")["reason"]
        expect("CKR_DEVICE" in said, said)
        expect("did not sign" in m.g.wait_event("refused", 10, reason="key_lost")["text"], "the reason")
        m.g.wait(lambda: m.states()["moody"] == "away", 5, "the status")
        expect(any("/identities/moody/key: its token is away: the token signs no more" in w for w in m.g.status()["warnings"]),
               m.g.status()["warnings"])
        expect('penstock_token_up{identity="moody"} 0' in m.g.api("GET", "/metrics")[2], "the metric")
        expect(m.shakes("file") and m.shakes("steady"), "the other identities")
        m.set("")
        m.g.wait_event("token_back", 20, count=n + 1, identity="moody")
        expect(m.shakes("moody"), "with the token back")
        m.g.wait(lambda: m.states() == {"moody": "up", "steady": "up"}, 5, "the status")
        expect('penstock_token_up{identity="moody"} 1' in m.g.api("GET", "/metrics")[2], "the metric")
    expect(echoes(held), "the session from before")


@test("a token that hangs is left aside: others sign on, its handshakes are refused, its process ends, and it heals",
      timeout=120)
def hangs(t):
    m = Moody(t)
    held = m.connect("moody")
    m.set("hang")
    pids = m.g.children()["penstock-keyring-token"]
    waiting = threading.Thread(target=lambda: m.shakes("moody"), daemon=True)
    waiting.start()
    m.g.wait_event("token_away", 20, identity="moody")
    waiting.join(10)
    for _ in range(5):
        expect(not m.shakes("moody"), "a handshake without a signature")
        expect(m.shakes("file") and m.shakes("steady"), "the other identities")
    m.g.wait_event("token_hangs", 30)
    m.g.wait(lambda: len(m.g.children().get("penstock-keyring-token", [])) == 2 and
             m.g.children()["penstock-keyring-token"] != pids, 20, "another process")
    m.set("")
    m.g.wait(lambda: m.shakes("moody"), 30, "handshakes again")
    expect(echoes(held), "the session from before")


@test("while a token takes a second for each signature, one handshake process serves the other identities in the meantime",
      timeout=120)
def slow(t):
    m = Moody(t, "--workers", "1")
    expect(m.shakes("moody"), "at first")  # from now on the process knows that the key is in a token
    m.set("slow 1000")

    def served_meanwhile():
        """How often the others were served before the first of four was; 0 if it was not as it should be."""
        done, others = [], 0
        waiting = [threading.Thread(target=lambda: done.append(m.shakes("moody")), daemon=True) for _ in range(4)]
        for th in waiting:
            th.start()
        m.g.wait(lambda: done or sum(x["shaking"] for x in m.g.status()["links"]) > 0, 10, "handshakes under way")
        while not done:
            others += m.shakes("file") and m.shakes("steady")
        for th in waiting:
            th.join(30)
        return others if done == [True] * 4 else 0

    m.g.wait(served_meanwhile, 60, "a second in which others are served")  # a machine that stands still may need another
    gone = [socket.create_connection(("127.0.0.1", m.g.port), 10) for _ in range(3)]
    ctx = ssl.create_default_context(cafile=t.pki.root.pem)
    for sock in gone:  # three that hang up while their signature is made
        tls = ctx.wrap_bio(ssl.MemoryBIO(), out := ssl.MemoryBIO(), server_hostname="moody.test")
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            sock.sendall(out.read())
    for sock in gone:
        sock.close()
    m.set("")
    m.g.wait(lambda: m.shakes("moody"), 20, "handshakes as before")
    equal(m.g.events("child_died"), [])
