# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The CSMS with a prompt, for the desk: `make run`, `make demo`, `python -m bench csms`.

console.py, with_charger.py               `make run`: beside the CSMS there is a simulated charger
csms_command.py, with_charge_points.py    `python -m bench csms`: charge points of all kinds connect
demo.py, csms_figures.py                  a whole session by itself; how fast the CSMS answers

commands.py    how a line becomes a command; its groups:
               operations.py, profiles.py, security.py (what a CSMS asks), records.py (what it knows),
               waiting.py (scripts), driving.py (the car and the driver), charging.py (limits, schedules)
prompt.py      where lines come from
screen.py      what is shown; view.py: the simulated charger's state in words
"""
