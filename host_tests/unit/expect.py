# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the unit tests need beyond `assert`, on CPython and MicroPython alike."""


def raises(kind, function, *args, **kwargs):
    """Call `function`; return the exception of class `kind` that it must raise."""
    try:
        result = function(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError("%s not raised, got %r" % (kind.__name__, result))
