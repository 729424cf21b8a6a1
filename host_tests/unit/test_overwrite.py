# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
import os

from host_tests.unit.expect import raises
from host_tests.unit.full_disk import FullDisk
from host_tests.unit.scratch import Scratch
from store import overwrite


def test_both_ways_replace_the_content_and_leave_nothing_else():
    with Scratch() as folder:
        path = folder + "/file"
        for in_place in (True, False):
            overwrite.in_place = in_place
            try:
                for content in (b"a much longer content than the next", b"short"):
                    overwrite.overwrite(path, content)
                    with open(path, "rb") as file:
                        assert file.read() == content
            finally:
                overwrite.in_place = True
            assert os.listdir(folder) == ["file"]


def test_what_cannot_be_written_is_an_error():
    with Scratch() as folder:
        raises(OSError, overwrite.overwrite, folder + "/no/such/folder/file", b"x")


def test_a_full_disk_keeps_the_old_content_and_nothing_of_the_new():
    with Scratch() as folder:
        path = folder + "/file"
        overwrite.overwrite(path, b"old")
        overwrite.in_place = False
        try:
            with FullDisk(overwrite):
                raises(OSError, overwrite.overwrite, path, b"new")
        finally:
            overwrite.in_place = True
        assert os.listdir(folder) == ["file"]
        with open(path, "rb") as file:
            assert file.read() == b"old"
