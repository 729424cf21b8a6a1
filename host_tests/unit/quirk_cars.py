# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Cars with manners that were seen in the field (docs/cars.md), as loads on the pilot line.

Each reads the duty as a car does (hal.sim.car) and answers with its resistors, millisecond by millisecond;
what it does is what the reports say of it, no more. `Street` is the place where they are charged.
"""

from hal.sim.car import offer_ma
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import STEP_MS, A, B, C, Desk, FakeHardware, FakePhaseSwitch, FakePilotSwitch

OFF_MV = -12000


class Car:
    """An ordinary one: S2 closes 600 ms after an offer, and opens 200 ms after its end, without load.

    s2, amps    what it does now; `limit_a` what it can take
    level_mv    of the pilot's high plateau with this car on it
    """

    limit_a = 16
    after_ms = 600
    react_ms = 200

    def __init__(self):
        self.s2 = False
        self.amps = 0
        self.ready = True
        self.offer_ms = 0  # since there is an offer
        self.pause_ms = 0
        self.on_ms = 0  # S2 has been closed for
        self.off_ms = 0
        self.f_ms = 0
        self.apart_ms = 0
        self.duty = 10000
        self.changed_ms = 100000  # since one offer became another

    def step(self, dt_ms, duty, apart, live):
        """Live through `dt_ms`; `apart`: there is no pilot; `live`: there is voltage."""
        self.notice(dt_ms, duty, apart)
        offer_a = 0 if apart else offer_ma(duty) // 1000
        if offer_a and self.wants(offer_a):
            self.pause_ms = 0
            self.offer_ms += dt_ms
            if not self.s2 and self.offer_ms >= self.after_ms:
                self.s2 = True
                self.on_ms = 0
        else:
            self.offer_ms = 0
            self.pause_ms += dt_ms
            if self.s2 and self.pause_ms >= self.react_ms:
                self.s2 = False
                self.off_ms = 0
        if self.s2:
            self.on_ms += dt_ms
        else:
            self.off_ms += dt_ms
        self.amps = min(offer_a, self.limit_a) if live and self.s2 else 0

    def notice(self, dt_ms, duty, apart):
        self.apart_ms = self.apart_ms + dt_ms if apart else 0
        self.f_ms = self.f_ms + dt_ms if duty == 0 and not apart else 0
        if duty != self.duty:
            if 0 < duty < 10000 and 0 < self.duty < 10000:
                self.changed_ms = 0
            self.duty = duty
        else:
            self.changed_ms += dt_ms

    def wants(self, offer_a):
        return self.ready

    def level_mv(self):
        return C if self.s2 else B


class BmwPlugInHybrid(Car):
    """Shows 2.7 kohm (B) for half a second after one offer becomes another, with current flowing."""

    def level_mv(self):
        return B if self.changed_ms < 500 else super().level_mv()


class BmwIx3(Car):
    """Wakes the charger with 880 ohm for 250 ms, three times, before it charges; needs 45 s without pilot
    when the phases change, or gives up."""

    phase_wait_ms = 45000

    def __init__(self):
        super().__init__()
        self.pulse_ms = 0
        self.damaged = False
        self._apart_ms = 0

    def notice(self, dt_ms, duty, apart):
        if not apart and 0 < self._apart_ms < self.phase_wait_ms:
            self.damaged = True
        self._apart_ms = self._apart_ms + dt_ms if apart else 0
        super().notice(dt_ms, duty, apart)
        if self.offer_ms:
            self.pulse_ms += dt_ms

    def wants(self, offer_a):
        return super().wants(offer_a) and not self.damaged

    after_ms = 4000

    def level_mv(self):
        if not self.s2 and 0 < self.pulse_ms < 1500:
            return C if self.pulse_ms % 500 < 250 else B
        return super().level_mv()


class Polestar(BmwIx3):
    """15 s without pilot when the phases change."""

    phase_wait_ms = 15000

    def level_mv(self):
        return Car.level_mv(self)


class SlowVolkswagen(Car):
    """Wakes by itself, but needs a minute; an interruption meanwhile makes it begin anew."""

    after_ms = 60000

    def step(self, dt_ms, duty, apart, live):
        if apart or duty == 0:
            self.offer_ms = 0
        super().step(dt_ms, duty, apart, live)


class SleepyCar(Car):
    """Sleeps until the pilot is away for 30 s."""

    def __init__(self):
        super().__init__()
        self.awake = False

    def notice(self, dt_ms, duty, apart):
        super().notice(dt_ms, duty, apart)
        if self.wakes():
            self.awake = True

    def wakes(self):
        return self.apart_ms >= 29000

    def wants(self, offer_a):
        return self.awake and super().wants(offer_a)


class ThinkCity(SleepyCar):
    """Also Fiat 500e, MG, old Zoe: does not see the end of an offer, goes on drawing; sees state F, and
    takes a new offer only after one."""

    def __init__(self):
        super().__init__()
        self.awake = True

    def step(self, dt_ms, duty, apart, live):
        # What is left out of the pause: S2 stays closed as long as the pilot is positive.
        if duty == 10000 and not apart and self.s2:
            self.on_ms += dt_ms
            self.amps = self.limit_a if live else 0
            if not live:
                self.s2 = self.on_ms < 10000
                self.awake = False
            return
        super().step(dt_ms, duty, apart, live)

    def wakes(self):
        return self.f_ms >= 3000


class Id3(Car):
    """A spike of C while the plug goes in."""

    def __init__(self):
        super().__init__()
        self.age_ms = 0

    def notice(self, dt_ms, duty, apart):
        super().notice(dt_ms, duty, apart)
        self.age_ms += dt_ms

    def level_mv(self):
        return C if 100 <= self.age_ms < 160 else super().level_mv()


class Ioniq5(Car):
    """Refuses to charge when it was woken up again and again (evcc #31435): here the third time that the
    pilot was taken away without a charge in between is one too many, until it is unplugged."""

    def __init__(self):
        super().__init__()
        self.disturbed = 0
        self._was_disturbed = False

    def notice(self, dt_ms, duty, apart):
        super().notice(dt_ms, duty, apart)
        disturbed = apart or duty == 0
        if disturbed and not self._was_disturbed:
            self.disturbed += 1
        self._was_disturbed = disturbed
        if self.amps:
            self.disturbed = 0

    def wants(self, offer_a):
        return super().wants(offer_a) and self.disturbed < 3


class Kona(Car):
    """The first one: keeps drawing after the PWM has gone, until the voltage goes."""

    def step(self, dt_ms, duty, apart, live):
        if duty == 10000 and self.s2 and live:
            self.amps = self.limit_a
            return
        super().step(dt_ms, duty, apart, live)


class TeslaInTheCold(Car):
    """Closes and opens S2 every 5 s, until it has been left alone for a minute."""

    def __init__(self):
        super().__init__()
        self.warm = False

    def wants(self, offer_a):
        if self.off_ms >= 60000:
            self.warm = True
        return self.warm or (self.on_ms < 5000 if self.s2 else self.off_ms >= 5000)


class ZoeInTheHeat(Car):
    """ZE50: gives up at the start when it is offered more than 6 A; later it may be more. Pauses for half a
    minute to cool."""

    limit_a = 32

    def __init__(self):
        super().__init__()
        self.running = False
        self.tired_ms = 0
        self.cooled = 0

    def wants(self, offer_a):
        if self.tired_ms > 0:
            self.tired_ms -= STEP_MS
            return False
        if self.s2 and self.amps:
            if self.on_ms < 3000 and offer_a > 6:
                self.tired_ms = 6000
                return False
            self.running = self.on_ms > 3000
            if self.on_ms > 120000 and self.cooled < 2:
                self.cooled += 1
                self.tired_ms = 30000
                return False
        return True


class SmartEd(Car):
    """Goes into a fault when it is enabled again within 60 s after it has stopped, and stops then after some
    seconds; left alone for a minute it charges."""

    def __init__(self):
        super().__init__()
        self.faulty = True  # as it comes: it was driven hard

    def wants(self, offer_a):
        if not self.s2 and self.off_ms >= 60000:
            self.faulty = False
        if self.s2 and self.faulty and self.on_ms > 3000:
            return False
        return not (self.faulty and not self.s2 and self.off_ms < 2000)


class Pauser(Car):
    """Renault, Kia Niro: opens S2 for twenty seconds in the middle of a charge and goes on."""

    def wants(self, offer_a):
        return self.ready and (self.on_ms < 90000 if self.s2 else self.off_ms >= 20000 or not self.on_ms)


class Simplified(Car):
    """No S2: a bicycle, a converted car. C from the plug on, with or without an offer."""

    def __init__(self):
        super().__init__()
        self.s2 = True

    def step(self, dt_ms, duty, apart, live):
        self.notice(dt_ms, duty, apart)
        self.amps = 10 if live else 0


class Street(Desk):
    """A supply and a car on its pilot; counts what a driver and a contactor would feel.

    closings, under_load    how often the contactor closed, and opened with current flowing
    charged_ams             ampere times milliseconds
    """

    def __init__(self, car, wake_up="switch", three=False):
        hardware = FakeHardware()
        hardware.pilot_switch = FakePilotSwitch(hardware.pilot)
        if three:
            hardware.phase_switch = FakePhaseSwitch()
        super().__init__(hardware, wake_up=wake_up)
        self.car = car
        self.plugged = False
        self.closings = 0
        self.under_load = 0
        self.charged_ams = 0
        self._was = False

    def live(self, ms, until=None):
        hardware = self.hardware
        car = self.car
        for count in range(ms // STEP_MS):
            apart = hardware.pilot_switch.apart
            coil = bool(hardware.contactor.coil)
            if self._was and not coil and car.amps:
                self.under_load += 1
            if coil and not self._was:
                self.closings += 1
            self._was = coil
            if self.plugged:
                car.step(STEP_MS, hardware.pilot.duty_e4, apart, coil)
                self.charged_ams += car.amps * STEP_MS
            hardware.pilot.car_mv = car.level_mv() if self.plugged else A
            self.now = ticks_add(self.now, STEP_MS)
            self.supply.guard.tick(self.now)
            self.supply.step(self.now)
            assert not self.supply.faults, self.supply.faults
            if until is not None and until():
                return (count + 1) * STEP_MS
        return ms

    def begin(self):
        """Plug in, and permit a second later."""
        self.live(1000)
        self.plugged = True
        self.live(1000)
        self.supply.permit(True)
        return self

    def charging(self):
        return self.car.amps > 0
