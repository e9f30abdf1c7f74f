"""The QEMU machine that the appliance boots in: for `run` and for tests/image.

Why: both must boot the same thing. UEFI firmware (OVMF), emulated without KVM, user networking with
ports on the host's loopback.
Never: writes to the image itself; a machine runs on a copy-on-write disk.
"""
import base64
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(HERE)
TOP = os.environ.get("PENSTOCK_IMAGE_DIR", os.path.join(PROJECT, "build", "image"))
IMAGE = os.path.join(TOP, "penstock.qcow2")
FIRMWARE = os.path.join(TOP, "tools", "usr", "share", "OVMF")


def emulator():
    """QEMU of the Debian 13 root that the image was put together in, by that root's own loader: the same wherever the image is
    built, and a quarter faster than Debian 12's."""
    root = os.path.join(TOP, "tools")
    return [os.path.join(root, "lib64", "ld-linux-x86-64.so.2"), "--library-path", os.path.join(root, "usr", "lib", "x86_64-linux-gnu"),
            os.path.join(root, "usr", "bin", "qemu-system-x86_64"), "-L", os.path.join(root, "usr", "share", "qemu")]


def overlay(path, image, name="disk.qcow2", backing="qcow2"):
    """A disk that starts as `image` and keeps its changes in a file in `path`."""
    disk = os.path.join(path, name)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", backing, "-b", os.path.abspath(image), disk], check=True)
    return disk


def firmware(path, secure_boot):
    """Arguments for OVMF with variables of its own, kept in `path` over reboots."""
    variables = os.path.join(path, "variables.fd")
    if not os.path.exists(variables):
        source = os.path.join(TOP, "secure-variables.fd") if secure_boot else os.path.join(FIRMWARE, "OVMF_VARS_4M.fd")
        shutil.copy(source, variables)
    code = os.path.join(FIRMWARE, "OVMF_CODE_4M.secboot.fd" if secure_boot else "OVMF_CODE_4M.fd")
    return ["-drive", "if=pflash,format=raw,unit=0,readonly=on,file=" + code,
            "-drive", "if=pflash,format=raw,unit=1,file=" + variables,
            *(["-global", "driver=cfi.pflash01,property=secure,value=on"] if secure_boot else [])]


def command(path, disk, forwards, memory=1024, secure_boot=False, credentials=None, more=(), processors=1):
    """QEMU's command line. forwards: port on the host's loopback -> port of the appliance, or
    its `ADDRESS:PORT` where DHCP does not give the address; credentials: name -> file; each
    of the processors takes one of the host's."""
    net = "user,id=net" + "".join(",hostfwd=tcp:127.0.0.1:%d-%s" % (here, there if isinstance(there, str) else ":%d" % there)
                                 for here, there in forwards.items())
    words = ["setpriv", "--pdeathsig", "KILL", "--", *emulator(), "-accel", "tcg,thread=" + ("multi" if processors > 1 else "single"),
             "-cpu", "max", "-M", "q35,smm=on" if secure_boot else "q35,smm=off", "-m", str(memory), "-smp", str(processors),
             "-nodefaults", "-no-user-config", "-display", "none", *firmware(path, secure_boot),
             "-drive", "if=none,id=disk,format=qcow2,file=" + disk, "-device", "virtio-blk-pci,drive=disk",
             "-netdev", net, "-device", "virtio-net-pci,netdev=net,romfile=", "-device", "virtio-rng-pci"]
    for name, file in (credentials or {}).items():  # over SMBIOS: fw_cfg has no room for long names
        with open(file, "rb") as f:
            value = base64.b64encode(f.read()).decode()
        words += ["-smbios", "type=11,value=io.systemd.credential.binary:%s=%s" % (name, value)]
    return words + list(more)


def tpm(folder):
    """A TPM 2.0 whose memory is in this folder, and words for it. It ends with the machine."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "socket")
    subprocess.run(["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + folder, "--ctrl", "type=unixio,path=" + path,
                    "--terminate", "--daemon"], check=True)
    return ["-chardev", "socket,id=tpm,path=" + path, "-tpmdev", "emulator,id=tpm,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm"]


def drive(folder):
    """Words for a configuration drive with the files of this folder: a FAT file system that QEMU makes of it."""
    return ["-blockdev", "driver=vvfat,node-name=drive,floppy=on,read-only=on,label=PENSTOCKCFG,dir=" + os.path.abspath(folder),
            "-device", "virtio-blk-pci,drive=drive"]


def second_card(tap, mac):
    """Words for one more network card, on the tap device with this descriptor."""
    return ["-netdev", "tap,id=second,fd=%d" % tap, "-device", "virtio-net-pci,netdev=second,romfile=,mac=" + mac]


def engine_card(forwards, iommu=True, network="10.0.3.0/24", address="10.0.3.15", model="virtio-net-pci"):
    """Words for a network card for the DPDK engine, on a user network of its own, behind an IOMMU where there is one.
    forwards: port on the host's loopback -> port of `address`."""
    net = "user,id=engine,net=" + network + "".join(",hostfwd=tcp:127.0.0.1:%d-%s:%d" % (here, address, there) for here, there in forwards.items())
    own = ",disable-legacy=on,iommu_platform=on" if model.startswith("virtio") else ""
    return [*(["-device", "intel-iommu,intremap=on,aw-bits=48"] if iommu else []), "-device", "pcie-root-port,id=riser,chassis=1,slot=1",
            "-netdev", net, "-device", model + ",bus=riser,netdev=engine,romfile=,mac=52:54:00:03:00:0f" + own]
