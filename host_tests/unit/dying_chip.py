# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A flash chip whose power is cut at an operation; for `tools.flash.board.device`."""


def dying(device, image):
    """A chip that takes nothing more once its power was cut, where Device makes a copy: too much for here."""

    class Chip(device.Device):
        def writeblocks(self, block, buf, offset=0):
            return 0 if self.survivor is not None else super().writeblocks(block, buf, offset)

        def ioctl(self, op, arg):
            return 0 if op == 6 and self.survivor is not None else super().ioctl(op, arg)

        def _done(self, programmed_bytes, erases):
            if self.operations == self.cut_at:
                self.survivor = self.image
                raise device.PowerCut
            super()._done(programmed_bytes, erases)

    return Chip(image=image)
