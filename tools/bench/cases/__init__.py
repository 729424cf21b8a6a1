# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The catalogue of charge-point cases, for any OCPP 1.6J charge point.

    catalogue.py   what a case is: id, title, profile, when it applies; the list of all
    steps.py       what a case can say: what the driver does, what the CSMS asks, what must come
    play.py        the catalogue's reusable states and memory states
    expected.py    what a message must be
    arrivals.py    the charge point's messages as a case reads them; judge.py: what none of them may say
    parameters.py  what the catalogue leaves to the tester: tags, intervals
    claims.py      what the station's description says it has; exempt.py: what does not apply to it
    restore.py     the charge point as every case expects to find it
    run.py         plays cases one after the other, and tells

The cases stand in one module per section of the catalogue (`catalogue.MODULES`); field_*.py have those that
the field needs and the catalogue does not have. One short function each, named by its id; to add one, write
it there, and a defect that it must find to host_tests/integration/fake_defects.py.

Ids are those of the newest edition of the Open Charge Alliance's test case document; older ones are aliases.
What the cases say was written from summaries in our own words, not from that document.
"""
