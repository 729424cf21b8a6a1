# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The second contactor, which connects L2 and L3: a coil and a contact that tells.

Its coil off is one phase, as after every start: a reset takes the voltage off both coils. Nothing here moves
it by itself, also not when the charger stops: then the main contactor may still be on its way.
"""


class PhaseSwitch:
    """A `hal.contract.PhaseSwitch`. `coil`: an Output; `feedback`: an Input that is on while L2 and L3 are
    connected (a mirror contact, as that of the main contactor). When it may move is `evse.phases`' to say.
    """

    def __init__(self, coil, feedback):
        self._coil = coil
        self._feedback = feedback

    def drive(self, three: bool) -> None:
        self._coil.put(three)

    def three(self) -> bool:
        return self._feedback.on()
