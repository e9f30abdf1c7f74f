"""update: writes a signed update (appliance-image/src/bundle.h has its form) out of a root, its hash tree and a kernel image.

Why: the build and the tests make them alike. Never: keeps a key.
"""
import hashlib
import os
import struct
import subprocess
import tempfile

MAGIC = b"penstock-update\n"
FORMAT = 1


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").digest() if hasattr(hashlib, "file_digest") else hashlib.sha256(f.read()).digest()


def sign(head, key):
    """Ed25519 over the head, by the private key in the file `key`."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(head)
        f.flush()
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", f.name], check=True, capture_output=True).stdout


def public(key):
    """The 32 bytes of the public half."""
    der = subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    return der[-32:]


def make(out, version, root_hash, parts, key):
    """parts: files of root, tree and kernel; version: 14 digits; root_hash: 64 hex digits."""
    head = MAGIC + struct.pack(">HQ", FORMAT, int(version)) + bytes.fromhex(root_hash)
    for part in parts:
        head += struct.pack(">Q", os.stat(part).st_size) + digest(part)
    with open(out, "wb") as f:
        f.write(head + sign(head, key))
        for part in parts:
            with open(part, "rb") as p:
                while piece := p.read(1 << 20):
                    f.write(piece)
