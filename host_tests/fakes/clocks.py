# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Timer, WDT, RTC, reset of `machine`; `time`; `micropython`."""

import calendar
import time as host_time

_WRAP = 1 << 30
_HALF = 1 << 29
_EPOCH_2000_S = 946684800
_HZ_AT_1_10_V = 133000000  # RP2040 datasheet, 2.15.1
_RP2_WATCHDOG_MS = 8388


class Reset(BaseException):
    """The controller starts anew: nothing after it runs."""


class WatchdogBite(Reset):
    pass


class Overclocked(AssertionError):
    """Faster than the maker allows with this core voltage."""


class Timer:
    def __init__(self, id, *, mode=1, period=None, freq=None, tick_hz=None, callback=None, hard=None):
        chip = self._chip
        if chip.name == "esp32" and not 0 <= id <= 3:
            raise ValueError("invalid Timer number")
        if chip.name == "rp2" and id != -1:
            raise ValueError("Timer doesn't exist")
        if chip.name == "esp32" and id in chip.timers:
            raise AssertionError("Timer(%d) is in use" % id)
        self._slot = _Slot()
        chip.timers[id if chip.name == "esp32" else object()] = self._slot
        if period is not None or freq is not None or callback is not None:
            self._start(mode, period, freq, callback, hard)

    def init(self, *, mode=1, period=None, freq=None, tick_hz=None, callback=None, hard=None):
        self._start(mode, period, freq, callback, hard)

    def _start(self, mode, period, freq, callback, hard):
        if hard and self._chip.name == "esp32":
            raise ValueError("hard Timers are not implemented")
        slot = self._slot
        slot.timer = self
        slot.period_us = period * 1000 if period is not None else 1000000 // freq
        slot.repeat = mode == self.PERIODIC
        slot.callback = callback
        slot.due = self._chip.now_us + slot.period_us

    def deinit(self):
        self._slot.due = None


class _Slot:
    """due: None while it does not run."""

    def __init__(self):
        self.due = None
        self.timer = None
        self.period_us = 0
        self.repeat = False
        self.callback = None

    def fire(self, chip):
        self.due = self.due + self.period_us if self.repeat else None
        if self.callback is not None:
            chip.schedule(self.callback, self.timer)


class WDT:
    def __init__(self, *, id=0, timeout=5000):
        if self._chip.name == "rp2" and timeout > _RP2_WATCHDOG_MS:
            raise ValueError("timeout exceeds %d" % _RP2_WATCHDOG_MS)
        self._chip.watchdog_us = timeout * 1000
        self._chip.watchdog_at = self._chip.now_us

    def feed(self):
        self._chip.watchdog_at = self._chip.now_us


class RTC:
    """The date is set by (year, month, day, weekday, hour, minute, second, microsecond)."""

    def __init__(self, id=0):
        pass

    def datetime(self, datetimetuple=None):
        chip = self._chip
        if datetimetuple is None:
            seconds, us = divmod(chip.utc_us(), 1000000)
            date = host_time.gmtime(seconds)
            return (*date[:3], date.tm_wday, *date[3:6], us)
        year, month, day, weekday, hour, minute, second, us = datetimetuple
        assert calendar.weekday(year, month, day) == weekday
        seconds = calendar.timegm((year, month, day, hour, minute, second))
        chip.clock_offset_us = seconds * 1000000 + us - chip.now_us
        return None


class Esp32RTC(RTC):
    def memory(self, *data):
        if not data:
            return self._chip.rtc_memory
        assert len(data[0]) <= 2048
        self._chip.rtc_memory = bytes(data[0])
        return None


def machine_functions(chip) -> dict:
    def reset():
        raise Reset

    def freq(*hz):
        if not hz:
            return chip.hz
        if chip.name == "rp2" and hz[0] > _HZ_AT_1_10_V and chip.core_mv() < 1150:
            raise Overclocked("%d Hz with %d mV" % (hz[0], chip.core_mv()))
        chip.hz = hz[0]
        return None

    def bitstream(pin, encoding, timing, data):
        if encoding != 0 or len(timing) != 4:
            raise ValueError
        state = pin._state
        assert state.mode == "out"
        chip.bitstreams.append((state.number, timing, bytes(data)))
        # The RMT of an ESP32: it blocks until all is sent.
        chip.now_us += len(data) * 8 * (timing[0] + timing[1]) // 1000

    return {
        "freq": freq,
        "bitstream": bitstream,
        "reset": reset,
        "reset_cause": lambda: chip.cause,
        "unique_id": lambda: b"\x24\x6f\x28\xa1\xb2\xc3",
    }


def time_functions(chip) -> dict:
    epoch_s = _EPOCH_2000_S if chip.name == "esp32" else 0

    def sleep_us(us):
        chip.advance(us)

    def gmtime(secs=None):
        if secs is not None and not -(1 << 31) <= secs < 1 << 31:
            raise OverflowError("overflow converting long int to machine word")  # mp_obj_get_int, 32 bits
        date = host_time.gmtime((chip.utc_us() // 1000000) if secs is None else secs + epoch_s)
        return (*date[:7], date.tm_yday)

    return {
        "ticks_us": lambda: chip.look() % _WRAP,
        "ticks_ms": lambda: chip.look() // 1000 % _WRAP,
        "ticks_add": lambda ticks, delta: (ticks + delta) % _WRAP,
        "ticks_diff": lambda later, earlier: ((later - earlier + _HALF) % _WRAP) - _HALF,
        "sleep_us": sleep_us,
        "sleep_ms": lambda ms: sleep_us(ms * 1000),
        "gmtime": gmtime,
        "time": lambda: chip.utc_us() // 1000000 - epoch_s,
        "time_ns": lambda: chip.utc_us() * 1000 - epoch_s * 1000000000,
    }


def micropython_functions(chip) -> dict:
    return {
        "const": lambda expr: expr,
        "native": lambda function: function,
        "viper": lambda function: function,
        "heap_lock": lambda: 1,
        "heap_unlock": lambda: 0,
        "alloc_emergency_exception_buf": lambda size: None,
        "schedule": chip.schedule,
    }


def classes(chip_name: str) -> dict:
    return {"Timer": Timer, "WDT": WDT, "RTC": Esp32RTC if chip_name == "esp32" else RTC}
