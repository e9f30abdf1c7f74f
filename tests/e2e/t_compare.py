"""Goal: the comparison with other gateways measures, judges and draws; what it says comes from what it measured."""
import json
import os
import statistics
import subprocess
import xml.etree.ElementTree

from gateway import ROOT, Gateway
from harness import equal, expect, need, test

RUN = os.path.join(ROOT, "perf", "compare", "run")


def run(*args):
    return subprocess.run([RUN, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100)


@test("a row measured beside a peer is judged against it and against the floor, and drawn", timeout=120, alone=True)
def row(t):
    need(not os.environ.get("PENSTOCK_VM"), "too slow under emulation")
    need(len(os.sched_getaffinity(0)) > 1, "one processor")
    out = os.path.join(t.dir, "out")
    r = run("--rows", "bulk-up", "--peers", "haproxy", "--rounds", "2", "--seconds", "0.3", "--out", out)
    equal(r.returncode, 0, r.stdout)
    with open(os.path.join(out, "compare.json")) as f:
        document = json.load(f)
    samples = document["samples"]["bulk-up"]
    equal(set(samples), {"penstock", "haproxy", "haproxy 256k", "relay", "relay uring"})
    equal({len(v) for v in samples.values()}, {2})
    line = document["lines"][0]
    best = min(line["peers"].values(), key=lambda p: p["median"])["median"]
    equal(round(line["ratio"], 6), round(line["penstock"] / best, 6))
    aead = document["micro"]["open TLS_AES_256_GCM_SHA384"]
    equal(len(aead), 2)
    relay = min(statistics.median(samples[name]) for name in ("relay", "relay uring"))
    equal(round(line["floor"], 6), round(relay + statistics.median(aead), 6), "the floor is a relay and the cipher")
    equal(line["reached"], line["ratio"] <= 0.7 and line["penstock"] <= 1.15 * line["floor"])
    expect("CPU per GB, up, AES-256-GCM" in r.stdout, r.stdout)
    words = "".join(xml.etree.ElementTree.parse(os.path.join(out, "compare.svg")).getroot().itertext())
    expect("CPU per GB, up, AES-256-GCM" in words, words)
    again = run("--from", "%s/compare.json,%s/compare.json" % (out, out), "--out", os.path.join(t.dir, "twice"))
    equal(again.returncode, 0, again.stdout)
    with open(os.path.join(t.dir, "twice", "compare.json")) as f:
        equal(len(json.load(f)["samples"]["bulk-up"]["penstock"]), 4, "two results as one")


def processes_of(path):
    """Those that have the path in their words."""
    found = []
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % p, "rb") as f:
                if path.encode() in f.read():
                    found.append(int(p))
        except OSError:
            pass
    return found


@test("one that is ended in the middle takes its gateways along", timeout=90)
def ended(t):
    need(not os.environ.get("PENSTOCK_VM"), "too slow under emulation")
    for more in ([], ["--urgent"] if os.geteuid() == 0 else []):
        p = subprocess.Popen([RUN, "--rows", "bulk-up", "--peers", "haproxy", "--seconds", "60", "--out", t.dir, *more],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": t.dir})
        t.defer(p.kill)
        Gateway.wait(lambda: len(processes_of(os.path.join(t.dir, "penstock-perf-"))) >= 2, 60, "a gateway and a load")
        p.terminate()
        p.wait(30)
        equal(processes_of(os.path.join(t.dir, "penstock-perf-")), [])
        equal([name for name in os.listdir(t.dir) if name.startswith("penstock-perf-")], [])


@test("a row that does not exist is refused with those that do")
def unknown(t):
    r = run("--rows", "bulk-sideways")
    equal(r.returncode, 2)
    expect("bulk-sideways" in r.stdout and "bulk-down" in r.stdout, r.stdout)
