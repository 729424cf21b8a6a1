# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The catalogue of charge-point cases, for any OCPP 1.6J charge point.

    catalogue.py   what a case is: id, title, profile, when it applies; the list of all
    play.py        what a case can say: what the driver does, what the CSMS asks, what must come
    expected.py    what a message must be
    claims.py      what the station's description says it has
    restore.py     the charge point as every case expects to find it
    run.py         plays cases one after the other, and tells

The cases stand in one module per section of the catalogue: boot.py, sessions.py, remote.py, reset.py,
unlock.py, configuration.py. One short function each, named by its id; to add one, write it there, and a
defect that it must find to host_tests/integration/fake_defects.py.

Ids are those of the newest edition of the Open Charge Alliance's test case document; older ones are aliases.
What the cases say was written from summaries in our own words, not from that document.
"""
