"""A certificate authority for tests, driven by the openssl command: roots, intermediates, leaves, CRLs.

Everything is made in a directory of the caller's; nothing is kept in the repository.
"""
import os
import subprocess


def openssl(*args, data=None):
    r = subprocess.run(["openssl", *args], input=data, capture_output=True)
    if r.returncode:
        raise RuntimeError("openssl %s: %s" % (" ".join(args), r.stderr.decode()))
    return r.stdout


KEYS = {
    "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa3072": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
    "rsa-pss": ["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ed25519": ["-algorithm", "ED25519"],
    "mldsa65": ["-algorithm", "ML-DSA-65"],
}


def digest_args(key):
    return [] if key in ("ed25519", "mldsa65") else ["-sha256"]


class Cert:
    """A key and its certificate: .key, .pem (this certificate), .chain (with its intermediates)."""

    def __init__(self, path, name, key_type):
        self.name = name
        self.key_type = key_type
        self.key = os.path.join(path, name + ".key")
        self.pem = os.path.join(path, name + ".pem")
        self.chain = os.path.join(path, name + ".chain.pem")

    def make_key(self):
        openssl("genpkey", *KEYS[self.key_type], "-out", self.key)
        os.chmod(self.key, 0o600)

    def fingerprint(self):
        out = openssl("x509", "-in", self.pem, "-noout", "-fingerprint", "-sha256").decode()
        return out.split("=")[1].strip().replace(":", "").lower()

    def spki_sha256(self):
        der = openssl("pkey", "-pubin", "-outform", "DER", data=openssl("x509", "-in", self.pem, "-noout", "-pubkey"))
        return openssl("dgst", "-sha256", "-r", data=der).decode().split()[0]

    def serial(self):
        return openssl("x509", "-in", self.pem, "-noout", "-serial").decode().strip().split("=")[1].lower()


class CA(Cert):
    """A certificate authority; issue() makes leaves and intermediates, crl() its revocation list."""

    def __init__(self, path, name, issuer=None, key_type="p256", days=3650, subject=None, ext=""):
        super().__init__(path, name, key_type)
        self.path = path
        self.issuer = issuer
        self.revoked = []
        self.crl_number = 1
        self.make_key()
        ext = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n" + ext
        subject = subject or "/O=Penstock Test/CN=%s" % name
        if issuer:
            issuer.sign(self, subject, ext, days=days)
        else:
            self._sign(self, self, subject, ext, days, None, None)
            with open(self.chain, "w") as out:
                out.write(open(self.pem).read())

    def _sign(self, cert, ca, subject, ext, days, start, end):
        base = os.path.join(self.path, cert.name)
        with open(base + ".ext", "w") as f:
            f.write("[v]\n" + ext)
        openssl("req", "-new", "-key", cert.key, "-subj", subject, "-utf8", "-out", base + ".csr", *digest_args(cert.key_type))
        # `openssl ca` is the one command that takes arbitrary dates on every version.
        cfg = base + ".cnf"
        db = base + ".db"
        os.makedirs(db, exist_ok=True)
        open(db + "/index.txt", "w").close()
        with open(cfg, "w") as f:
            f.write("[ca]\ndefault_ca=d\n[d]\ndatabase=%s/index.txt\nnew_certs_dir=%s\nrand_serial=yes\n"
                    "unique_subject=no\npolicy=p\nemail_in_dn=yes\ndefault_md=%s\n"
                    "[p]\ncommonName=optional\norganizationName=optional\norganizationalUnitName=optional\n"
                    "emailAddress=optional\n" % (db, db, "default" if not digest_args(ca.key_type) else "sha256"))
        dates = ["-days", str(days)]
        if start or end:
            dates = ["-startdate", start or "20200101000000Z", "-enddate", end or "20450101000000Z"]
        args = ["ca", "-batch", "-notext", "-config", cfg, "-in", base + ".csr", "-out", cert.pem,
                "-extfile", base + ".ext", "-extensions", "v", *dates]
        if ca is cert:
            args += ["-selfsign", "-keyfile", cert.key]
        else:
            args += ["-cert", ca.pem, "-keyfile", ca.key]
        openssl(*args)

    def sign(self, cert, subject, ext, days=365, start=None, end=None):
        ext += "authorityKeyIdentifier=keyid\n"
        self._sign(cert, self, subject, ext, days, start, end)
        with open(cert.chain, "w") as out:
            out.write(open(cert.pem).read())
            ca = self
            while ca.issuer:
                out.write(open(ca.pem).read())
                ca = ca.issuer

    def issue(self, name, san=None, eku="clientAuth", key_type="p256", subject=None, ext="", days=365,
              start=None, end=None):
        """A leaf. san as openssl writes it ("URI:spiffe://x/y,DNS:a.test"); eku "" leaves it out."""
        cert = Cert(self.path, name, key_type)
        cert.make_key()
        text = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        text += "subjectKeyIdentifier=hash\n"
        if eku:
            text += "extendedKeyUsage=%s\n" % eku
        if san:
            text += "subjectAltName=%s\n" % san
        self.sign(cert, subject or "/O=Penstock Test/CN=%s" % name, text + ext, days, start, end)
        return cert

    def revoke(self, cert):
        self.revoked.append(cert.serial())

    def crl(self, path=None, days=30, last=None, next_=None, number=True):
        """Write the current CRL and return its path. last/next_: explicit dates (YYYYMMDDHHMMSSZ)."""
        path = path or os.path.join(self.path, self.name + ".crl")
        db = os.path.join(self.path, self.name + ".crldb")
        os.makedirs(db, exist_ok=True)
        with open(db + "/index.txt", "w") as f:
            for serial in self.revoked:
                f.write("R\t450101000000Z\t200101000000Z\t%s\tunknown\t/CN=x\n" % serial.upper())
        with open(db + "/crlnumber", "w") as f:
            f.write("%02X\n" % self.crl_number)
        self.crl_number += 1
        with open(db + "/ca.cnf", "w") as f:
            f.write("[ca]\ndefault_ca=d\n[d]\ndatabase=%s/index.txt\n%sdefault_md=%s\ncrl_extensions=e\n"
                    "[e]\nauthorityKeyIdentifier=keyid\n" %
                    (db, "crlnumber=%s/crlnumber\n" % db if number else "",
                     "sha256" if digest_args(self.key_type) else "default"))
        dates = ["-crldays", str(days)]
        if last or next_:
            dates = ["-crl_lastupdate", last or "20200101000000Z", "-crl_nextupdate", next_ or "20450101000000Z"]
        tmp = path + ".tmp"
        openssl("ca", "-config", db + "/ca.cnf", "-gencrl", "-keyfile", self.key, "-cert", self.pem,
                "-out", tmp, *dates)
        os.rename(tmp, path)
        return path


class PKI:
    """The usual set: root, one intermediate, a gateway and a client leaf, current CRLs."""

    def __init__(self, path, key_type="p256"):
        os.makedirs(path, exist_ok=True)
        self.path = path
        self.root = CA(path, "root", key_type=key_type)
        self.inter = CA(path, "inter", issuer=self.root, key_type=key_type)
        self.gw = self.inter.issue("gw", "DNS:gw.test,IP:127.0.0.1", "serverAuth,clientAuth", key_type=key_type)
        self.client = self.inter.issue("client", "URI:spiffe://partner.example/client", "clientAuth", key_type=key_type)
        self.server = self.inter.issue("server", "DNS:server.test", "serverAuth", key_type=key_type)
        self.root_crl = self.root.crl()
        self.inter_crl = self.inter.crl()

    def trust(self, **more):
        return {"anchors": [self.root.pem], "crls": [self.root_crl, self.inter_crl], "revocation": "crl", **more}
