# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The tables of docs/authorization.md, as parameters for the tests."""

_PAGE = __file__.rsplit("/", 3)[0] + "/docs/authorization.md"
ANY = "any"


class Table:
    """`columns`: names. `rows`: tuples of text as in the page, "any" included."""

    def __init__(self, columns, rows):
        self.columns = columns
        self.rows = rows

    def row_for(self, **values):
        """The one row that holds for `values` (column name -> text or bool), as a dict. AssertionError: none
        does, or more than one, so the table has a gap or contradicts itself.
        """
        wanted = [(self.columns.index(name), _text(value)) for name, value in values.items()]
        found = [row for row in self.rows if all(row[index] in (ANY, text) for index, text in wanted)]
        assert len(found) == 1, (values, found)
        return dict(zip(self.columns, found[0]))


def table(heading):
    """The table of the section whose heading begins with `heading`, for example "2."."""
    with open(_PAGE, encoding="utf-8") as page:
        lines = [line.strip() for line in page]
    begin = 0
    while not lines[begin].startswith("## " + heading):
        begin += 1
    begin += 1
    rows = []
    for line in lines[begin:]:
        if line.startswith("## "):
            break
        if line.startswith("|"):
            rows.append(tuple([cell.strip() for cell in line.strip("|").split("|")]))
    assert len(rows) > 2
    assert all(len(row) == len(rows[0]) for row in rows)
    return Table(rows[0], rows[2:])


def combinations(*columns) -> list:
    """All combinations of the values of `columns`, each a sequence."""
    if not columns:
        return [()]
    rest = combinations(*columns[1:])
    return [(value,) + others for value in columns[0] for others in rest]


def _text(value):
    return value if isinstance(value, str) else "true" if value else "false"
