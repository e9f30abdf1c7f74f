"""Goal: a handshake that no honest TLS library makes gets its alert, one refusal with a sensible reason, and costs
nobody else anything."""
import os

from harness import equal, test
from hostile import OK, Watch, connected, flipped, hello_of, longer, record_of, share
from pki import CA
from rawtls import (ALERT, CCS, CERTIFICATE, CERTIFICATE_REQUEST, DATA, ECDSA_P256, ECDSA_SHA1, FINISHED, HANDSHAKE, P256, RETRY, RSA_PKCS1, RSA_PSS, SUITE,
                    X25519, Ended, Keys, certificate, der_chain, ext, message, sign, u16s, vec)


@test("a ClientHello cut anyhow gets in; records between its parts, empty, too long or of a wrong kind do not")
def framing(t):
    w = Watch(t)

    def bytewise(c):
        m = c.hello()
        c.log += m
        for b in c.record(HANDSHAKE, m):
            c.raw(bytes([b]))
        c.server()
        c.finish()

    def between(kind, body):
        def script(c):
            m = c.hello()
            c.send(HANDSHAKE, m[:50])
            c.send(kind, body)
            c.send(HANDSHAKE, m[50:])
        return script

    def versioned(version):
        def script(c):
            m = c.hello()
            c.log += m
            c.send(HANDSHAKE, m, version=version)
            c.server()
            c.finish()
        return script

    w.play("one byte a segment", bytewise, OK)
    w.play("one byte a record", lambda c: connected(c, pieces=1), OK)
    w.play("cut in its header", lambda c: connected(c, pieces=3), OK)
    for version in (0x0301, 0x0302, 0x0303, 0x0304):
        w.play("record version %04x" % version, versioned(version), (OK,) if version != 0x0304 else (OK, 70), ("closed", "tls_version"))
    w.play("record version 0200", versioned(0x0200), 10, "not_tls")
    w.play("record version 0400", versioned(0x0400), 10, "not_tls")
    w.play("a CCS between", between(CCS, b"\1"), (10,), "tls_protocol")
    w.play("an alert between", between(ALERT, b"\1\x5a"), (10,), "tls_protocol")
    w.play("a fatal alert between", between(ALERT, b"\2\x28"), (10, "closed"), ("tls_protocol", "peer_alert"))
    w.play("data between", between(DATA, b"x"), 10, "tls_protocol")
    w.play("an empty handshake record", between(HANDSHAKE, b""), 10, "tls_protocol")
    w.play("an empty handshake record first", lambda c: (c.send(HANDSHAKE, b""), c.say(c.hello())), 10, "tls_protocol")
    w.play("an empty alert", lambda c: c.send(ALERT, b""), (10, 50), "tls_protocol")
    w.play("half an alert", lambda c: c.send(ALERT, b"\2"), (10, 50), "tls_protocol")
    w.play("two alerts in one", lambda c: c.send(ALERT, b"\2\x28\2\x28"), (10, 50), "tls_protocol")
    w.play("empty data", lambda c: c.send(DATA, b""), 10, ("tls_protocol", "not_tls"))
    w.play("an empty CCS", lambda c: (c.send(CCS, b""), c.say(c.hello())), 10, "tls_protocol")
    for kind in (0, 19, 24, 25, 99, 255):
        w.play("type %d" % kind, record_of(bytes([kind]) + b"\3\3\0\1x"), 10, "not_tls")
    w.play("2^14 bytes and one", record_of(b"\x16\3\3\x40\1" + b"\1\0\x40\0" + bytes(0x4001)), 22, ("bad_record", "tls_protocol"))
    w.play("2^14 bytes and 257", record_of(b"\x16\3\3\x41\1"), 22, ("bad_record", "not_tls"))
    w.play("a hello of 16 MB", record_of(b"\x16\3\3\0\4\1\xff\xff\xff"), 47, "tls_protocol")
    w.play("an empty message", record_of(b"\x16\3\3\0\4\1\0\0\0"), 50, "tls_protocol")
    w.play("another message first", lambda c: c.say(message(FINISHED, bytes(32))), 10, "tls_protocol")
    w.play("an unknown message first", lambda c: c.say(message(77, bytes(32))), 10, "tls_protocol")
    w.play("two hellos in one record", lambda c: c.say(c.hello(), c.hello()), 10, "tls_protocol")
    w.play("a plain alert first", lambda c: c.send(ALERT, b"\2\x28"), ("closed", "reset", 10), ("peer_alert", "tls_protocol"))
    w.play("close_notify first", lambda c: c.send(ALERT, b"\1\0"), ("closed", "reset", 10), ("peer_alert", "tls_protocol", "handshake_closed"))
    w.end()


def retried(c):
    """The gateway asks for another share: it has no use for the first one."""
    c.server_hello()
    raise Ended("retry" if c.server_random == RETRY else "went on")


@test("each field of a ClientHello is read as RFC 8446 says, and what is wrong is refused with its alert")
def hellos(t):
    w = Watch(t, names=["gw.test"])
    good = {
        "a session id of none": dict(session=b""), "a session id of 1": dict(session=b"x"),
        "unknown suites": dict(suites=(0x0A0A, 0x1399, 0xFFFF, SUITE, 0x5A5A)),
        "all suites": dict(suites=(SUITE, *range(0x1304, 0x1304 + 5000))),
        "unknown extensions": dict(change={0x0A0A: b"", 0x9999: b"abc", 0xFAFA: bytes(500)}),
        "GREASE versions and groups": dict(change={43: vec(1, b"\x0a\x0a\x7f\x1c\3\4"), 10: u16s(0x1A1A, X25519), 13: u16s(0x2A2A, ECDSA_P256)}),
        "GREASE share": lambda c: dict(change={10: u16s(0x1A1A, X25519), 51: vec(2, share(0x1A1A, b"\0") + c.extensions()[51][2:])}),
        "version 0304": dict(version=0x0304), "version 0301": dict(version=0x0301),
        "a padding of 4000": dict(change={21: bytes(4000)}), "record_size_limit": dict(change={28: b"\x40\1"}),
        "early data without a PSK": dict(change={42: b""}),
        "psk modes of none we know": dict(change={45: vec(1, b"\x0a\x05")}),
    }
    for name, kw in good.items():
        w.play(name, lambda c, kw=kw: connected(c, **(kw(c) if callable(kw) else kw)), OK)
    many = {0x4000 + i: b"" for i in range(1500)}
    w.play("1500 extensions", lambda c: connected(c, change=many), OK)

    def bad(name, alert, reasons="tls_protocol", **kw):
        w.play(name, hello_of(**kw), alert, reasons)

    bad("legacy version 0300", (OK, 70, 47), ("tls_version", "tls_protocol", "handshake_closed"), version=0x0200)
    bad("compression of deflate", 47, compression=b"\1\0")
    bad("compression without null", (47, 50), compression=b"\1")
    bad("no compression", (47, 50), compression=b"")
    bad("a session id of 33", (47, 50), session=bytes(33))
    bad("no suites", (47, 50, 40), ("tls_protocol", "tls_suite"), suites=())
    bad("no common suite", 40, "tls_suite", suites=(0x1399, 0x00FF))
    bad("bytes behind", 50, tail=b"\0")
    bad("extensions cut", 50, block=b"\0\x40\0\0\0\0")
    bad("an extension longer than the block", 50, exts=b"\0\x2b\0\x09\2\3\4")
    bad("no extensions at all", (112, 70), ("tls_version", "server_name"), block=b"")
    bad("an empty block", (112, 70), ("tls_version", "server_name"), exts=b"")
    for kind in (0, 10, 13, 43, 45, 51):
        w.play("extension %d twice" % kind, lambda c, k=kind: c.say(c.hello(exts=b"".join(
            ext(n, b) for n, b in [*c.extensions().items(), (k, c.extensions()[k])]))), 47, ("tls_protocol",))
    w.play("an unknown extension twice", lambda c: connected(c, exts=b"".join(ext(k, v) for k, v in c.extensions().items()) + ext(0x9999, b"") * 2), (OK, 47), "tls_protocol")
    bad("without signature_algorithms", 109, ("tls_protocol", "tls_suite"), change={13: None})
    bad("without supported_groups", 109, ("tls_protocol", "tls_suite"), change={10: None})
    bad("without key_share", 109, ("tls_protocol", "tls_suite"), change={51: None})
    bad("without supported_versions", 70, "tls_version", change={43: None})
    bad("versions of none we have", 70, "tls_version", change={43: vec(1, b"\3\3\3\2")})
    bad("versions of TLS 1.5 only", 70, "tls_version", change={43: vec(1, b"\3\5")})
    for kind, name in ((10, "groups"), (13, "algorithms"), (43, "versions"), (51, "key_share"), (45, "psk modes"), (0, "a name")):
        bad("empty body: " + name, 50, ("tls_protocol", "server_name"), change={kind: b""})
    for kind, name in ((10, "groups"), (13, "algorithms")):
        bad("no " + name, 50, change={kind: b"\0\0"})
        bad("half of " + name, 50, change={kind: b"\0\3\0\x1d\0"})
        bad("behind " + name, 50, change={kind: b"\0\2\0\x1d\0"})
    bad("no versions", 50, change={43: b"\0"})
    bad("half a version", 50, change={43: b"\3\3\4\3"})
    bad("behind versions", 50, change={43: b"\2\3\4\0"})
    bad("no common group", 40, "tls_suite", change={10: u16s(0x1A1A), 51: b"\0\0"})
    bad("no common algorithm", 40, "tls_suite", change={13: u16s(0x2A2A)})
    bad("only rsa algorithms for our EC key", 40, "tls_suite", change={13: u16s(RSA_PSS)})
    bad("only pkcs1 and sha1", 40, "tls_suite", change={13: u16s(RSA_PKCS1, ECDSA_SHA1)})

    def shares(name, alert, *entries, reasons="tls_protocol"):
        bad(name, alert, reasons, change={51: vec(2, b"".join(entries))})
    for n in (0, 1, 31, 33):
        shares("a share of %d" % n, (47, 50), share(X25519, bytes(n)))
    for point in (bytes(32), b"\1" + bytes(31), bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
                  bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"), b"\xec" + b"\xff" * 30 + b"\x7f",
                  b"\xed" + b"\xff" * 30 + b"\x7f", b"\xee" + b"\xff" * 30 + b"\x7f"):
        shares("low order %s" % point[:2].hex(), 47, share(X25519, point))
    for key in (b"\4" + bytes(64), b"\4" + b"\1" * 64, b"\4" + bytes(63), b"\2" + b"\1" * 32, b"\0", b"\5" + b"\1" * 64, b"\7" + b"\1" * 64, b""):
        shares("P-256 %s of %d" % (key[:1].hex(), len(key)), (47, 50), share(P256, key))
    w.play("two shares of one group", lambda c: connected(c, change={51: vec(2, c.extensions()[51][2:] * 2)}), (OK, 47), "tls_protocol")
    shares("a share of a group not offered", 47, share(24, b"\4" + bytes(96)))
    shares("a share of no length", 50, b"\0\x1d\0")
    bad("behind the shares", 50, change={51: vec(2, share(X25519, b"\x09" + bytes(31))) + b"x"})
    hybrid = {10: u16s(4588, X25519), 51: vec(2, share(4588, b"\xff" * 1216))}
    w.play("a malformed X25519MLKEM768 share", lambda c: c.say(c.hello(change=hybrid)) or retried(c), ("retry", 47), ("tls_protocol", "handshake_closed"))
    psk = vec(2, vec(2, b"ticket") + bytes(4)) + vec(2, vec(1, bytes(32)))
    w.play("a PSK that is unknown", lambda c: connected(c, change={41: psk}), OK)
    w.play("a PSK without its modes", hello_of(change={45: None, 41: psk}), 109, "tls_protocol")
    w.play("a PSK that is not last", lambda c: c.say(c.hello(exts=ext(41, psk) + b"".join(ext(k, v) for k, v in c.extensions().items()))), 47, "tls_protocol")
    w.play("a PSK with psk_ke only", lambda c: connected(c, change={45: vec(1, b"\0"), 41: psk}), OK)
    w.play("a PSK of no identities", lambda c: connected(c, change={41: b"\0\0\0\0"}), (OK, 50, 47), "tls_protocol")
    w.play("a PSK with a binder too few", lambda c: connected(c, change={41: vec(2, vec(2, b"ticket") + bytes(4)) + b"\0\0"}), (OK, 50, 47, 51), "tls_protocol")
    bad("no name", 112, "server_name", change={0: None})
    bad("a name of another", 112, "server_name", change={0: vec(2, b"\0" + vec(2, b"other.test"))})
    for name in (b"", b"gw.test\0", b"a" * 254, b"gw..test", b".gw.test", b"gw.test.", b"g\xc3\xbc.test"):
        bad("the name %r" % name[:12], (50, 112), "server_name", change={0: vec(2, b"\0" + vec(2, name))})
    bad("two names", 50, "server_name", change={0: vec(2, (b"\0" + vec(2, b"gw.test")) * 2)})
    bad("a name of another type", 50, "server_name", change={0: vec(2, b"\1" + vec(2, b"gw.test"))})
    w.end()


def second(c, change=None, exts=None, again=None, **first):
    """A hello without a share, the retry, and a second hello that differs by `change`."""
    c.say(c.hello(change={51: b"\0\0"}, **first))
    found = c.server_hello()
    equal(c.server_random, RETRY)
    c.retried()
    c.cookie = found.get(44)
    wanted = {} if c.cookie is None else {44: c.cookie}
    wanted.update(change or {})
    c.say(c.hello(change=wanted, **(again or first)))


@test("after a HelloRetryRequest the second ClientHello may differ only where RFC 8446 4.1.2 lets it")
def retry(t):
    w = Watch(t)

    def on(c, **kw):
        second(c, **kw)
        c.server()
        c.finish()

    def other_random(c):
        c.say(c.hello(change={51: b"\0\0"}))
        c.server_hello()
        c.retried()
        c.random = bytes(32)
        c.say(c.hello())

    w.play("a retry", on, OK)
    w.play("in small records", lambda c: (second(c), c.server(), c.finish(pieces=5)), OK)
    w.play("a CCS before the second hello", lambda c: (c.say(c.hello(change={51: b"\0\0"})), c.server_hello(), c.retried(), c.send(CCS, b"\1"),
                                                      c.say(c.hello()), c.server(), c.finish()), OK)
    w.play("no share again", lambda c: second(c, change={51: b"\0\0"}), 47, "tls_protocol")
    w.play("no key_share at all", lambda c: second(c, change={51: None}), (109, 47), ("tls_suite", "tls_protocol"))
    w.play("a group not asked for", lambda c: second(c, change={51: vec(2, share(P256, b"\4" + bytes(64)))}), 47, "tls_protocol")
    w.play("a cookie nobody gave", lambda c: on(c, change={44: vec(2, b"cookie")}), (47, OK), "tls_protocol")
    w.play("another name", lambda c: second(c, change={0: vec(2, b"\0" + vec(2, b"x.test"))}), 47, "server_name_changed")
    w.play("no name", lambda c: second(c, change={0: None}), 47, "server_name_changed")
    w.play("other suites", lambda c: second(c, again=dict(suites=(0x1302,))), (47, 40), ("tls_protocol", "tls_suite"))
    w.play("other versions", lambda c: second(c, change={43: vec(1, b"\3\3")}), (47, 70), ("tls_protocol", "tls_version"))
    w.play("another message", lambda c: (c.say(c.hello(change={51: b"\0\0"})), c.server_hello(), c.say(message(FINISHED, bytes(32)))), 10, "tls_protocol")
    w.play("data", lambda c: (c.say(c.hello(change={51: b"\0\0"})), c.server_hello(), c.send(DATA, b"x")), 10, "tls_protocol")
    w.play("a second hello unasked", lambda c: (c.say(c.hello()), c.server(), c.send(HANDSHAKE, c.hello(), plain=True)), 10, "tls_protocol")
    w.play("another random", lambda c: (other_random(c), c.server(), c.finish()), (OK, 47), "tls_protocol")
    w.end()


def flight(*makers):
    """After the server's flight: each message made by one of the makers."""
    def script(c):
        c.say(c.hello())
        c.server()
        for make in makers:
            c.say(make(c), pieces=16000)
        c.tx = Keys(c.client_app)
    return script


def cert(c):
    return c.certificate()


def proof(c):
    return c.verify()


def finished(c):
    return c.finished(c.client)


@test("a client's flight that is out of order, wrong, short or proves nothing is refused with its alert")
def flights(t):
    w = Watch(t)
    other = t.pki.inter.issue("other", "URI:spiffe://partner.example/client")
    rsa = t.pki.inter.issue("rsa", "URI:spiffe://partner.example/client", key_type="rsa")
    leaf = der_chain(t.pki.client.chain)

    def play(name, alert, reasons, *makers):
        w.play(name, flight(*makers), alert, reasons)

    def begun(*then):
        """After the server's flight, under the handshake keys: raw things."""
        def script(c):
            c.say(c.hello())
            c.server()
            for f in then:
                f(c)
        return script

    none = certificate([])
    play("no certificate", 116, "no_certificate", lambda c: none, finished)
    play("no certificate but a proof", 116, "no_certificate", lambda c: none, proof)
    play("a context in Certificate", (47, 50), "tls_protocol", lambda c: certificate(leaf, context=b"x"), proof, finished)
    play("a cut Certificate", 50, "tls_protocol", lambda c: message(CERTIFICATE, b"\0\0\1\0"), proof)
    play("bytes behind Certificate", 50, "tls_protocol", lambda c: message(CERTIFICATE, certificate(leaf)[4:] + b"x"), proof)
    play("an empty entry", (50, 42), "tls_protocol", lambda c: certificate([b""]), proof)
    play("a certificate of rubbish", (42, 50), "tls_protocol", lambda c: certificate([b"rubbish"]), proof)
    play("a certificate with a byte behind", (42, 50), "tls_protocol", lambda c: certificate([leaf[0] + b"x", *leaf[1:]]), proof)
    play("a status nobody asked for", (110, 47), "tls_protocol", lambda c: certificate(leaf, exts=ext(5, b"\1\0\0\1x")), proof, finished)
    play("an unknown extension of an entry", (OK, 110), "tls_protocol", lambda c: certificate(leaf, exts=ext(0x9999, b"")), proof, finished)
    play("a Certificate of 300 KB", (47, 50), ("chain_limit", "tls_protocol"), lambda c: message(CERTIFICATE, bytes(100000)))
    play("a chain of a stranger", 48, "unknown_ca", lambda c: certificate([der_chain(stranger(t).chain)[0]]), proof, finished)
    play("the same certificate sixteen times", (47, 42, 48), ("chain_limit", "chain"), lambda c: certificate(leaf[:1] * 16), proof, finished)
    play("proof before Certificate", 10, "tls_protocol", proof)
    play("Finished first", 10, "tls_protocol", finished)
    play("Finished without a proof", 10, "tls_protocol", cert, finished)
    play("two Certificates", 10, "tls_protocol", cert, cert)
    play("two proofs", 10, "tls_protocol", cert, proof, proof)
    play("a proof by another key", 51, "certificate_verify", cert, lambda c: c.verify(signature=sign_by(c, other.key)), finished)
    play("a proof of other content", 51, "certificate_verify", cert, lambda c: c.verify(before=b"x"), finished)
    play("a proof with one bit changed", (51, 47), ("certificate_verify", "tls_protocol"), cert, lambda c: flipped(c.verify()), finished)
    play("a proof of nothing", (51, 50, 47), ("certificate_verify", "tls_protocol"), cert, lambda c: c.verify(signature=b""), finished)
    for scheme, name in ((RSA_PKCS1, "rsa_pkcs1"), (ECDSA_SHA1, "sha1"), (0x0503, "P-384"), (RSA_PSS, "pss for an EC key"), (0x0807, "ed25519"), (0, "0"), (0x0A0A, "GREASE")):
        play("a proof as " + name, 47, ("tls_suite", "tls_protocol"), cert, lambda c, s=scheme: c.verify(scheme=s), finished)
    play("an RSA certificate with an EC proof", 47, ("tls_suite", "tls_protocol"), lambda c: certificate(der_chain(rsa.chain)), proof)
    play("an RSA certificate with a pkcs1 proof", 47, ("tls_suite", "tls_protocol"), lambda c: certificate(der_chain(rsa.chain)),
         lambda c: c.verify(scheme=RSA_PKCS1, signature=sign_by(c, rsa.key)))
    play("bytes behind the proof", 50, "tls_protocol", cert, lambda c: longer(c.verify()), finished)
    play("a cut proof", 50, "tls_protocol", cert, lambda c: message(15, c.verify()[4:-1]), finished)
    play("a wrong Finished", 51, "tls_protocol", cert, proof, lambda c: flipped(finished(c)))
    play("a Finished of the server's", 51, "tls_protocol", cert, proof, lambda c: c.finished(c.server))
    play("a short Finished", (50, 51), "tls_protocol", cert, proof, lambda c: message(FINISHED, finished(c)[4:-1]))
    play("a long Finished", (50, 51), "tls_protocol", cert, proof, lambda c: longer(finished(c)))
    play("an empty Finished", (50, 51), "tls_protocol", cert, proof, lambda c: message(FINISHED, b""))
    play("a message behind Finished", 10, "tls_protocol", cert, proof, lambda c: finished(c) + b"\x18\0\0\1\0")
    play("half a message behind Finished", 10, "tls_protocol", cert, proof, lambda c: finished(c) + b"\x18")
    play("KeyUpdate before Finished", 10, "tls_protocol", cert, proof, lambda c: b"\x18\0\0\1\0")
    play("EndOfEarlyData", 10, "tls_protocol", lambda c: message(5, b""))
    play("a request of the client's", 10, "tls_protocol", lambda c: message(CERTIFICATE_REQUEST, b"\0\0\0"))
    play("a hello again", 10, "tls_protocol", lambda c: c.hello())
    w.play("in more records than a handshake has", begun(lambda c: c.finish(pieces=1)), 10, "tls_protocol")
    for pieces in (5, 7, 100):
        w.play("cut into %d" % pieces, begun(lambda c, n=pieces: c.finish(pieces=n)), OK)
    w.play("all in one record", begun(lambda c: c.finish()), OK)
    w.play("CCS before the flight", begun(lambda c: c.send(CCS, b"\1", plain=True), lambda c: c.finish()), OK)
    w.play("three CCS", begun(*[lambda c: c.send(CCS, b"\1", plain=True)] * 3, lambda c: c.finish()), OK)
    w.play("2000 CCS", begun(lambda c: c.raw(b"\x14\3\3\0\1\1" * 2000), lambda c: c.finish()), 10, "tls_protocol")
    w.play("CCS of 2", begun(lambda c: c.send(CCS, b"\2", plain=True)), 10, "tls_protocol")
    w.play("CCS of two bytes", begun(lambda c: c.send(CCS, b"\1\1", plain=True)), 10, "tls_protocol")
    w.play("an empty CCS", begun(lambda c: c.send(CCS, b"", plain=True)), 10, "tls_protocol")
    w.play("a CCS inside protection", begun(lambda c: c.send(CCS, b"\1")), 10, "tls_protocol")
    w.play("a CCS inside a message", begun(lambda c: c.send(HANDSHAKE, c.certificate()[:9]), lambda c: c.send(CCS, b"\1", plain=True),
                                           lambda c: c.send(HANDSHAKE, c.certificate()[9:])), (10, OK), "tls_protocol")
    w.play("plain handshake under keys", begun(lambda c: c.send(HANDSHAKE, c.certificate(), plain=True)), (10, 20), ("tls_protocol", "decrypt"))
    w.play("a plain warning under keys", begun(lambda c: c.send(ALERT, b"\1\x5a", plain=True), lambda c: c.finish()), (10, OK, "closed", "reset"), ("tls_protocol", "peer_alert"))
    w.play("plain data under keys", begun(lambda c: c.send(DATA, b"x", plain=True)), (10, 20, 50), ("tls_protocol", "decrypt"))
    w.play("data before Finished", begun(lambda c: c.send(DATA, b"x")), 10, "tls_protocol")
    w.play("empty data before Finished", begun(lambda c: c.send(DATA, b"")), 10, "tls_protocol")
    w.play("an empty handshake record", begun(lambda c: c.send(HANDSHAKE, b"")), 10, "tls_protocol")
    w.play("a record of padding only", begun(lambda c: c.send(0, b"")), 10, "tls_protocol")
    w.play("an unknown type inside", begun(lambda c: c.send(99, b"x")), 10, "tls_protocol")
    w.play("a wrong tag", begun(lambda c: c.raw(b"\x17\3\3\0\x20" + bytes(32))), 20, ("tls_protocol", "decrypt"))
    w.play("less than a tag", begun(lambda c: c.raw(b"\x17\3\3\0\3abc")), (20, 50), ("tls_protocol", "decrypt"))
    w.play("an empty record", begun(lambda c: c.raw(b"\x17\3\3\0\0")), (10, 20, 50), ("tls_protocol", "decrypt"))
    w.play("protected 2^14 and 1", begun(lambda c: c.send(HANDSHAKE, bytes(16385))), 22, ("tls_protocol", "bad_record"))
    w.play("protected 2^14 and 257", begun(lambda c: c.raw(b"\x17\3\3\x41\1")), 22, "bad_record")
    w.play("an empty alert", begun(lambda c: c.send(ALERT, b"")), (10, 50), "tls_protocol")
    w.play("user_canceled, then the flight", begun(lambda c: c.send(ALERT, b"\1\x5a"), lambda c: c.finish()), OK)
    w.play("a fatal alert", begun(lambda c: c.send(ALERT, b"\2\x2a")), ("closed", "reset"), "peer_alert")
    w.play("a warning that 1.3 has not", begun(lambda c: c.send(ALERT, b"\1\x2a")), ("closed", "reset", 10), ("peer_alert", "tls_protocol"))
    w.play("a FIN", begun(lambda c: c.sock.shutdown(1)), ("closed", "reset"), "handshake_closed")
    w.end()


def stranger(t):
    return CA(t.dir, "stranger-ca").issue("someone", "URI:spiffe://partner.example/client")


def sign_by(c, key):
    return sign(key, c.verify_content(b"client"))




@test("garbage early data is passed over up to a bound and never delivered")
def early(t):
    w = Watch(t)
    psk = vec(2, vec(2, b"ticket") + bytes(4)) + vec(2, vec(1, bytes(32)))
    record = b"\x17\3\3\0\x40" + os.urandom(64)

    def offered(n, size=record):
        def script(c):
            c.say(c.hello(change={42: b"", 41: psk}))
            c.raw(size * n)
            c.server()
            c.finish()
        return script

    w.play("none", offered(0), OK)
    w.play("one record", offered(1), OK)
    w.play("a hundred", offered(100), OK)
    w.play("more than the bound", offered(3000), (20, 10, "reset", "closed"), ("tls_protocol", "decrypt", "bad_record"))
    w.play("without the offer", lambda c: (c.say(c.hello()), c.raw(record), c.server(), c.finish()), (20, 10), "tls_protocol")
    w.play("with a retry", lambda c: (c.say(c.hello(change={51: b"\0\0", 42: b"", 41: psk})), c.raw(record), c.server_hello(), c.retried(),
                                     c.say(c.hello(change={41: psk})), c.server(), c.finish()), OK)
    w.end()
