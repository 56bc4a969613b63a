"""Verify a release without a network: every file against its digest, and the digests against their signature."""

from dataclasses import dataclass
from pathlib import Path

from anatili.problem import Problem
from anatili.release.contents import SIGNATURE, SUMS, names_in, read_sums
from anatili.release.sign import check_signature, fingerprint_of
from anatili.text import file_digest


@dataclass(frozen=True)
class Fault:
    """Something that is not as the publisher left it."""

    kind: str
    """`changed`, `missing`, `added`, `unreadable`, `unsigned`, `signature` or `signer`."""
    file: str
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """The outcome for a folder."""

    files: int
    """How many files agree with their digests."""
    signer: str
    """Fingerprint of the key that signed; "" if there is no valid signature."""
    faults: tuple[Fault, ...]

    @property
    def is_good(self) -> bool:
        return not self.faults


def verify(folder: Path, *, signer: str = "", unsigned: bool = False) -> Verdict:
    """Compare everything in `folder` with its digests.

    `signer`: the key that must have signed, as fingerprint or file. `unsigned`: a missing signature is no fault.
    """
    signer_key = fingerprint_of(signer) if signer else ""
    sums = read_sums(folder)
    present = set(names_in(folder))
    faults = [Fault("missing", name) for name in sums if name not in present]
    good = 0
    for name, expected in sums.items():
        if name not in present:
            continue
        try:
            actual = file_digest(folder / name)
        except OSError as error:
            faults.append(Fault("unreadable", name, error.strerror or ""))
            continue
        if actual == expected:
            good += 1
        else:
            faults.append(Fault("changed", name, f"SHA-256 is {actual}, should be {expected}"))
    faults += [Fault("added", name) for name in sorted(present - sums.keys())]
    key, fault = signature_of(folder, signer_key, unsigned=unsigned)
    return Verdict(good, key, (*faults, *fault))


def signature_of(folder: Path, signer_key: str, *, unsigned: bool) -> tuple[str, list[Fault]]:
    """The fingerprint of the key that signed, and what is wrong with the signature."""
    if not (folder / SIGNATURE).is_file():
        return "", [] if unsigned and not signer_key else [Fault("unsigned", SUMS, "there is no signature")]
    try:
        key = check_signature(folder)
    except Problem as problem:
        return "", [Fault("signature", SIGNATURE, str(problem))]
    if signer_key and key != signer_key:
        return key, [Fault("signer", SIGNATURE, f"signed by {key}, not by {signer_key}")]
    return key, []
