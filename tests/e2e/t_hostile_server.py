"""Goal: a server that breaks the protocol towards an originating link is refused with its alert and a reason, and no
byte of the client's ever reaches it."""
import threading

from gateway import Gateway
from harness import equal, expect, free_port, test
from rawtls import (ALERT, CCS, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, DATA, ECDSA_SHA1, ENCRYPTED_EXTENSIONS, FINISHED, HANDSHAKE, P256, RSA_PKCS1,
                    RSA_PSS, SERVER_HELLO_DONE, X25519, Alerted, Ended, Server, certificate, der_chain, ext, message, sign, u16s, vec)

OK = "ok"


class Watch:
    """An originating gateway; each case is one connection through it to a server that a script plays."""

    def __init__(self, t):
        self.t, self.bad, self.count = t, [], {"refused": 0, "session_closed": 0}
        self.server = t.server(self.serve)
        self.port = free_port()
        self.g = Gateway(t.dir, {
            "identities": {"me": {"certificate": t.pki.client.chain, "key": t.pki.client.key}},
            "trust": {"partners": t.pki.trust()},
            # The first group's share is the one that is sent, and the script's server knows none of the hybrid ones.
            "profiles": {"classic": {"groups": ["X25519", "P-256", "P-384"]}},
            "links": {"out": {"listen": {"address": ["127.0.0.1:%d" % self.port]},
                              "forward": {"to": [self.server.address],
                                          "tls": {"identity": "me", "trust": "partners", "profile": "classic", "server_name": "server.test", "peers": [{"dns": "server.test"}]}},
                              "engine": t.engine}}})
        t.defer(lambda: self.g.stop(expect=None))

    def serve(self, conn):
        s = Server(conn, self.t.pki.server)
        try:
            try:
                self.script(s)
                self.got = OK if OK in self.wanted and s.read()[1] == b"hello" else s.end()
            except (Alerted, Ended) as e:
                self.got = e.args[0]
        except AssertionError as e:
            self.got = str(e)
        finally:
            self.heard.set()

    def play(self, name, script, wants, reasons=()):
        self.script, self.wanted, self.got, self.heard = script, wants if isinstance(wants, tuple) else (wants,), None, threading.Event()
        try:
            with self.t.connect(self.port) as c:
                c.sendall(b"hello")
                self.heard.wait(40)
        except OSError:
            self.heard.wait(40)  # the server was refused before we had come so far
        found = []

        def more():
            found[:] = [e for k in self.count for e in self.g.events(k)[self.count[k]:]]
            return found
        self.g.wait(more, 10, "the end of the session")
        self.count = {k: len(self.g.events(k)) for k in self.count}
        equal(len(found), 1, found)
        reason = found[0]["reason"]
        if self.got not in self.wanted or (self.got != OK and reason not in (reasons if isinstance(reasons, tuple) else (reasons,))):
            self.bad.append("%s: %s as %s, not %s as %s" % (name, self.got, reason, wants, reasons))

    def end(self):
        expect(not self.g.events("child_died"), self.g.events("child_died"))
        equal(self.bad, [])


def hello_of(*then, **kw):
    """ServerHello, then what follows; the client's alert to it is plain or under its handshake keys."""
    def script(s):
        s.client_hello()
        s.say(s.server_hello(**kw))
        if then:
            s.protect()
        for f in then:
            f(s)
    return script


def says(*makers):
    """Messages under the handshake keys."""
    return hello_of(*[lambda s, m=m: s.say(m(s) if callable(m) else m) for m in makers])


def all_of(s):
    s.begin()
    s.prove()
    s.finish()


def flipped(m):
    return m[:-1] + bytes([m[-1] ^ 1])


EE = message(ENCRYPTED_EXTENSIONS, b"\0\0")


@test("a ServerHello or HelloRetryRequest that answers what was not asked is refused with its alert")
def hellos(t):
    w = Watch(t)

    def bad(name, alert, reasons=("tls_protocol", "tls_suite", "tls_version"), **kw):
        w.play(name, hello_of(**kw), alert, reasons)

    w.play("as it should be", all_of, OK)
    bad("a sentinel of a downgrade", (47, 70), random=b"x" * 24 + b"DOWNGRD\1", change={43: None, 51: None}, suite=0xC02B)
    bad("TLS 1.2", 70, change={43: None, 51: None}, suite=0xC02B)
    w.play("legacy version 0304", lambda s: (s.begin(version=0x0304), s.prove(), s.finish()), (OK, 47, 70), ("tls_protocol", "tls_version"))
    bad("selected version 0303", (47, 70), change={43: b"\3\3"})
    bad("selected version 0305", (47, 70), change={43: b"\3\5"})
    bad("selected version cut", (47, 50, 70), change={43: b"\3"})
    bad("a suite of 1.2", 47, suite=0xC02B)
    bad("a suite not offered", 47, suite=0x1304)
    bad("another session id", 47, session=b"x" * 32)
    bad("compression", 47, compression=b"\1")
    bad("a group not offered", 47, change={51: b"\0\x19" + vec(2, bytes(133))})
    bad("another share's group", 47, change={51: b"\0\x17" + vec(2, b"\4" + bytes(64))})
    bad("a share of zeros", 47, change={51: b"\0\x1d" + vec(2, bytes(32))})
    bad("a short share", (47, 50), change={51: b"\0\x1d" + vec(2, bytes(31))})
    bad("no share", (109, 47), change={51: None})
    bad("a PSK", (47, 110), change={41: b"\0\0"})
    bad("ALPN in ServerHello", (47, 110), change={16: b"\0\3\2h2"})
    bad("a cookie in ServerHello", (47, 110), change={44: b"\0\1x"})
    bad("an extension twice", (47, 50), extra=ext(43, b"\3\4"))
    bad("bytes behind", 50, extra=b"x")
    w.play("a retry with the group that was offered", lambda s: (s.client_hello(), s.say(s.retry(group=X25519))), 47, "tls_protocol")
    w.play("a retry with a group not offered", lambda s: (s.client_hello(), s.say(s.retry(group=25))), 47, "tls_protocol")
    w.play("a retry that changes nothing", lambda s: (s.client_hello(), s.say(s.retry(change={51: None}))), 47, "tls_protocol")
    w.play("a retry with an unknown suite", lambda s: (s.client_hello(), s.say(s.retry(suite=0x1304))), 47, "tls_protocol")
    w.play("a second retry", lambda s: (s.client_hello(), s.say(s.retry()), s.client_hello(), s.say(s.retry(group=24))), 10, "tls_protocol")
    w.play("an empty cookie", lambda s: (s.client_hello(), s.say(s.retry(change={44: b"\0\0"})), s.client_hello(), s.say(s.retry(group=24))), (47, 50, 10), "tls_protocol")
    w.play("another suite after the retry", lambda s: (s.client_hello(), s.say(s.retry()), s.client_hello(), s.say(s.server_hello(suite=0x1302))), 47, "tls_protocol")
    w.play("an alert", lambda s: (s.client_hello(), s.send(ALERT, b"\2\x28")), ("closed", "reset"), "refused_by_server")
    w.play("a request of a hello", lambda s: (s.client_hello(), s.send(HANDSHAKE, message(0, b"")), s.say(s.server_hello()), s.protect(), s.prove(), s.finish()), (OK, 10), "tls_protocol")
    w.play("HTTP", lambda s: s.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), 10, ("not_tls", "bad_record"))
    w.play("nothing", lambda s: s.sock.shutdown(1), ("closed", "reset", 10), "handshake_closed")
    w.end()


@test("a server's flight that is out of order, wrong, short or proves nothing is refused with its alert")
def flights(t):
    w = Watch(t)
    leaf = der_chain(t.pki.server.chain)
    other = t.pki.inter.issue("other-server", "DNS:server.test", "serverAuth")

    def bad(name, alert, *makers, reasons="tls_protocol"):
        w.play(name, says(*makers), alert, reasons)

    def request(s):
        return s.request()

    def cert(s):
        return s.certificate()

    def proof(s):
        return s.verify()

    w.play("plain EncryptedExtensions", lambda s: (s.begin(), s.send(HANDSHAKE, EE, plain=True)), 10, "tls_protocol")
    bad("ALPN not offered", (110,), message(ENCRYPTED_EXTENSIONS, vec(2, ext(16, b"\0\3\2h2"))))
    bad("early data accepted", (110, 47), message(ENCRYPTED_EXTENSIONS, vec(2, ext(42, b""))))
    bad("key_share in EncryptedExtensions", (47, 110), message(ENCRYPTED_EXTENSIONS, vec(2, ext(51, b"\0\x1d"))))
    bad("an extension twice", (47, 50), message(ENCRYPTED_EXTENSIONS, vec(2, ext(10, u16s(X25519)) * 2)))
    bad("cut extensions", 50, message(ENCRYPTED_EXTENSIONS, b"\0\5x"))
    bad("Certificate without EncryptedExtensions", 10, cert)
    bad("two EncryptedExtensions", 10, EE, EE)
    bad("two requests", 10, EE, request, request)
    bad("a request cut in its context", 50, EE, message(CERTIFICATE_REQUEST, b"\2x"))
    bad("a request without algorithms", (109, 47, 50), EE, message(CERTIFICATE_REQUEST, b"\0\0\0"))
    bad("a request after Certificate", 10, EE, cert, request)
    bad("no certificate", (50, 47), EE, request, certificate([]))
    bad("Finished without Certificate", 10, EE, lambda s: s.finished(s.server))
    bad("a context in Certificate", (47, 50), EE, certificate(leaf, context=b"x"))
    bad("a status nobody asked for", (110, 47), EE, certificate(leaf, exts=ext(5, b"\1\0\0\1x")))
    bad("a certificate of rubbish", (42, 50), EE, certificate([b"rubbish"]))
    bad("no proof", 10, EE, request, cert, lambda s: s.finished(s.server))
    bad("a proof by another key", 51, EE, request, cert, lambda s: s.verify(signature=sign(other.key, s.verify_content(b"server"))), reasons="certificate_verify")
    bad("a proof as the client's", 51, EE, request, cert, lambda s: s.verify(signature=sign(s.cert.key, s.verify_content(b"client"))), reasons="certificate_verify")
    bad("an empty proof", (51, 50, 47), EE, request, cert, lambda s: s.verify(signature=b""), reasons=("certificate_verify", "tls_protocol"))
    for scheme in (RSA_PKCS1, ECDSA_SHA1, RSA_PSS, 0x0503, 0x0A0A):
        bad("a proof as %04x" % scheme, 47, EE, request, cert, lambda s, n=scheme: s.verify(scheme=n), reasons=("tls_suite", "tls_protocol"))
    bad("a proof twice", 10, EE, request, cert, proof, proof)
    bad("a wrong Finished", 51, EE, request, cert, proof, lambda s: flipped(s.finished(s.server)))
    bad("a short Finished", (50, 51), EE, request, cert, proof, lambda s: message(FINISHED, s.finished(s.server)[4:-1]))
    bad("a message behind Finished", 10, EE, request, cert, proof, lambda s: s.finished(s.server) + message(4, bytes(20)))
    bad("a message of 1.2", 10, EE, message(SERVER_HELLO_DONE, b""))
    bad("a chain that names another", (42, 46, 48), EE, request, lambda s: certificate(der_chain(t.pki.gw.chain)), reasons=("name_mismatch", "no_rule"))
    w.play("data before Finished", lambda s: (s.begin(), s.send(DATA, b"x")), 10, "tls_protocol")
    w.play("no request at all", lambda s: (s.begin(), s.say(EE), s.say(s.certificate()), s.say(s.verify()), s.finish()), OK)
    w.play("2000 CCS", lambda s: (s.begin(), s.raw(b"\x14\3\3\0\1\1" * 2000)), 10, "tls_protocol")
    w.play("cut into 9", lambda s: (s.begin(), s.say(EE, pieces=9), s.say(s.request(), pieces=9), s.say(s.certificate(), pieces=9), s.say(s.verify(), pieces=9),
                                    s.finish()), OK)
    w.play("a ticket, and data", lambda s: (all_of(s), s.send(HANDSHAKE, message(4, bytes(8) + b"\0" + vec(2, bytes(16)) + b"\0\0"))), OK)
    w.play("a request after the handshake", lambda s: (all_of(s), s.say(s.request())), 10, "record_type")
    w.play("Finished again", lambda s: (all_of(s), s.say(message(FINISHED, bytes(32)))), 10, "record_type")
    w.play("a refusal of our certificate", lambda s: (all_of(s), s.send(ALERT, b"\2\x2a")), ("closed", "reset"), "refused_by_server")
    w.play("a ticket of nothing", lambda s: (all_of(s), s.say(message(4, b""))), (10, 50), "record_type")
    w.end()
