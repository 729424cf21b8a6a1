# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What was played with charge points, for a certifier and for an installer with a phone.

    files.py        write(runs, folder): pages, JSON, JUnit XML; again(file): a page out of an old JSON
    document.py     a Run as one JSON-able dict, of which everything else is made
    masking.py      passwords are in no output
    facts.py        what the description claims, what was read, what was proven
    features.py     what a row of a certificate's tables is made of
    certificate.py  the rows: hardware, options, limits, security
    profiles.py     the feature profiles with their results; the whole configuration
    performance.py  how long answers and functions took
    page.py, tables.py, diagram.py, page.css, page.js    one self-contained HTML page
    comparison.py   several charge points beside each other
    junit.py        JUnit XML

What comes of a charge point goes through masking.py on its way into the document, and through `shown` of
text.py on its way into a page.
"""

from bench.report.files import again, write

__all__ = ["again", "write"]
