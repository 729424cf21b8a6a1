# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The bench: a CSMS for the desk, a simulated charger to talk to it, and what is measured with both.

Runs on CPython 3.11 with `ocpp` and `websockets`; `tools/` is on the import path (`PYTHONPATH=tools`).

    bench.csms      the CSMS            bench.charger   our firmware as a process, with its control channel
    bench.console   `make run`          bench.demo      `make demo`
    bench.speed     `make bench`        bench.heap      `make heap`
    bench.cases     the catalogue of conformance cases, `make conformance`, `python -m bench run`
    bench.drivers   who plugs in and presents tags in them
"""
