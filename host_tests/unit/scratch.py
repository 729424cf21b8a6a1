# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Directories for tests that write files, on CPython and on MicroPython, which has no tempfile or pathlib."""

import os
from binascii import hexlify

_DIRECTORY_BIT = 0x4000


class Scratch:
    """`with Scratch() as path:` an empty directory that is gone afterwards."""

    def __init__(self):
        self.path = "/tmp/pilotlight-%s" % str(hexlify(os.urandom(6)), "ascii")

    def __enter__(self):
        os.mkdir(self.path)
        return self.path

    def __exit__(self, kind, error, traceback):
        remove_tree(self.path)


def remove_tree(path):
    for name in os.listdir(path):
        inner = path + "/" + name
        if os.stat(inner)[0] & _DIRECTORY_BIT:
            remove_tree(inner)
        else:
            os.remove(inner)
    os.rmdir(path)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True
