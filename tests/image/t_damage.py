"""Goal: what is damaged or not ours does not run, and a damaged state partition is not taken for an empty one."""
import os
import re
import socket
import subprocess

from appliance import Appliance, machine
from harness import expect, free_port, test

MiB = 1 << 20


def raw_disk(t):
    """A copy of the raw image whose bytes can be changed."""
    disk = os.path.join(t.dir, "disk.raw")
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", os.path.join(machine.TOP, "penstock.raw"), disk], check=True)
    return disk


def partition(disk, name):
    """Offset and size in bytes of a partition of this name."""
    rows = subprocess.run(["sfdisk", "--dump", disk], capture_output=True, text=True, check=True).stdout
    start, size = re.search(r'start= *(\d+), size= *(\d+),.*name="%s"' % name, rows).groups()
    return int(start) * 512, int(size) * 512


def flip(disk, at):
    with open(disk, "r+b") as f:
        f.seek(at)
        byte = f.read(1)
        f.seek(at)
        f.write(bytes([byte[0] ^ 1]))


def boot(t, disk, **kw):
    qcow = machine.overlay(t.dir, disk, backing="raw")
    a = Appliance(t.dir, {free_port(): 9443}, disk=qcow, **kw)
    t.defer(a.kill)
    return a.boot()


def answers(port):
    """Does anything behind the port speak TLS, or at least answer?"""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            s.sendall(b"\x16\x03\x01\x00\x05hello")
            return bool(s.recv(1))
    except OSError:
        return False


@test("one flipped byte in the root stops the boot where it is read", timeout=1800)
def root_damaged(t):
    disk = raw_disk(t)
    flip(disk, partition(disk, "penstock-root-a")[0] + 40)
    a = boot(t, disk)
    a.wait(r"verity.*(corrupt|panic)|corrupted|root can not be")
    expect("penstock ready" not in a.console(), "it became ready")


@test("a damaged state partition leads to a closed box that says so, not to an empty gateway", timeout=1800)
def state_damaged(t):
    disk = raw_disk(t)
    at, size = partition(disk, "penstock-state")
    with open(disk, "r+b") as f:
        f.seek(at)
        f.write(os.urandom(65536))
        f.seek(at + size - 4096)
        f.write(os.urandom(4096))
    a = boot(t, disk)
    a.wait(r"neither new nor a state partition")
    expect(not answers(a.management), "a port is open")
    expect("penstock ready" not in a.console(), "it became ready")


@test("with Secure Boot the signed image boots", timeout=1800)
def signed(t):
    a = boot(t, raw_disk(t), secure_boot=True).wait_ready()
    expect("Secure Boot" not in a.console().split("penstock ready")[1], "a complaint")


def unsigned_in_place_of(t, folder):
    """A disk on which the one file in this folder of the EFI partition is the unsigned kernel image."""
    disk = raw_disk(t)
    esp = "%s@@%d" % (disk, partition(disk, "penstock-esp")[0])
    name = subprocess.run(["mdir", "-b", "-i", esp, folder], capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run(["mcopy", "-o", "-i", esp, os.path.join(machine.TOP, "unsigned.efi"), name], check=True)
    return disk


def is_refused(a):
    a.wait(r"(?i)access denied|security violation|rejected|no bootable|failed to load|error loading")
    console = a.console()  # the loader says which file it was: EFI\Linux\...
    expect(not any(w in console for w in ("Linux version", "EFI stub", "penstock ready")), "it started:\n" + console)


@test("with Secure Boot an unsigned kernel image is refused by the signed boot loader", timeout=1800)
def unsigned_kernel(t):
    is_refused(boot(t, unsigned_in_place_of(t, "::/EFI/Linux"), secure_boot=True))


@test("with Secure Boot an unsigned boot loader is refused by the firmware", timeout=1800)
def unsigned_loader(t):
    is_refused(boot(t, unsigned_in_place_of(t, "::/EFI/BOOT"), secure_boot=True))
