# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How the file system came up at this start: what `_boot` does to the flash, and what it found.

MicroPython's own _boot.py formats a flash that it cannot mount, and with it the transactions that wait for
the CSMS are gone. Here a flash is formatted only when nothing has ever been written to it; whatever else does
not mount is left as it is, for a technician to read out (docs/image.md), and the charger says so.
"""

# None, or why there is no file system: one sentence for people.
trouble = None

# littlefs programs at least this many bytes at once: the page of the flash chip. The other sizes are the
# defaults, and all of them those of MicroPython's own _boot.py: its files stay readable, and so do ours.
PROGRAM_BYTES = 256

_BLANK = 0xFF


def bring_up(flash, lfs, mount):
    """Mount `flash` at "/". Return None, or why it is not mounted; raises nothing.

    flash   a block device, `rp2.Flash()`
    lfs     the file system's class, `vfs.VfsLfs2`
    mount   `vfs.mount`
    """
    try:
        mount(_volume(flash, lfs), "/")
    except Exception as error:
        return "%s: no file system, nothing can be kept" % error
    return None


def _volume(flash, lfs):
    try:
        return lfs(flash, progsize=PROGRAM_BYTES)
    except OSError as error:
        # Not "the first two blocks are blank", where littlefs has its root: those can be lost with all the
        # data behind them still there. And a first formatting that was cut off is not told from a damaged
        # root, which may hold the small files: both are left alone.
        if not is_blank(flash):
            raise RuntimeError("flash does not mount (%s) and is not new, left as it is" % error)
    lfs.mkfs(flash, progsize=PROGRAM_BYTES)
    return lfs(flash, progsize=PROGRAM_BYTES)


def is_blank(flash):
    """Has nothing been written to it since the chip was erased as a whole?"""
    block_bytes = flash.ioctl(5, 0)
    blank = bytes([_BLANK]) * block_bytes
    block = bytearray(block_bytes)
    for number in range(flash.ioctl(4, 0)):
        flash.readblocks(number, block)
        if block != blank:
            return False
    return True
