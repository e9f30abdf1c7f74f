"""Goal: the comparison with other gateways measures, judges and draws; what it says comes from what it measured."""
import json
import os
import statistics
import subprocess
import xml.etree.ElementTree

from gateway import ROOT
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


@test("a row that does not exist is refused with those that do")
def unknown(t):
    r = run("--rows", "bulk-sideways")
    equal(r.returncode, 2)
    expect("bulk-sideways" in r.stdout and "bulk-down" in r.stdout, r.stdout)
