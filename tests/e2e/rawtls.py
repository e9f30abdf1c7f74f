"""A TLS peer, client or server, that says on purpose what no library says: each message is made and sent by the
test. One suite (AES-128-GCM with SHA-256), one group (X25519); enough of TLS 1.3, and of TLS 1.2 as a client."""
import ctypes
import ctypes.util
import hashlib
import hmac
import os
import socket
import struct
import subprocess

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
CLIENT_HELLO, SERVER_HELLO, ENCRYPTED_EXTENSIONS, CERTIFICATE, SERVER_KEY_EXCHANGE = 1, 2, 8, 11, 12
CERTIFICATE_REQUEST, SERVER_HELLO_DONE, CERTIFICATE_VERIFY, CLIENT_KEY_EXCHANGE, FINISHED = 13, 14, 15, 16, 20
SUITE, SUITE12, X25519, P256 = 0x1301, 0xC02B, 29, 23
ECDSA_P256, RSA_PKCS1, RSA_PSS, ECDSA_SHA1 = 0x0403, 0x0401, 0x0804, 0x0203
RETRY = hashlib.sha256(b"HelloRetryRequest").digest()

libcrypto = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
for _name in ("EVP_CIPHER_CTX_new", "EVP_aes_128_gcm"):
    getattr(libcrypto, _name).restype = ctypes.c_void_p


class Alerted(Exception):
    """The other side sent a fatal alert."""


class Ended(Exception):
    """The other side ended the connection, by FIN or RST."""


def gcm(key, nonce, aad, data, seal):
    """AES-128-GCM; None when the tag is wrong."""
    c, ctx, n = libcrypto, ctypes.c_void_p(libcrypto.EVP_CIPHER_CTX_new()), ctypes.c_int()
    tag = None if seal else data[-16:]
    body = data if seal else data[:-16]
    out = ctypes.create_string_buffer(len(body) + 16)
    c.EVP_CipherInit_ex(ctx, ctypes.c_void_p(c.EVP_aes_128_gcm()), None, key, nonce, int(seal))
    c.EVP_CipherUpdate(ctx, None, ctypes.byref(n), aad, len(aad))
    if body:
        c.EVP_CipherUpdate(ctx, out, ctypes.byref(n), body, len(body))
    if not seal:
        c.EVP_CIPHER_CTX_ctrl(ctx, 0x11, 16, tag)
    good = c.EVP_CipherFinal_ex(ctx, ctypes.create_string_buffer(16), ctypes.byref(n))
    made = ctypes.create_string_buffer(16)
    if seal:
        c.EVP_CIPHER_CTX_ctrl(ctx, 0x10, 16, made)
    c.EVP_CIPHER_CTX_free(ctx)
    return (out.raw[:len(body)] + (made.raw if seal else b"")) if good == 1 else None


def x25519(scalar, u=b"\x09" + bytes(31)):
    """RFC 7748 5, not in constant time: for tests only."""
    p = 2 ** 255 - 19
    k = int.from_bytes(scalar, "little") & ~7 & ((1 << 255) - 1) | 1 << 254
    x1 = int.from_bytes(u, "little") & ((1 << 255) - 1)
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % p, c * b % p, a * a % p, b * b % p
        e = aa - bb
        x3, z3, x2, z2 = (da + cb) ** 2 % p, x1 * (da - cb) ** 2 % p, aa * bb % p, e * (aa + 121665 * e) % p
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, p - 2, p) % p).to_bytes(32, "little")


def sha(data):
    return hashlib.sha256(data).digest()


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def expand_label(secret, label, context, n):
    info = struct.pack(">HB", n, 6 + len(label)) + b"tls13 " + label + bytes([len(context)]) + context
    return mac(secret, info + b"\x01")[:n]


def prf(secret, label, seed, n):
    out, a = b"", label + seed
    while len(out) < n:
        a = mac(secret, a)
        out += mac(secret, a + label + seed)
    return out[:n]


def vec(width, data):
    return len(data).to_bytes(width, "big") + data


def ext(kind, body):
    return struct.pack(">H", kind) + vec(2, body)


def u16s(*values):
    return vec(2, b"".join(struct.pack(">H", v) for v in values))


def message(kind, body):
    return bytes([kind]) + vec(3, body)


def der_chain(path):
    """The certificates of a PEM file, as DER."""
    import ssl
    text = open(path).read().split("-----BEGIN CERTIFICATE-----")[1:]
    return [ssl.PEM_cert_to_DER_cert("-----BEGIN CERTIFICATE-----" + t) for t in text]


def sign(key, content, digest="sha256", *options):
    return subprocess.run(["openssl", "dgst", "-" + digest, "-sign", key, *options], input=content, capture_output=True, check=True).stdout


def certificate(chain, context=b"", exts=b""):
    """A Certificate message of TLS 1.3; exts: those of the first entry."""
    entries = b"".join(vec(3, c) + vec(2, b"" if i else exts) for i, c in enumerate(chain))
    return message(CERTIFICATE, vec(1, context) + vec(3, entries))


class Keys:
    """One direction's protection."""

    def __init__(self, secret=None, key=None, salt=None):
        self.secret, self.seq = secret, 0
        self.key = key or expand_label(secret, b"key", b"", 16)
        self.salt = salt or expand_label(secret, b"iv", b"", 12)

    def next(self):
        return Keys(expand_label(self.secret, b"traffic upd", b"", 32))

    def _nonce(self):
        self.seq += 1
        return (int.from_bytes(self.salt, "big") ^ (self.seq - 1)).to_bytes(12, "big")

    def seal(self, kind, body, version):
        if len(self.salt) == 4:
            explicit = self.seq.to_bytes(8, "big")
            aad = explicit + bytes([kind]) + struct.pack(">HH", version, len(body))
            self.seq += 1
            return bytes([kind]) + struct.pack(">H", version) + vec(2, explicit + gcm(self.key, self.salt + explicit, aad, body, True))
        head = bytes([DATA]) + struct.pack(">HH", version, len(body) + 17)
        return head + gcm(self.key, self._nonce(), head, body + bytes([kind]), True)

    def open(self, head, body):
        if len(self.salt) == 4:
            aad = self.seq.to_bytes(8, "big") + head[:3] + struct.pack(">H", len(body) - 24)
            self.seq += 1
            return head[0], gcm(self.key, self.salt + body[:8], aad, body[8:], False)
        plain = gcm(self.key, self._nonce(), head, body, False)
        if plain is None:
            raise AssertionError("a record of the gateway's has a wrong tag")
        plain = plain.rstrip(b"\0")
        return plain[-1], plain[:-1]


class Raw:
    """Records and messages over one connection."""

    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tx = self.rx = None
        self.next_tx = self.next_rx = None  # of TLS 1.2, from the CCS on
        self.log = b""  # the transcript
        self.got, self.rest = b"", b""
        self.private = os.urandom(32)
        self.random = os.urandom(32)

    # -- out
    def raw(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            pass  # the reader finds out what happened

    def record(self, kind, body, version=0x0303, plain=False):
        if self.tx and not plain:
            return self.tx.seal(kind, body, version)
        return bytes([kind]) + struct.pack(">H", version) + vec(2, body)

    def send(self, kind, body, **kw):
        self.raw(self.record(kind, body, **kw))

    def say(self, *messages, pieces=None):
        """Handshake messages in one record, or each `pieces` bytes of them in one."""
        data = b"".join(messages)
        self.log += data
        step = pieces or len(data)
        self.raw(b"".join(self.record(HANDSHAKE, data[i:i + step]) for i in range(0, len(data), step)))

    # -- in
    def _take(self, n):
        while len(self.got) < n:
            try:
                more = self.sock.recv(65536)
            except socket.timeout:
                raise AssertionError("the gateway says nothing and does not end") from None
            except OSError:
                raise Ended("reset") from None
            if not more:
                raise Ended("closed")
            self.got += more
        out, self.got = self.got[:n], self.got[n:]
        return out

    def read(self):
        """(type, body) of the next record that is no CCS."""
        while True:
            head = self._take(5)
            body = self._take(struct.unpack(">H", head[3:])[0])
            kind = head[0]
            if kind == CCS:
                self.rx = self.next_rx or self.rx
                continue
            if self.rx and (kind == DATA or len(self.rx.salt) == 4):
                kind, body = self.rx.open(head, body)
            if kind == ALERT and body[1]:
                raise Alerted(body[1])
            return kind, body

    def hear(self):
        """The next handshake message: (type, body)."""
        while len(self.rest) < 4 or len(self.rest) < 4 + int.from_bytes(self.rest[1:4], "big"):
            kind, body = self.read()
            if kind != HANDSHAKE:
                raise AssertionError("record type %d in the handshake" % kind)
            self.rest += body
        n = 4 + int.from_bytes(self.rest[1:4], "big")
        one, self.rest = self.rest[:n], self.rest[n:]
        self.log += one
        return one[0], one[4:]

    def end(self):
        """How it ends: the alert's number, "closed" or "reset"; data before it is passed over."""
        try:
            while True:
                kind, body = self.read()
                if kind == ALERT and not body[1]:
                    return "close_notify"
        except Alerted as e:
            return e.args[0]
        except Ended as e:
            return e.args[0]

    def echo(self, text=b"hello"):
        """What is sent comes back: the session works."""
        self.send(DATA, text)
        out = b""
        while len(out) < len(text):
            kind, body = self.read()
            if kind == DATA:
                out += body
        return out == text

    # -- the key schedule of TLS 1.3
    def secret(self, base, label):
        return expand_label(base, label, sha(self.log), 32)

    def handshake_secrets(self, shared):
        empty = expand_label(mac(bytes(32), bytes(32)), b"derived", sha(b""), 32)
        self.base = mac(empty, shared)
        self.client, self.server = self.secret(self.base, b"c hs traffic"), self.secret(self.base, b"s hs traffic")

    def application_secrets(self):
        master = mac(expand_label(self.base, b"derived", sha(b""), 32), bytes(32))
        self.client_app, self.server_app = self.secret(master, b"c ap traffic"), self.secret(master, b"s ap traffic")

    def verify_content(self, who):
        return b" " * 64 + b"TLS 1.3, " + who + b" CertificateVerify\0" + sha(self.log)

    def finished(self, secret):
        return message(FINISHED, mac(expand_label(secret, b"finished", b"", 32), sha(self.log)))

    def retried(self):
        """RFC 8446 4.4.1: the first hello as its hash."""
        n = 4 + int.from_bytes(self.log[1:4], "big")
        self.log = message(254, sha(self.log[:n])) + self.log[n:]


class Client(Raw):
    """`cert`: what pki.issue() gave."""

    def __init__(self, sock, cert):
        super().__init__(sock)
        self.cert = cert
        self.session = os.urandom(32)

    def extensions(self, name="gw.test"):
        """{type: body} in the order they are sent."""
        return {0: vec(2, b"\0" + vec(2, name.encode())), 10: u16s(X25519, P256), 13: u16s(ECDSA_P256, RSA_PSS),
                43: vec(1, b"\x03\x04"), 45: vec(1, b"\x01"), 51: vec(2, struct.pack(">H", X25519) + vec(2, x25519(self.private)))}

    def hello(self, change=None, exts=None, version=0x0303, session=None, suites=(SUITE,), compression=b"\0", tail=b"", block=None):
        """change: {type: body, or None to leave it out}; exts: the whole block's bytes; block: with its length."""
        all_exts = self.extensions()
        all_exts.update(change or {})
        if exts is None:
            exts = b"".join(ext(k, v) for k, v in all_exts.items() if v is not None)
        return message(CLIENT_HELLO, struct.pack(">H", version) + self.random + vec(1, self.session if session is None else session) +
                       u16s(*suites) + vec(1, compression) + (vec(2, exts) if block is None else block) + tail)

    def server_hello(self):
        """The extensions of the ServerHello (or HelloRetryRequest); keys are set after the former."""
        kind, body = self.hear()
        if kind != SERVER_HELLO:
            raise AssertionError("message %d instead of ServerHello" % kind)
        self.server_random, at, found = body[2:34], 35 + body[34] + 5, {}
        while at < len(body):
            k, n = struct.unpack(">HH", body[at:at + 4])
            found[k] = body[at + 4:at + 4 + n]
            at += 4 + n
        if self.server_random != RETRY:
            self.handshake_secrets(x25519(self.private, found[51][4:]))
            self.rx = Keys(self.server)
        return found

    def server(self):
        """The server's whole flight; then both sides' keys for what follows."""
        self.server_hello()
        while True:
            kind, _ = self.hear()
            if kind == FINISHED:
                break
        self.application_secrets()
        self.tx, self.rx = Keys(self.client), Keys(self.server_app)

    def certificate(self, **kw):
        return certificate(der_chain(self.cert.chain), **kw)

    def verify(self, scheme=ECDSA_P256, signature=None, before=b""):
        """CertificateVerify over what was said, and `before` that is said with it."""
        content = b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + sha(self.log + before)
        return message(CERTIFICATE_VERIFY, struct.pack(">H", scheme) + vec(2, sign(self.cert.key, content) if signature is None else signature))

    def mine(self):
        """The client's messages, each said already: nothing is sent."""
        start = self.log
        out = []
        for make in (self.certificate, self.verify, lambda: self.finished(self.client)):
            out.append(make())
            self.log += out[-1]
        self.log = start
        return out

    def finish(self, pieces=None):
        self.say(*self.mine(), pieces=pieces)
        self.tx = Keys(self.client_app)

    def connect(self, **kw):
        self.say(self.hello(**kw))
        self.server()
        self.finish()


class Client12(Client):
    """TLS 1.2: ECDHE with ECDSA, always with the session hash unless told otherwise."""

    def extensions(self, name="gw.test"):
        return {0: vec(2, b"\0" + vec(2, name.encode())), 10: u16s(X25519, P256), 11: b"\x01\x00", 13: u16s(ECDSA_P256, RSA_PSS),
                23: b"", 0xFF01: b"\0"}

    def hello(self, *args, suites=(SUITE12,), **kw):
        return super().hello(*args, suites=suites, **kw)

    def server(self):
        while True:
            kind, body = self.hear()
            if kind == SERVER_HELLO:
                self.server_random = body[2:34]
            elif kind == SERVER_KEY_EXCHANGE:
                self.theirs = body[4:36]
            elif kind == SERVER_HELLO_DONE:
                return

    def certificate(self, **kw):
        return message(CERTIFICATE, vec(3, b"".join(vec(3, c) for c in der_chain(self.cert.chain))))

    def key_exchange(self, point=None):
        return message(CLIENT_KEY_EXCHANGE, vec(1, x25519(self.private) if point is None else point))

    def derive(self):
        """After ClientKeyExchange was said."""
        self.master = prf(x25519(self.private, self.theirs), b"extended master secret", sha(self.log), 48)
        block = prf(self.master, b"key expansion", self.server_random + self.random, 40)
        self.next_tx, self.next_rx = Keys(key=block[:16], salt=block[32:36]), Keys(key=block[16:32], salt=block[36:40])

    def verify(self, scheme=ECDSA_P256, signature=None, before=b""):
        return message(CERTIFICATE_VERIFY, struct.pack(">H", scheme) + vec(2, sign(self.cert.key, self.log) if signature is None else signature))

    def done(self):
        return message(FINISHED, prf(self.master, b"client finished", sha(self.log), 12))

    def secure(self):
        self.send(CCS, b"\x01")
        self.tx = self.next_tx

    def prove(self):
        """Everything up to CertificateVerify."""
        self.say(self.certificate())
        self.say(self.key_exchange())
        self.derive()
        self.say(self.verify())

    def connect(self, **kw):
        self.say(self.hello(**kw))
        self.server()
        self.prove()
        self.secure()
        self.say(self.done())
        kind, _ = self.hear()
        if kind != FINISHED:
            raise AssertionError("message %d instead of Finished" % kind)


class Server(Raw):
    """The server of an originating link."""

    def __init__(self, sock, cert):
        super().__init__(sock)
        self.cert = cert

    def client_hello(self):
        kind, body = self.hear()
        if kind != CLIENT_HELLO:
            raise AssertionError("message %d instead of ClientHello" % kind)
        at = 34
        self.session = body[at + 1:at + 1 + body[at]]
        at += 1 + body[at]
        at += 2 + struct.unpack(">H", body[at:at + 2])[0]
        at += 1 + body[at] + 2
        self.offered = {}
        while at < len(body):
            k, n = struct.unpack(">HH", body[at:at + 4])
            self.offered[k] = body[at + 4:at + 4 + n]
            at += 4 + n
        shares, at = self.offered[51], 2
        self.theirs = None
        while at < len(shares):
            group, n = struct.unpack(">HH", shares[at:at + 4])
            if group == X25519:
                self.theirs = shares[at + 4:at + 4 + n]
            at += 4 + n

    def server_hello(self, change=None, random=None, suite=SUITE, session=None, version=0x0303, compression=b"\0", extra=b""):
        exts = {43: b"\x03\x04", 51: struct.pack(">H", X25519) + vec(2, x25519(self.private))}
        exts.update(change or {})
        return message(SERVER_HELLO, struct.pack(">H", version) + (random or self.random) + vec(1, self.session if session is None else session) +
                       struct.pack(">H", suite) + compression + vec(2, b"".join(ext(k, v) for k, v in exts.items() if v is not None) + extra))

    def retry(self, group=P256, change=None, **kw):
        exts = {51: struct.pack(">H", group)}
        exts.update(change or {})
        return self.server_hello(exts, random=RETRY, **kw)

    def protect(self):
        """After ServerHello was said."""
        self.handshake_secrets(x25519(self.private, self.theirs))
        self.tx, self.rx = Keys(self.server), Keys(self.client)

    def begin(self, **kw):
        self.client_hello()
        self.say(self.server_hello(**kw))
        self.protect()

    def request(self):
        return message(CERTIFICATE_REQUEST, b"\0" + vec(2, ext(13, u16s(ECDSA_P256, RSA_PSS))))

    def certificate(self, **kw):
        return certificate(der_chain(self.cert.chain), **kw)

    def verify(self, scheme=ECDSA_P256, signature=None):
        content = self.verify_content(b"server")
        return message(CERTIFICATE_VERIFY, struct.pack(">H", scheme) + vec(2, sign(self.cert.key, content) if signature is None else signature))

    def prove(self):
        """EncryptedExtensions up to CertificateVerify."""
        self.say(message(ENCRYPTED_EXTENSIONS, b"\0\0"))
        self.say(self.request())
        self.say(self.certificate())
        self.say(self.verify())

    def finish(self):
        """Our Finished, the client's flight, and the keys of data."""
        self.say(self.finished(self.server))
        self.application_secrets()
        self.tx = Keys(self.server_app)
        while self.hear()[0] != FINISHED:
            pass
        self.rx = Keys(self.client_app)
