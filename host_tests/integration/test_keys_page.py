# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""docs/configuration.md is what the firmware's table says."""

import subprocess
import sys
from pathlib import Path

import keys_page

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_configuration_keys_is_up_to_date():
    command = [sys.executable, ROOT / "tools" / "keys_page.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_check_notices_a_stale_page(tmp_path, monkeypatch):
    stale = tmp_path / "configuration.md"
    stale.write_text(keys_page.page().replace("86400", "86401"))
    monkeypatch.setattr(keys_page, "PAGE", stale)
    monkeypatch.setattr(keys_page, "ROOT", tmp_path)
    assert keys_page.main(["--check"]) == 1
    assert keys_page.main([]) == 0
    assert keys_page.main(["--check"]) == 0
