# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
# What runs on the board while somebody installs: sent to its REPL once for each connection. Nothing of it
# stays there. Answers are printed, a Python literal for each line.
import binascii
import gc
import hashlib
import os


def digest(path):
    state = hashlib.sha256()
    block = bytearray(1024)
    view = memoryview(block)
    with open(path, "rb") as file:
        while True:
            count = file.readinto(block)
            if not count:
                break
            state.update(view[:count])
    return binascii.hexlify(state.digest()).decode()


def told(path):
    """One file: its path, size and SHA-256; nothing when it is not there."""
    try:
        size = os.stat(path)[6]
    except OSError:
        return
    print((path, size, digest(path)))


def tree(folder):
    """Everything under `folder`; of a folder the size is -1."""
    try:
        entries = list(os.ilistdir(folder))
    except OSError:
        return
    for entry in entries:
        path = folder + "/" + entry[0]
        if entry[1] == 0x4000:
            print((path, -1, ""))
            tree(path)
        else:
            told(path)


def content(path, most):
    """The first `most` bytes, or None."""
    try:
        with open(path, "rb") as file:
            print(file.read(most))
    except OSError:
        print(None)


def copied(old, new):
    block = bytearray(1024)
    view = memoryview(block)
    with open(old, "rb") as source, open(new, "wb") as file:
        while True:
            count = source.readinto(block)
            if not count:
                break
            file.write(view[:count])


def has(names):
    """Those of the modules that this MicroPython does not have."""
    lacking = []
    for name in names:
        try:
            __import__(name)
        except ImportError:
            lacking.append(name)
    print(lacking)


def facts():
    import sys

    gc.collect()
    about = sys.implementation
    found = os.statvfs("/")
    print(
        (
            sys.platform,
            tuple(about.version[:3]),
            getattr(about, "_machine", ""),
            getattr(about, "_mpy", 0),
            gc.mem_free(),
            found[0],
            found[3],
        )
    )


def quiet_watchdog():
    """One that the firmware has started would restart the board in the middle. The RP2040's can be stopped
    (hal/rp2/starting.py). That of an ESP32 cannot, but be told to wait: an hour, and at the end of an
    installation the board restarts."""
    import sys

    if sys.platform == "rp2":
        import machine

        machine.mem32[0x4005B000] = 1 << 30
    elif sys.platform == "esp32":
        import machine

        machine.WDT(timeout=3600000)
