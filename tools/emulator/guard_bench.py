# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make guard-bench`: how long after the pilot has left C the contactor's output falls, in the emulated
RP2040's own time, while the rest of the firmware is idle, in a TLS handshake, erasing flash, collecting
garbage; what part of the processor's time the guard takes, and how deep the stack was.

The car opens S2 at moments spread evenly over the load; the time runs from the switch to the falling edge of
GP10. The image is copied first, and told by its digest: whoever builds another one meanwhile does not change
what is measured. The charger of the image runs when mpremote comes, and is ended by a soft reset, as by
everybody who uses mpremote: what that leaves behind is part of what is measured.
"""

import argparse
import datetime
import hashlib
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from emulator import stack
from emulator.emulated import IMAGE, Emulated, EmulatorError
from toolchain.output import line_by_line

BOARD_SCRIPT = Path(__file__).parent / "board" / "guard_load.py"
# What the main loop is busy with, and how many milliseconds one piece of it takes at most.
LOADS = {
    "idle": "idle",
    "handshake": "TLS handshakes",
    "erase": "flash erases",
    "write": "erases and programs",
    "collect": "garbage collections",
}
AIM_MS = 60
AIM_SHARE = 0.10
_DMA_IRQ_0 = 11
_CLOSE_MS = 8000
_STARTED_S = 30


def self_signed() -> tuple[bytes, bytes]:
    """A P-256 certificate for "guard" and its key, DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "guard")])
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("guard")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.DER),
        key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ),
    )


def script(load: str, folder: Path) -> Path:
    """The board's script for one load, with what it needs put before it."""
    head = "LOAD = %r\n" % load
    if load == "handshake":
        head += "CERTIFICATE = %r\nKEY = %r\n" % self_signed()
    path = folder / ("guard_%s.py" % load)
    path.write_text(head + BOARD_SCRIPT.read_text())
    return path


def wait_for(board: Emulated, text: str) -> None:
    """Until the board has printed it."""
    for _ in range(300):
        said = board.do("console")["text"].rpartition("soft reboot")[2]
        if text in said:
            return
        if "Traceback" in said:
            break
        time.sleep(0.1)
    raise EmulatorError("the board's script says: " + said[-1000:])


def wait_for_charger(board: Emulated) -> None:
    """Until the firmware of the image runs its pilot."""
    board.wait_for_usb()
    for _ in range(_STARTED_S * 10):
        if board.state()["pilot"]["duty_e4"] == 10000 and board.state()["adc_conversions"] > 1000:
            return
        time.sleep(0.1)
    raise EmulatorError("the charger does not start: " + board.do("console")["text"][-1000:])


def measure(board: Emulated, times: int, spread_ms: int, chance: random.Random) -> list[float]:
    """Milliseconds from S2 opening to the output falling, `times` times."""
    found = []
    for number in range(times):
        board.do("s2", closed=True)
        if not board.run(_CLOSE_MS, until="gp10", value=1)["reached"]:
            raise EmulatorError("the contactor does not close (%d)" % number)
        board.do("log", keep=["s2", "gp10"])
        # A stratum of the load for each measurement, so that no phase of it is left out by chance. An
        # appointment comes in the middle of a flash operation as well.
        wait_ms = 300 + spread_ms * (number + chance.random()) / times
        board.do("at", after_us=wait_ms * 1000, then={"do": "s2", "closed": False})
        board.run(wait_ms)
        if not board.run(1000, until="gp10", value=0)["reached"] and board.state()["pins"][10]:
            raise EmulatorError("the contactor does not open (%d)" % number)
        times_of = {name: ns for ns, name, value in board.do("log")["log"] if not value}
        found.append((times_of["gp10"] - times_of["s2"]) / 1e6)
    return found


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(prog="make guard-bench", description=__doc__)
    parser.add_argument("--image", type=Path, default=IMAGE)
    parser.add_argument("--times", type=int, default=100, help="measurements of each load (%(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("loads", nargs="*", choices=[*LOADS, []], help="of these only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return bench(options, Path(folder))


def bench(options: argparse.Namespace, folder: Path) -> int:
    image = Path(shutil.copy(options.image, folder))
    digest = hashlib.sha256(image.read_bytes()).hexdigest()[:12]
    print(
        "guard-bench: image %s, seed %d, %d openings each, erase 45 ms, 200 MHz"
        % (digest, options.seed, options.times)
    )
    print("%-20s %8s %8s %8s %14s %8s" % ("beside", "median", "p99", "worst ms", "guard's CPU", "stack"))
    good = True
    for load in options.loads or LOADS:
        chance = random.Random(options.seed)
        with Emulated(image, pace=1, seed=options.seed) as board:
            wait_for_charger(board)
            board.mpremote("run", "--no-follow", str(script(load, folder)))
            wait_for(board, "running")
            board.do("pace", factor=None)
            stack.watch(board)
            board.do("plug")
            found = sorted(measure(board, options.times, 2500, chance))
            board.do("irq")
            board.run(2000)
            book = board.do("irq")
            depth = stack.depth(board)
        share = sum(row["nanos"] for row in book["handlers"] if row["irq"] == _DMA_IRQ_0) / book["nanos"]
        p99 = found[min(len(found) - 1, len(found) * 99 // 100)]
        row = (LOADS[load], median(found), p99, found[-1], share * 100, depth.whole)
        print("%-20s %8.1f %8.1f %8.1f %13.1f%% %8d" % row)
        good = good and found[-1] <= AIM_MS and share <= AIM_SHARE and depth.fits()
    print(
        "guard-bench: the aim is %d ms at worst, %d %% and less than %d bytes of stack: %s"
        % (AIM_MS, AIM_SHARE * 100, stack.room(), "met" if good else "NOT met")
    )
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EmulatorError as error:
        sys.exit("guard-bench: %s" % error)
