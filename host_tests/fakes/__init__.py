# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Strict fakes for tests on CPython: of MicroPython's modules, with the signatures of the published stubs,
and of the classes of `hal.contract`, with the contract's own."""
