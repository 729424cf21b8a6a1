# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`python -m bench schedule FILE`: installed charging profiles and what they come to, as a chart and a table.

What a profile says, and what all of them come to, is said by the firmware itself: its modules are imported.

situation   a file, read: the station, its profiles as the firmware takes them in
lanes       what each profile says at each instant, and whether it counts
chart       drawn, with labels and ticks on a sheet (matplotlib)
table       told in text
pages       docs/smart-charging-examples.md
"""

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[3]
for _folder in (_ROOT, _ROOT / "firmware"):
    if str(_folder) not in sys.path:
        sys.path.append(str(_folder))
