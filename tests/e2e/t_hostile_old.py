"""Goal: after the handshake, and in TLS 1.2, what the RFCs do not know ends the session with its alert."""
import ssl

from harness import expect, test
from hostile import OK, Watch, flipped, hello_of, longer
from rawtls import (ALERT, CCS, CERTIFICATE, CERTIFICATE_REQUEST, DATA, ECDSA_SHA1, FINISHED, HANDSHAKE, Client, Client12, certificate,
                    message, u16s)

BOTH = {"profiles": {"both": {"versions": ["1.2", "1.3"]}}}


@test("after the handshake every message, alert and record that RFC 8446 does not know there ends the session with its alert")
def afterwards(t):
    w = Watch(t)

    def play(name, wants, reasons, *then, kind=Client):
        w.play(name, lambda c: (c.connect(), [f(c) for f in then]), wants, reasons, kind=kind)

    def hs(m):
        return lambda c: c.send(HANDSHAKE, m(c) if callable(m) else m)

    def update(c, body=b"\x18\0\0\1\0"):
        c.send(HANDSHAKE, body)
        c.tx = c.tx.next()

    for name, m in (("a ticket", message(4, bytes(20))), ("a request", message(CERTIFICATE_REQUEST, b"\0\0\0")), ("Finished", message(FINISHED, bytes(32))),
                    ("a Certificate", certificate([])), ("HelloRequest", message(0, b"")), ("a hello", lambda c: c.hello()), ("EndOfEarlyData", message(5, b"")),
                    ("an unknown message", message(99, b"x")), ("a KeyUpdate of 2", b"\x18\0\0\1\2"), ("a KeyUpdate of 255", b"\x18\0\0\1\xff"),
                    ("an empty KeyUpdate", b"\x18\0\0\0"), ("a KeyUpdate of two bytes", b"\x18\0\0\2\0\0"), ("a KeyUpdate and half a one", b"\x18\0\0\1\0\x18"),
                    ("two KeyUpdates in one record", b"\x18\0\0\1\0" * 2), ("a huge KeyUpdate", b"\x18\xff\xff\xff\0")):
        play(name, (10, 47, 50), "record_type", hs(m))
    play("KeyUpdates, each in its record", OK, (), update, update, update)
    play("KeyUpdate asked for by one byte a record", OK, (), lambda c: ([c.send(HANDSHAKE, bytes([b])) for b in b"\x18\0\0\1\0"], setattr(c, "tx", c.tx.next())))
    play("data inside a message", 10, "record_type", hs(b"\x18\0"), lambda c: c.send(DATA, b"x"))
    play("an alert inside a message", 10, "record_type", hs(b"\x18\0"), lambda c: c.send(ALERT, b"\1\0"))
    play("the old keys after KeyUpdate", 20, "decrypt", hs(b"\x18\0\0\1\0"), lambda c: c.send(DATA, b"x"))
    play("user_canceled and data", OK, (), lambda c: c.send(ALERT, b"\1\x5a"))
    play("a warning that 1.3 has not", ("closed", "reset"), "peer_alert", lambda c: c.send(ALERT, b"\1\x64"))
    play("an alert unknown", ("closed", "reset"), "peer_alert", lambda c: c.send(ALERT, b"\2\xff"))
    play("an empty alert", (10, 50), "record_type", lambda c: c.send(ALERT, b""))
    play("half an alert", (10, 50), "record_type", lambda c: c.send(ALERT, b"\2"))
    play("two alerts in one record", (10, 50), "record_type", lambda c: c.send(ALERT, b"\1\x5a\1\x5a"))
    play("data after a fatal alert", ("closed", "reset"), "peer_alert", lambda c: c.raw(c.record(ALERT, b"\2\x50") + c.record(DATA, b"x")))
    play("data after close_notify", ("close_notify", "closed", "reset"), ("closed", "reset"), lambda c: c.raw(c.record(ALERT, b"\1\0") + c.record(DATA, b"x" * 100)))
    play("a plain record of data", (20, 22, 50), ("decrypt", "record_size"), lambda c: c.send(DATA, b"x" * 50, plain=True))
    play("a plain alert", (10, 20), ("record_type", "decrypt"), lambda c: c.send(ALERT, b"\2\x28", plain=True))
    play("a plain handshake message", (10, 20), ("record_type", "decrypt"), lambda c: c.send(HANDSHAKE, b"\x18\0\0\1\0", plain=True))
    play("an empty record", (10, 20, 22, 50), ("decrypt", "record_size", "record_type"), lambda c: c.raw(b"\x17\3\3\0\0"))
    play("zeros only", 10, "record_type", lambda c: c.send(0, bytes(50)))
    play("nothing at all inside", 10, "record_type", lambda c: c.send(0, b""))
    play("another record version", (OK, 20, 70, 10), ("decrypt", "record_type"), lambda c: c.send(DATA, b"", version=0x0301))
    play("record version 0200", (10, 20, 70), ("decrypt", "record_type"), lambda c: c.raw(b"\x17\2\0\0\x20" + bytes(32)))
    w.end()


@test("TLS 1.2: what is wrong in a handshake or after it is refused with its alert, and keys never change early")
def old(t):
    w = Watch(t, listen={"profile": "both"}, **BOTH)

    def play(name, wants, reasons, script):
        w.play(name, script, wants, reasons, kind=Client12)

    def to_keys(c, **kw):
        c.say(c.hello(**kw))
        c.server()

    def to_proof(*then, verify=None):
        def script(c):
            to_keys(c)
            c.say(c.certificate())
            c.say(c.key_exchange())
            c.derive()
            if verify:
                c.say(verify(c))
            for f in then:
                f(c)
        return script

    def proved(*then):
        return to_proof(*then, verify=lambda c: c.verify())

    def after(*then):
        return lambda c: (c.connect(), [f(c) for f in then])

    play("as it should be", OK, (), lambda c: c.connect())
    play("one byte a record", OK, (), lambda c: (c.say(c.hello(), pieces=1), c.server(), c.prove(), c.secure(), c.say(c.done(), pieces=1), c.hear()))
    play("no extended master secret", 40, "ems", hello_of(change={23: None}))
    play("extended master secret with a body", (50, 47), "tls_protocol", hello_of(change={23: b"x"}))
    play("a wrong renegotiation_info", 40, "tls_protocol", hello_of(change={0xFF01: b"\1x"}))
    play("a malformed renegotiation_info", (50, 40), "tls_protocol", hello_of(change={0xFF01: b"\2x"}))
    play("neither renegotiation_info nor SCSV", OK, (), lambda c: c.connect(change={0xFF01: None}))
    play("SCSV", OK, (), lambda c: c.connect(change={0xFF01: None}, suites=(0xC02B, 0x00FF)))
    play("a fallback that is none", (86,), ("tls_version", "tls_protocol"), hello_of(suites=(0xC02B, 0x5600)))
    play("RSA key exchange only", 40, "tls_suite", hello_of(suites=(0x009C, 0x002F, 0x0035, 0x000A)))
    play("CBC only", 40, "tls_suite", hello_of(suites=(0xC009, 0xC023, 0xC024)))
    play("RSA for our EC key", 40, "tls_suite", hello_of(suites=(0xC02F, 0xC030)))
    play("null, export and anonymous suites", 40, "tls_suite", hello_of(suites=(0, 1, 2, 3, 0x18, 0x34, 0xC010, 0xC015)))
    play("TLS 1.1", 70, "tls_version", hello_of(version=0x0302))
    play("SSL 3", (70, 40), "tls_version", hello_of(version=0x0300))
    if ssl.OPENSSL_VERSION_INFO < (3, 5):  # newer ones take it, and use uncompressed points all the same
        play("no point formats we know", (47, 40), ("tls_protocol", "tls_suite"), hello_of(change={11: b"\1\2"}))
    play("no groups in common", 40, "tls_suite", hello_of(change={10: u16s(0x1A1A)}))
    play("SHA-1 only", 40, "tls_suite", hello_of(change={13: u16s(ECDSA_SHA1, 0x0201)}))
    for point in (b"", b"\0", bytes(31), bytes(32), b"\1" + bytes(31), bytes(33)):
        play("the point %s of %d" % (point[:1].hex(), len(point)), (47, 50, 40), "tls_protocol",
             lambda c, p=point: (to_keys(c), c.say(c.certificate()), c.say(c.key_exchange(p)), c.derive(), c.say(c.verify())))
    play("bytes behind the point", 50, "tls_protocol", lambda c: (to_keys(c), c.say(c.certificate()), c.say(longer(c.key_exchange()))))
    play("no certificate", 40, "no_certificate", lambda c: (to_keys(c), c.say(message(CERTIFICATE, b"\0\0\0"))))
    play("key exchange without Certificate", 10, "tls_protocol", lambda c: (to_keys(c), c.say(c.key_exchange())))
    play("CCS before key exchange", 10, "tls_protocol", lambda c: (to_keys(c), c.send(CCS, b"\1")))
    play("CCS after the hello", 10, "tls_protocol", lambda c: (c.say(c.hello()), c.send(CCS, b"\1"), c.server()))
    play("CCS before the proof", 10, "tls_protocol", to_proof(lambda c: c.secure(), lambda c: c.say(c.done())))
    play("two CCS", (10, 20, 80), ("tls_protocol", "decrypt"), proved(lambda c: c.raw(b"\x14\3\3\0\1\1" * 2)))
    play("CCS of 2", (47, 10, 50), "tls_protocol", proved(lambda c: c.send(CCS, b"\2")))
    play("CCS of two bytes", (47, 10, 50), "tls_protocol", proved(lambda c: c.send(CCS, b"\1\1")))
    play("plain Finished without CCS", 10, "tls_protocol", proved(lambda c: c.say(c.done())))
    play("plain Finished after CCS", (10, 20, 50, 80), ("tls_protocol", "decrypt"), proved(lambda c: c.send(CCS, b"\1"), lambda c: c.say(c.done())))
    play("data before Finished", 10, "tls_protocol", proved(lambda c: c.secure(), lambda c: c.send(DATA, b"x")))
    play("an empty Finished", (50, 51), "tls_protocol", proved(lambda c: c.secure(), lambda c: c.say(message(FINISHED, b""))))
    play("a short Finished", (50, 51), "tls_protocol", proved(lambda c: c.secure(), lambda c: c.say(message(FINISHED, bytes(11)))))
    play("a wrong Finished", 51, "tls_protocol", proved(lambda c: c.secure(), lambda c: c.say(flipped(c.done()))))
    play("a Finished in parts", OK, (), proved(lambda c: c.secure(), lambda c: c.say(c.done(), pieces=3), lambda c: c.hear()))
    play("a Finished and more in its record", (10, "closed", "reset"), "tls_protocol", proved(lambda c: c.secure(), lambda c: c.say(c.done() + b"\0\0\0\0")))
    play("a proof with another hash", 51, "certificate_verify", to_proof(verify=lambda c: c.verify(scheme=0x0503)))
    play("a SHA-1 proof", (47, 40), ("tls_suite", "tls_protocol"), to_proof(verify=lambda c: c.verify(scheme=ECDSA_SHA1)))
    play("a wrong proof", 51, "certificate_verify", to_proof(verify=lambda c: flipped(c.verify())))
    play("an empty proof", (51, 50, 47), ("certificate_verify", "tls_protocol"), to_proof(verify=lambda c: c.verify(signature=b"")))
    for name, m in (("a hello again", lambda c: c.hello()), ("HelloRequest", lambda c: message(0, b"")), ("Finished", lambda c: message(FINISHED, bytes(12))),
                    ("KeyUpdate", lambda c: b"\x18\0\0\1\0")):
        play(name + " afterwards", (100, 10), "record_type", after(lambda c, m=m: c.send(HANDSHAKE, m(c))))
    play("CCS afterwards", 10, "record_type", after(lambda c: c.send(CCS, b"\1")))
    play("no_renegotiation and data", OK, (), after(lambda c: c.send(ALERT, b"\1\x64")))
    play("empty data", OK, (), after(lambda c: c.send(DATA, b"")))
    play("2^14 bytes", OK, (), after(lambda c: c.echo(bytes(16384))))
    play("2^14 bytes and one", 22, "record_size", after(lambda c: c.send(DATA, bytes(16385))))
    play("a wrong tag", 20, "decrypt", after(lambda c: c.raw(b"\x17\3\3\0\x20" + bytes(32))))
    play("another record version", (20, 70, 10), ("decrypt", "record_type"), after(lambda c: c.raw(b"\x17\3\1" + c.record(DATA, b"x")[3:])))
    play("less than a tag", (20, 50, 22), ("decrypt", "record_size"), after(lambda c: c.raw(b"\x17\3\3\0\3abc")))
    w.end()


@test("two thousand handshakes that stop at each stage end after their time, and others get in meanwhile", timeout=120)
def half_open(t):
    w = Watch(t, link={"limits": {"handshake_s": 5, "sessions": 5000, "handshakes_per_second": 10000, "handshakes_per_source": 10000}})
    stages = [b"", b"\x16", b"\x16\3\1\2\0\1\0"]
    held = []
    for i in range(2000):
        c = Client(t.connect(w.g.port), t.pki.client)
        c.raw(stages[i % 4] if i % 4 < 3 else c.record(HANDSHAKE, c.hello()))
        held.append(c)
    fresh = Client(t.connect(w.g.port), t.pki.client)
    fresh.connect()
    expect(fresh.echo(), "another client")
    fresh.sock.close()
    for c in held:
        expect(c.end() in ("closed", "reset"), "not ended")
        c.sock.close()
    w.end()
