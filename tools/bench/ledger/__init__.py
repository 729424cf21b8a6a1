# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the CSMS remembers when it ends: SQLite.

database.py     the file: tables, who may write, what is wrong with it
books.py        bench.books, kept there
passwords.py    of charge points, as hashes
"""
