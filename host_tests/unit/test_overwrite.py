# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
import os

from host_tests.unit.expect import raises
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
