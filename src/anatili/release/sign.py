"""Sign the digests of a release with an SSH key, and check such a signature, with OpenSSH's own program.

The key may be protected by a password, held by an agent or by a hardware token; it is never read here.
"""

import re
import shutil
import subprocess
from pathlib import Path

from anatili.problem import Problem
from anatili.release.contents import SIGNATURE, SUMS
from anatili.text import show_path

PROGRAM = "ssh-keygen"
NAMESPACE = "anatili-release"
"""What the signature is for; one made for something else is not accepted."""
FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def sign(folder: Path, key: Path) -> str:
    """Write `SHA256SUMS.sig` with the private key in the file `key`; returns the key's fingerprint."""
    if not key.is_file():
        raise Problem(f"no key {show_path(key)}; make one with: ssh-keygen -t ed25519 -f {show_path(key)}")
    (folder / SIGNATURE).unlink(missing_ok=True)
    command = ["-Y", "sign", "-q", "-f", str(key), "-n", NAMESPACE, str(folder / SUMS)]
    answer = subprocess.run([program(), *command], capture_output=True, text=True, check=False)
    if answer.returncode or not (folder / SIGNATURE).is_file():
        raise Problem(f"{show_path(key)} cannot sign: {last_line(answer.stderr)}; name a private SSH key")
    return check_signature(folder)


def check_signature(folder: Path) -> str:
    """The fingerprint of the key that signed the digests in `folder`; `Problem` if the signature is not valid."""
    command = ["-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(folder / SIGNATURE)]
    with (folder / SUMS).open("rb") as sums:
        answer = subprocess.run([program(), *command], stdin=sums, capture_output=True, text=True, check=False)
    match = FINGERPRINT.search(answer.stdout)
    if answer.returncode or match is None:
        raise Problem(f"the signature is not valid: {last_line(answer.stderr + answer.stdout)}")
    return match[0]


def fingerprint_of(signer: str) -> str:
    """The fingerprint that `signer` is, or that of the public key in the file `signer`."""
    if FINGERPRINT.fullmatch(signer):
        return signer
    if not Path(signer).is_file():
        raise Problem(f"{show_path(signer)} is neither a file with a public key nor a fingerprint (SHA256:...)")
    answer = subprocess.run([program(), "-l", "-f", signer], capture_output=True, text=True, check=False)
    match = FINGERPRINT.search(answer.stdout)
    if answer.returncode or match is None:
        raise Problem(f"{show_path(signer)} is no public SSH key: name the file that ends in .pub")
    return match[0]


def program() -> str:
    path = shutil.which(PROGRAM)
    if path is None:
        raise Problem(f"{PROGRAM} is not installed: install OpenSSH's client (Debian: apt-get install openssh-client)")
    return path


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
