"""Goal: the same source and packages make the same bytes, so that anyone can check what he was given."""
import os
import shutil
import subprocess

from appliance import ROOT, machine
from harness import equal, test

STEPS = os.path.join(ROOT, "appliance-image", "steps")


def read(path):
    with open(path, "rb") as f:
        return f.read()


@test("a second build, in another place and from nothing but the packages, has the same root, kernel image and bill of materials",
      timeout=7200)
def same(t):
    top = os.path.join(t.dir, "image")
    work = os.path.join(top, "tools", "var", "cache", "image")
    os.makedirs(top)
    subprocess.run(["cp", "-a", "--reflink=auto", os.path.join(machine.TOP, "tools"), top], check=True)
    for folder, stays in ((work, ("base", "base.complete", "kernel")), (os.path.join(top, "tools", "var", "cache", "build"), ("lwip",))):
        for name in os.listdir(folder):
            if name not in stays:
                path = os.path.join(folder, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    env = {**os.environ, "PENSTOCK_IMAGE_DIR": top,
           "PENSTOCK_IMAGE_KEYS": os.environ.get("PENSTOCK_IMAGE_KEYS", os.path.join(machine.TOP, "keys"))}
    for step in ("keys", "compile", "root", "kernel-image"):
        r = subprocess.run([os.path.join(STEPS, step)], env=env, capture_output=True, text=True)
        equal(r.returncode, 0, "%s: %s" % (step, r.stderr[-2000:]))
    sbom = subprocess.run([os.path.join(STEPS, "sbom")], env=env, capture_output=True, check=True).stdout
    equal(read(os.path.join(work, "roothash")), read(os.path.join(machine.TOP, "roothash")), "the root's hash")
    equal(read(os.path.join(work, "unsigned.efi")) == read(os.path.join(machine.TOP, "unsigned.efi")), True, "the kernel image")
    equal(sbom == read(os.path.join(machine.TOP, "penstock.spdx.json")), True, "the bill of materials")
