# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Operative and inoperative, per connector and for the whole station (0), by ChangeAvailability; survives
reboots.

Section 5.2 and errata: a change asked for while a transaction runs is Scheduled and applied when it has
ended; a change of connector 0 is one of all connectors.
"""

ACCEPTED = "Accepted"
REJECTED = "Rejected"
SCHEDULED = "Scheduled"


class Availability:
    """`record` is a store record or None (nothing kept)."""

    def __init__(self, connectors, record=None):
        self._operative = [True] * (connectors + 1)
        self._wanted = [None] * (connectors + 1)  # scheduled changes
        self._record = record
        kept = record.load() if record is not None else None
        if isinstance(kept, dict):
            self._restore(self._operative, kept.get("operative"), (True, False))
            self._restore(self._wanted, kept.get("scheduled"), (True, False, None))

    @staticmethod
    def _restore(flags, kept, allowed):
        if isinstance(kept, list) and len(kept) == len(flags) and all(flag in allowed for flag in kept):
            flags[:] = kept

    def operative(self, connector):
        """May this connector be used? 0 asks for the station itself."""
        return self._operative[0] and self._operative[connector]

    def change(self, connector, operative, busy):
        """ChangeAvailability. `busy(connector) -> bool`: a transaction runs there. Returns the answer's
        status.
        """
        if not 0 <= connector < len(self._operative):
            return REJECTED
        targets = range(len(self._operative)) if connector == 0 else (connector,)
        answer = ACCEPTED
        before = (list(self._operative), list(self._wanted))
        for target in targets:
            self._wanted[target] = operative
        self._apply(busy)
        for target in targets:
            if self._wanted[target] is not None:
                answer = SCHEDULED
        try:
            self._keep(before)
        except OSError:
            # Not kept is not accepted: after a power cut the station would be in a state nobody asked for.
            self._operative, self._wanted = before
            return REJECTED
        return answer

    def transaction_ended(self, busy):
        """Apply what was scheduled. `busy` as for `change`."""
        before = (list(self._operative), list(self._wanted))
        self._apply(busy)
        self._keep(before)

    def _apply(self, busy):
        any_busy = False
        for connector in range(1, len(self._operative)):
            wanted = self._wanted[connector]
            if busy(connector):
                any_busy = True
                if wanted != self._operative[connector]:
                    continue
            elif wanted is not None:
                self._operative[connector] = wanted
            self._wanted[connector] = None
        # The station as a whole follows its last connector: until then people are still charging at it.
        # Becoming operative takes nothing away from anybody and need not wait.
        wanted = self._wanted[0]
        if wanted is not None and (wanted or not any_busy or wanted == self._operative[0]):
            self._operative[0] = wanted
            self._wanted[0] = None

    def _keep(self, before):
        if self._record is not None and before != (self._operative, self._wanted):
            self._record.save({"operative": self._operative, "scheduled": self._wanted})
