# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Tests of tools/emulator/modem, with a board's PPP and TCP written from the RFCs a second time
(`board_ppp.py`, `board_tcp.py`), in a time of their own (`world.py`); `test_line.py` has real sockets and
real time."""
