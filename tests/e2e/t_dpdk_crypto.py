"""Goal: with crypto devices a link with engine "dpdk" is the same link: the conformance suite once more, whole bridges in
bulk, and a plain word where a device is not there. DPDK's own drivers are the devices: AES goes through a queue and comes
back later, ChaCha20-Poly1305 is computed at once."""
import os

from harness import equal, expect, need, test
from t_dpdk import Dpdk, at_once, conformance, over_both, refusal, there_and_back

QUEUED, AT_ONCE = "crypto_openssl0", "crypto_aesni_mb"
AES = "TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256"


class Crypto(Dpdk):
    devices = [QUEUED, AT_ONCE]

    def ports(self):
        return {**super().ports(), "crypto": self.devices}


conformance("over DPDK with crypto devices", Crypto)


def opened(g):
    return [(e["device"], e["suites"], e["queues"], e["computes"]) for e in g.events("crypto_open")]


@test("a bridge in bulk through devices, two workers, a queue for each: every byte, and no device is lost", timeout=180)
def bulk(t):
    need(len(os.sched_getaffinity(0)) > 1, "two workers take two processors")
    d = Crypto(t)
    g, sockets = over_both(d)
    equal(opened(g), [(QUEUED, AES, "2", "in_queues"), (AT_ONCE, "TLS_CHACHA20_POLY1305_SHA256", "2", "at_once")])
    at_once([*sockets, *(d.tls(8443) for _ in range(4))], 4 << 20)
    equal(g.events("crypto_lost"), [])


@test("AES by a device that computes at once, ChaCha20-Poly1305 by the processor's library as before", timeout=120)
def at_once_only(t):
    d = Crypto(t)
    d.devices = ["crypto_aesni_gcm"]
    g = d.terminate(d.server().address)
    equal(opened(g), [("crypto_aesni_gcm", AES, "1", "at_once")])
    there_and_back(d.tls(g.port), 8 << 20)


def cannot(t, devices, where, what):
    code, line = refusal(t, lambda c: c["dpdk"].update(crypto=devices), kind=Crypto)
    expect(code in (1, 2) and where in line and what in line, line)


@test("a crypto device that is not there or computes no AEAD of TLS, and one queue for two workers, are refused", timeout=180)
def refused(t):
    cannot(t, ["0000:ff:1f.7"], "/dpdk/crypto/0", "no such crypto device")
    cannot(t, ["crypto_aesni_gcm", "crypto_null"], "/dpdk/crypto/1", "computes no AEAD of TLS")
    d = Crypto(t)
    g = d.terminate(d.server().address)
    g.config["dpdk"]["crypto"] = [QUEUED]
    equal(g.reload(g.config), "refused")
    there_and_back(d.tls(g.port), 1000)
