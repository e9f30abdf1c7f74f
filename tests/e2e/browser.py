"""A real browser for tests: Chromium by chromedriver, with a client certificate, spoken to in the WebDriver protocol."""
import base64
import json
import os
import shutil
import subprocess
import time
import urllib.request

from harness import free_port, need
from pki import openssl


class Browser:
    """Headless, with an own home; its certificate store has the CA and the certificate, which it presents to `url`."""

    def __init__(self, t, url, ca, cert):
        for program in ("chromium", "chromedriver", "certutil", "pk12util", "unshare"):
            need(shutil.which(program), "no " + program)
        self.home = os.path.join(t.dir, "browser%d" % time.monotonic_ns())
        store = os.path.join(self.home, ".pki", "nssdb")
        os.makedirs(store)
        p12 = os.path.join(self.home, "client.p12")
        openssl("pkcs12", "-export", "-in", cert.chain, "-inkey", cert.key, "-out", p12, "-passout", "pass:x", "-name", "client")
        for args in (["certutil", "-N", "-d", "sql:" + store, "--empty-password"],
                     ["certutil", "-A", "-d", "sql:" + store, "-n", "ca", "-t", "C,,", "-i", ca.pem],
                     ["pk12util", "-i", p12, "-d", "sql:" + store, "-W", "x"]):
            subprocess.run(args, check=True, capture_output=True)
        # Which certificate to present is a policy, read from a fixed place: mounted for this process alone.
        policies = os.path.join(self.home, "policies")
        os.makedirs(os.path.join(policies, "managed"))
        with open(os.path.join(policies, "managed", "p.json"), "w") as f:
            json.dump({"AutoSelectCertificateForUrls": [json.dumps({"pattern": url, "filter": {}})]}, f)
        os.makedirs("/etc/chromium/policies", exist_ok=True)
        self.port = free_port()
        self.proc = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", "mount --bind %s /etc/chromium/policies && exec chromedriver --port=%d" % (policies, self.port)],
            env={**os.environ, "HOME": self.home}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        t.defer(self.close)
        end = time.monotonic() + 30
        while True:
            try:
                if self.call("GET", "/status")["ready"]:
                    break
            except OSError:
                pass
            need(self.proc.poll() is None and time.monotonic() < end, "chromedriver does not start here")
            time.sleep(0.1)
        args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1200,1400",
                "--host-resolver-rules=MAP gw.test 127.0.0.1", "--user-data-dir=" + os.path.join(self.home, "data")]
        self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": args},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})["sessionId"]

    def call(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request("http://127.0.0.1:%d%s" % (self.port, path), data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            raise AssertionError(e.read().decode()[:500]) from None

    def ask(self, method, path, body=None):
        return self.call(method, "/session/%s%s" % (self.session, path), body)

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def run(self, script):
        """The value of a JavaScript expression in the page."""
        return self.ask("POST", "/execute/sync", {"script": "return " + script, "args": []})

    def until(self, script, timeout=20):
        end = time.monotonic() + timeout
        while not self.run(script):
            if time.monotonic() > end:
                raise AssertionError("never true: %s; the page says: %s" % (script, self.run("document.body.innerText")[:3000]))
            time.sleep(0.2)

    def log(self, kind):
        return self.ask("POST", "/se/log", {"type": kind})

    def emulate(self, dark, width):
        for command, params in (("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]}),
                                ("Emulation.setDeviceMetricsOverride", {"width": width, "height": 1400, "deviceScaleFactor": 1, "mobile": False})):
            self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def picture(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.ask("GET", "/screenshot")))

    def close(self):
        if self.proc.poll() is None:
            try:
                self.ask("DELETE", "")
            except Exception:
                pass
            self.proc.terminate()
            self.proc.wait(20)
