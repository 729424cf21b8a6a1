# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Where the emulated processor's time goes, by functions of the firmware's and by functions in C."""

import bisect
from collections import Counter

from image.elf import Elf

_TYPES = ("mp_type_fun_bc", "mp_type_gen_wrap")
_FROZEN = "fun_data_"
_ASLEEP = "(asleep)"


class Profile:
    """own       name -> samples in which this function of the firmware was the innermost
    within    name -> samples in which it was under way
    in_c      name -> samples with the program counter there
    """

    def __init__(self, samples: list[list], elf: Elf):
        self.own: Counter[str] = Counter()
        self.within: Counter[str] = Counter()
        self.in_c: Counter[str] = Counter()
        names = elf.names()
        places = sorted(names)
        for count, counter, *functions in samples:
            if counter is None:
                self.own[_ASLEEP] += count
                self.in_c[_ASLEEP] += count
                continue
            found = [names.get(function, hex(function)).removeprefix(_FROZEN) for function in functions]
            self.own[found[0] if found else "(none)"] += count
            for name in set(found):
                self.within[name] += count
            at = bisect.bisect_right(places, counter) - 1
            self.in_c[names[places[at]] if at >= 0 else hex(counter)] += count

    @property
    def awake(self) -> int:
        return self.total - self.own[_ASLEEP]

    @property
    def total(self) -> int:
        return self.own.total()

    def rows(self, most: int = 30) -> list[str]:
        found = []
        for title, counter in (("own", self.own), ("within", self.within), ("in C", self.in_c)):
            found.append("%-8s %d samples" % (title, self.total))
            found += ["%7.1f %%  %s" % (100 * n / self.total, name) for name, n in counter.most_common(most)]
        return found


def types(elf: Elf) -> list[int]:
    return [elf.address(name) for name in _TYPES]
