# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Unified diffs are applied to the letter or not at all."""

import pytest

from toolchain import patches
from toolchain.layout import SetupError

TEXT = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n"
PATCH = """Why this is needed.

--- a/folder/text
+++ b/folder/text
@@ -1,3 +1,4 @@
 one
-two
+2
+2.5
 three
@@ -6,2 +7,1 @@
-six
 seven
"""


def applied(tmp_path, text, patch=PATCH):
    target = tmp_path / "folder" / "text"
    target.parent.mkdir()
    target.write_text(text)
    (tmp_path / "x.patch").write_text(patch)
    patches.apply(tmp_path / "x.patch", tmp_path)
    return target.read_text()


def test_all_hunks_are_applied(tmp_path):
    assert applied(tmp_path, TEXT) == "one\n2\n2.5\nthree\nfour\nfive\nseven\n"


@pytest.mark.parametrize("changed", ["one", "two", "six", "seven"])
def test_another_text_is_refused_and_left_as_it_is(tmp_path, changed):
    text = TEXT.replace(changed, "other")
    with pytest.raises(SetupError, match=r"x\.patch does not fit"):
        applied(tmp_path, text)
    assert (tmp_path / "folder" / "text").read_text() == text


def test_a_shifted_text_is_refused(tmp_path):
    with pytest.raises(SetupError):
        applied(tmp_path, "zero\n" + TEXT)


def test_a_text_that_ends_too_early_is_refused(tmp_path):
    with pytest.raises(SetupError):
        applied(tmp_path, TEXT.removesuffix("seven\n"))
