"""Software tokens for the tests: SoftHSM in a directory of the case's own, with real PKCS#11 calls underneath."""
import os
import shutil
import subprocess

from harness import need

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
NOBODY = 65534


def run(*args, env=None):
    r = subprocess.run(args, capture_output=True, text=True, env=env)
    if r.returncode:
        raise RuntimeError("%s: %s%s" % (" ".join(args), r.stdout, r.stderr))
    return r.stdout


class SoftHSM:
    """Tokens below .dir, which belongs to whoever the token process runs as."""

    def __init__(self, directory, name="hsm"):
        need(os.path.exists(MODULE) and shutil.which("softhsm2-util"), "no SoftHSM here (softhsm2)")
        self.dir = os.path.join(directory, name)
        self.tokens = os.path.join(self.dir, "tokens")
        os.makedirs(self.tokens)
        os.chmod(directory, 0o755)
        self.conf = os.path.join(self.dir, "softhsm2.conf")
        with open(self.conf, "w") as f:
            f.write("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n" % self.tokens)
        self.env = {**os.environ, "SOFTHSM2_CONF": self.conf}

    def args(self):
        return ("--token-env", "SOFTHSM2_CONF=" + self.conf, "--token-files", self.dir)

    def give(self):
        """Everything to the gateway's user."""
        if os.getuid():
            return
        for root, dirs, files in os.walk(self.dir):
            for f in [root] + [os.path.join(root, x) for x in dirs + files]:
                os.chown(f, NOBODY, NOBODY)

    def token(self, label, pin="1234"):
        run("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", "56785678", env=self.env)
        self.give()

    def put(self, key_file, token, label, number="01", pin="1234"):
        """The private key of a PEM file, into the token."""
        pkcs8 = key_file + ".p8"
        run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", key_file, "-out", pkcs8)
        run("softhsm2-util", "--import", pkcs8, "--token", token, "--label", label, "--id", number, "--pin", pin, "--force",
            env=self.env)
        os.unlink(pkcs8)
        self.give()

    def tool(self, *args):
        return run("pkcs11-tool", "--module", MODULE, *args, env=self.env)


def uri(token, label, pin="pin.txt", module=MODULE, **more):
    path = "".join(";%s=%s" % (k.replace("_", "-"), v) for k, v in more.items())
    return "pkcs11:token=%s;object=%s%s?module-path=%s&pin-source=file:%s" % (token, label, path, module, pin)
