# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the driver and the technician see, hear and press: indicator, buzzer, start button, service button."""

import log
from evse import button, faults
from hal.ticks import ticks_diff

_INDICATIONS = {
    "Available": "available",
    "Preparing": "preparing",
    "Charging": "charging",
    "SuspendedEV": "suspended",
    "SuspendedEVSE": "suspended",
    "Finishing": "finishing",
    "Reserved": "reserved",
    "Unavailable": "unavailable",
    "Faulted": "fault",
}
# A fault that comes and goes is no alarm clock.
_FAULT_AGAIN_MS = 60000


class Panel:
    def __init__(self, board, station, supplies, present):
        """`present(tag)`: the start button was pressed, with these rights."""
        self._board = board
        self._station = station
        self._supplies = supplies
        self._present = present
        self._shown = [""] * len(supplies)
        self._plugged = [False] * len(supplies)
        self._buzzer = board.buzzer if station.description.option("sounds") else None
        self._tag = None  # what was last said of one
        self._fault_at = None  # ticks
        self._service = None if board.button is None else button.ServiceButton()
        self._start = None
        if board.start_button is not None:
            from evse.start_button import StartButton

            self._start = StartButton()
        elif station.description.option("start_tag"):
            log.warning("panel", "options.start_tag: the board has no start button")

    def step(self, now: int) -> None:
        """At every step, after the station's."""
        for connector in self._station.connectors:
            self._look(connector, now)
        last = self._station.admission.last
        if last is not self._tag:
            self._tag = last
            self._sound("accepted" if last[1] == "accepted" else "refused")
        if self._service is not None:
            done = self._service.look(now, self._board.button.pressed())
            if done is not None:
                self._serve(done)
        if self._start is not None and self._start.pressed(now, self._board.start_button.pressed()):
            self._begin()

    def _look(self, connector, now):
        """Its status, or what the catalogue has for its worst fault that shows; when it has changed. OCPP
        calls a connector SuspendedEVSE whose car asks for what it cannot have."""
        shown = None
        for name in connector.supply.faults:
            shown = faults.indication(name)
            if shown is not None:
                break
        if shown is None:
            shown = _INDICATIONS.get(connector.status_name, "unavailable")
        index = connector.number - 1
        if shown != self._shown[index]:
            self._shown[index] = shown
            if self._board.indicator is not None:
                self._board.indicator.show(connector.number, shown)
            if shown == "fault":
                self._alarm(now)
        plugged = connector.supply.plugged
        if plugged != self._plugged[index]:
            self._plugged[index] = plugged
            if not plugged:
                self._sound("unplugged")

    def _alarm(self, now):
        # The ticks wrap: a negative age is one of days.
        if self._fault_at is None or not 0 <= ticks_diff(now, self._fault_at) < _FAULT_AGAIN_MS:
            self._fault_at = now
            self._sound("fault")

    def _sound(self, name):
        if self._buzzer is not None:
            self._buzzer.sound(name)

    def _show_all(self, indication):
        if self._board.indicator is not None:
            self._board.indicator.show(0, indication)

    # --- buttons ---

    def _serve(self, done):
        if done == button.ACKNOWLEDGE:
            log.warning("panel", "the service button: latched faults are acknowledged")
            for supply in self._supplies:
                supply.acknowledge()
        elif done == button.WARN:
            self._show_all("starting")
            self._sound("warning")
        elif done == button.READY:
            self._show_all("reset")
            self._sound("reset")
        elif done == button.GIVEN_UP or not self._factory_reset():
            self._show_all("off")
            self._sound("refused")

    def _factory_reset(self):
        """True: it is under way, the controller restarts."""
        station = self._station
        if station.closing is not None or station.quiet or any(one.busy for one in station.connectors):
            log.warning("panel", "no factory reset now: a transaction runs, or the charger is restarting")
            return False
        import factory_reset  # once in a charger's life

        try:
            factory_reset.order(self._board.storage.path)
        except OSError as error:
            log.error("panel", "no factory reset: %s", error)
            return False
        log.warning("panel", "factory reset")
        station.close("Reboot")
        return True

    def _begin(self):
        tag = self._station.description.option("start_tag")
        if tag:
            self._present(tag)
        else:
            log.warning("panel", "the start button: there is no start_tag to charge with")
            self._sound("refused")
