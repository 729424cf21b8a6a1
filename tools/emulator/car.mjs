// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// A car on the pilot line: it reads the offer off the PWM (annex A of IEC 61851-1 as a car has it, by
// itself), closes S2, draws current through the contactor, fills its battery, opens S2.

import { DutyMeter } from './duty_meter.mjs';

const OHM_B = 2740;
const OHM_C = 882; // 2740 beside 1300
const OHM_D = 246; // 2740 beside 270
const WATCH_NANOS = 5e6; // how often it looks for a pilot that has become steady
const RAMP_NANOS = 20e6;
const SLOW_NANOS = 1e9;
const RAMP_UP = 20; // mA per ms: 32 A in 1.6 s
const RAMP_DOWN = 400;

/** Milliampere that a car may draw at this duty, 0: none. */
export function offerMa(dutyE4, hz) {
  if (hz < 950 || hz > 1050 || dutyE4 < 800 || dutyE4 > 9700) return 0;
  if (dutyE4 < 1000) return 6000;
  if (dutyE4 <= 8500) return dutyE4 * 6;
  return Math.min(80000, (dutyE4 - 6400) * 25);
}

/** plugged, s2, currentMa (per phase), storedWh: how it is; the other fields: how it behaves. */
export class Car {
  plugged = false;
  s2 = false;
  currentMa = 0;
  limitMa = 16000;
  ready = true;
  delayMs = 500; // from an offer to S2 closed
  reactMs = 150; // from the end of the offer to S2 open
  ventilation = false;
  batteryWh = 60000;
  storedWh = 24000;
  manual = null; // true, false: S2 is held like this, whatever is offered
  onCurrent = () => {};
  #clock;
  #signals;
  #line;
  #duty;
  #live;
  #closing;
  #opening;
  #watch;
  #ramp;
  #rampedAt = 0;

  /** live(): there is voltage on its contacts; voltageMv(): how much. */
  constructor(clock, signals, line, live, voltageMv) {
    this.#clock = clock;
    this.#signals = signals;
    this.#line = line;
    this.#live = live;
    this.voltageMv = voltageMv;
    this.#duty = new DutyMeter(clock, signals, 'gp8', () => this.#look());
    this.#closing = clock.createAlarm(() => this.#setS2(true));
    this.#opening = clock.createAlarm(() => this.#setS2(false));
    this.#watch = clock.createAlarm(() => {
      this.#look();
      if (this.plugged) this.#watch.schedule(WATCH_NANOS);
    });
    this.#ramp = clock.createAlarm(() => this.#flow());
    signals.listen('contactor', () => this.#flow());
  }

  plug() {
    if (this.plugged) return;
    this.plugged = true;
    this.#signals.tell('plug', 1);
    this.#load();
    this.#watch.schedule(WATCH_NANOS);
  }

  unplug() {
    if (!this.plugged) return;
    this.plugged = false;
    for (const alarm of [this.#closing, this.#opening, this.#watch]) alarm.cancel();
    this.s2 = false;
    this.#load();
    this.#flow();
    this.#signals.tell('plug', 0);
  }

  /** Hold S2 closed or open; null: the car decides again. */
  hold(closed) {
    this.manual = closed;
    if (closed !== null) this.#setS2(closed);
    this.#look();
  }

  /** Another way to behave has been set. */
  changed() {
    this.#load();
    this.#look();
    this.#flow();
  }

  offer() {
    const seen = this.plugged && !this.#line.apart && this.#line.powered && !this.#line.shorted;
    if (!seen) return 0;
    const { duty_e4: duty, hz } = this.#duty.read();
    return offerMa(duty, hz);
  }

  wants() {
    return this.ready && this.storedWh < this.batteryWh;
  }

  get ohm() {
    if (!this.plugged) return null;
    if (!this.s2) return OHM_B;
    return this.ventilation ? OHM_D : OHM_C;
  }

  #look() {
    if (!this.plugged || this.manual !== null) return;
    if (this.offer() > 0 && this.wants()) {
      this.#opening.cancel();
      if (!this.s2 && !this.#closing.scheduled) this.#closing.schedule(this.delayMs * 1e6);
      if (this.s2 && !this.#ramp.scheduled) this.#flow();
    } else {
      this.#closing.cancel();
      if (this.s2 && !this.#opening.scheduled) {
        this.#opening.schedule(this.reactMs * 1e6);
        this.#flow();
      }
    }
  }

  #setS2(closed) {
    if (!this.plugged || this.s2 === closed) return;
    this.s2 = closed;
    this.#load();
    this.#flow();
  }

  #load() {
    this.#line.ohm = this.ohm;
    this.#line.changed();
    if (this.#signals.values.get('ohm') !== this.ohm) this.#signals.tell('ohm', this.ohm);
    const s2 = this.plugged && this.s2 ? 1 : 0;
    if (this.#signals.values.get('s2') !== s2) this.#signals.tell('s2', s2);
  }

  // The current moves towards what it should be, in steps, and the battery fills with what has flowed.
  #flow() {
    const millis = (this.#clock.nanos - this.#rampedAt) / 1e6;
    this.#rampedAt = this.#clock.nanos;
    const flowedWh = (this.currentMa * this.voltageMv() * millis) / 3.6e12;
    this.storedWh = Math.min(this.batteryWh, this.storedWh + flowedWh);
    const before = this.currentMa;
    const drawing = this.plugged && this.s2 && this.#live();
    const stopping = this.manual === null && (this.#opening.scheduled || !this.wants());
    const target = !drawing || stopping ? 0 : Math.min(this.limitMa, this.offer());
    if (!drawing) this.currentMa = 0;
    else if (before < target) this.currentMa = Math.min(target, before + RAMP_UP * Math.min(millis, 20));
    else this.currentMa = Math.max(target, before - RAMP_DOWN * Math.min(millis, 20));
    if (this.currentMa !== before) this.onCurrent();
    this.#ramp.cancel();
    if (this.currentMa !== target) this.#ramp.schedule(RAMP_NANOS);
    else if (this.currentMa > 0) this.#ramp.schedule(SLOW_NANOS);
    if (drawing && !this.wants()) this.#look();
  }
}
