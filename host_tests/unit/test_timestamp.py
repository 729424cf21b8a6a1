# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
import gc

from station import timestamp


def used():
    gc.collect()
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0  # CPython counts nothing


def test_what_is_no_date_leaves_nothing_in_the_memory():
    """MicroPython keeps every character for ever that was taken out of a text by its index."""
    texts = []
    for at in (4, 7, 10, 13, 16, 19, 25):
        for n in range(60):
            char = str(bytes((0xE0 | 5, 0x80 | at, 0x80 | n)), "utf-8")
            whole = "2030-01-01T00:00:00+01:00"
            texts.append(whole[:at] + char + whole[at + 1 :])
    before = used()
    refused = 0
    for text in texts:
        try:
            timestamp.parse(text)
        except ValueError:
            refused += 1
    assert refused == len(texts)
    assert used() - before < 200, used() - before
