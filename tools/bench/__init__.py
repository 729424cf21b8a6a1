# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The bench: a CSMS for the desk, a simulated charger to talk to it, and what is measured with both.

Runs on CPython 3.11 with `ocpp` and `websockets`; `tools/` is on the import path (`PYTHONPATH=tools`).

    csms.py         the CSMS: station.py, handlers.py, books.py, messages.py, scripts.py are its parts
    ledger/         its books in SQLite
    desk/           it has a prompt: `make run`, `make demo`, `python -m bench csms`
    charger.py      our firmware as a process, with its control channel

    cases/          the catalogue of conformance cases
    drivers/        who plugs in and presents tags in them
    conformance.py  our firmware under the cases; strangers.py: anybody's charge point
    report/         what is written about it

    speed.py        `make bench`; heap.py: `make heap`; soak.py: `make soak`
"""
