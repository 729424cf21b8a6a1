# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The mains side of the drawing: supply, RCD, meter, contactors and outlet in their order, each beside the
part that looks after it, and the circuit of the contactor's coil, through which everything goes that must be
able to open it without the processor.
"""

from itertools import pairwise

_RED = "#b71c1c"
_PHASE, _NEUTRAL, _EARTH = "#6d4c41", "#1976d2", "#558b2f"
_GAP = 78  # from the parts to the mains
_BOX = 176
_HIGH = 40
_BETWEEN = 38
_COIL = 138
_STEP = 48
_COIL_HIGH = 32
_SPACE = 20
_OUTLET = ("pilot", "proximity", "lock", "temperature")
# What goes over from a part.
_WORDS = {
    "rcd": "trip, test",
    "modbus": "A, B",
    "meter": "pulses",
    "contactor": "mirror",
    "phase_switch": "mirror",
    "pilot": "CP",
    "proximity": "PP",
    "lock": "motor",
    "temperature": "NTC",
}


class Mains:
    """right: where it ends. `x`: where the parts end."""

    def __init__(self, board: dict, x: float):
        self._board = board
        self._from = x
        self._line = x + _GAP / 2
        self._x = x + _GAP
        self._coil_x = self._x + _BOX + _BETWEEN + 14
        self.right = self._coil_x + _COIL + 12

    def draw(self, sheet, top, bottom, middles) -> None:
        """`middles`: kind -> (where its box has its middle, colour), of the parts on this side."""
        left = self._line
        sheet.box(
            left,
            top - 36,
            self.right - left,
            bottom - top + 46,
            "#fff5f4",
            _RED,
            thick=1.6,
            radius=6,
            dash="7 4",
        )
        voltage = "400 V" if self._phases() == 3 else "230 V"
        sheet.text(left + 12, top - 18, "MAINS, %s: for an electrician" % voltage, bold=True, fill=_RED)
        boxes = self._boxes(top, bottom, middles)
        self._conductors(sheet, boxes)
        for _, title, below, y, high in boxes:
            sheet.box(self._x, y - high / 2, _BOX, high, "#ffffff", _RED, thick=1.6, radius=4)
            sheet.text(self._x + 9, y - 3, title, bold=True)
            sheet.text(self._x + 9, y + 12, below, size=10.5, fill="#424242")
        self._links(sheet, boxes, middles)
        self._coil(sheet, top, {box[0]: box[3] for box in boxes}["contactor"])

    def _phases(self):
        return self._board["station"]["connectors"][0].get("phases", 1)

    def _boxes(self, top, bottom, middles):
        """[kind of its part, title, text, y, height] from the supply down, no two on each other."""
        connector = self._board["connectors"][0]
        row = self._board["station"]["connectors"][0]
        three = self._phases() == 3
        meter = connector["meter"]
        named = "address %d" % meter["address"] if "address" in meter else ""
        found = [
            [
                "",
                "Supply",
                "%s, fuses for %d A" % ("L1-3 N PE" if three else "L N PE", row["rated_a"]),
                _HIGH,
            ],
            ["rcd", "RCD", "A + 6 mA DC, or type B", _HIGH],
            ["modbus", "Meter " + meter["kind"].upper(), named, _HIGH],
            ["contactor", "Contactor", "%d poles, mirror contact" % (4 if three else 2), _HIGH],
        ]
        if "phase_switch" in connector:
            found.append(["phase_switch", "Second contactor", "L2, L3; mirror contact", _HIGH])
        outlet = "Socket, type 2" if row.get("cable", "fixed") == "socket" else "Cable, type 2"
        ends = [kind for kind in _OUTLET if kind in middles]
        lines = "L1-3 N PE" if three else "L N PE"
        found.append(["outlet", outlet, lines + ", CP, PP", max(_HIGH, 22 * len(ends))])
        wanted = {kind: y for kind, (y, _) in middles.items()}
        if "modbus" not in wanted and "meter" in wanted:
            wanted["modbus"] = wanted["meter"]
        if ends:
            wanted["outlet"] = sum(wanted[kind] for kind in ends) / len(ends)
        least = top
        for box in found:
            box.insert(3, max(least + box[3] / 2, wanted.get(box[0], 0)))
            least = box[3] + box[4] / 2 + _SPACE
        # What went too far down pushes those before it up again.
        most = bottom
        for box in reversed(found):
            box[3] = min(box[3], most - box[4] / 2)
            most = box[3] - box[4] / 2 - _SPACE
        return found

    def _conductors(self, sheet, boxes):
        phases = (_PHASE,) * self._phases()
        for upper, lower in pairwise(boxes):
            for index, ink in enumerate((*phases, _NEUTRAL)):
                x = self._x + 24 + 12 * index
                sheet.line(x, upper[3] + upper[4] / 2, x, lower[3] - lower[4] / 2, ink, 2.4)
        # The earth goes past all of them.
        x = self._x + _BOX + 10
        first, last = boxes[0][3], boxes[-1][3]
        sheet.line(self._x + _BOX, first, x, first, _EARTH, 2.4, "6 3")
        sheet.line(x, first, x, last, _EARTH, 2.4, "6 3")
        sheet.line(x, last, self._x + _BOX, last, _EARTH, 2.4, "6 3")
        sheet.text(x + 5, last - 8, "PE", size=10.5, fill=_EARTH, bold=True)

    def _links(self, sheet, boxes, middles):
        """From each part to what it looks after; those of the outlet go to the outlet."""
        places = {box[0]: box for box in boxes}
        ends = [kind for kind in _OUTLET if kind in middles]
        _, _, _, middle, high = places["outlet"]
        for kind, (y, ink) in middles.items():
            if kind not in _WORDS:
                continue
            if kind in ends:
                index = ends.index(kind)
                target = middle - high / 2 + high * (index + 0.5) / len(ends)
                # The lines turn one behind the other, so that those from above, and those from below, do
                # not cross.
                turn = self._x - 8 - 6 * (index if y < target else len(ends) - 1 - index)
            else:
                target, turn = places[kind if kind in places else "modbus"][3], self._x - 12
            sheet.line(self._from, y, turn, y, ink, 1.8)
            if abs(target - y) > 0.5:
                sheet.line(turn, y, turn, target, ink, 1.8)
            sheet.line(turn, target, self._x, target, ink, 1.8)
            sheet.text(self._from + 4, y - 5, _WORDS[kind], size=10.5, fill=ink, halo=True)

    def _coil(self, sheet, top, contactor):
        """From the coil's supply down to the coil: whatever is in it opens the contactor by itself."""
        chain = ["Coil's supply", "Emergency stop", "RCD's trip contact"]
        if "alive" in self._board["connectors"][0]["contactor"]:
            chain.append("Monostable (alive)")
        chain.append("Driver (coil)")
        x = self._coil_x
        step = min(_STEP, (contactor - top - _COIL_HIGH / 2 - 22) / (len(chain) - 1))
        first = contactor - step * (len(chain) - 1)
        sheet.text(x, first - _COIL_HIGH / 2 - 7, "Circuit of the coil", bold=True, fill=_RED)
        for index, word in enumerate(chain):
            y = first + step * index
            if index:
                sheet.line(
                    x + _COIL / 2, y - step + _COIL_HIGH / 2, x + _COIL / 2, y - _COIL_HIGH / 2, _RED, 1.8
                )
                sheet.arrow(x + _COIL / 2, y - _COIL_HIGH / 2, _RED, "down")
            sheet.box(x, y - _COIL_HIGH / 2, _COIL, _COIL_HIGH, "#ffffff", _RED, thick=1.4, radius=4)
            sheet.text(x + _COIL / 2, y + 4, word, anchor="middle")
        sheet.line(x, contactor, self._x + _BOX + 3, contactor, _RED, 1.8)
        sheet.arrow(self._x + _BOX, contactor, _RED, "left")
        sheet.text(self._x + _BOX + 15, contactor - 6, "A1 A2", size=10.5, fill=_RED, halo=True)
