// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// The board pico_lte with all that is connected to it, and the lives of the chip on it.

import { Analog } from './analog.mjs';
import { Car } from './car.mjs';
import { Chip, heritage } from './chip.mjs';
import { BoardClock } from './clock.mjs';
import { Contactor } from './contactor.mjs';
import { DutyMeter } from './duty_meter.mjs';
import { Flash } from './flash.mjs';
import { Lock } from './lock.mjs';
import { Meter } from './meter.mjs';
import { Mfrc522 } from './mfrc522.mjs';
import { ModemPort } from './modem_port.mjs';
import { PilotLine } from './pilot_line.mjs';
import { Pins } from './pins.mjs';
import { Pn532 } from './pn532.mjs';
import { EmergencyStop, Rcd } from './protection.mjs';
import { Chance } from './random.mjs';
import { Signals } from './signals.mjs';
import { Tag } from './tag.mjs';
import { UsbSerial } from './usb.mjs';
import { Ws2812 } from './ws2812.mjs';

const FLASH_BYTES = 2 << 20;
const LAMP = 'gp25';
const REASONS = { 1: 'watchdog', 2: 'reset' };

/**
 * options: {seed, eraseMs, programMs, image, flash, verbose}
 * onPowerCut()     the power goes and nobody said when it comes back: the process is to end
 * onCrash(text)    the firmware is at a breakpoint
 */
export class Board {
  resets = 0;
  powerCuts = 0; // after which the power comes back
  reason = 'power-up';
  onPowerCut = () => {};
  onCrash = () => {};
  #verbose;
  #nextLife = null;
  #until = 0;
  #instructions = 0;
  #idleNanos = 0;
  #powerReturns;
  #tagGoes;

  constructor(options) {
    this.clock = new BoardClock();
    this.signals = new Signals(this.clock);
    this.chance = new Chance(options.seed);
    this.#verbose = options.verbose;
    this.flash = new Flash(this.clock, this.signals, FLASH_BYTES, options);
    this.flash.load(options.flash, options.image);
    this.flash.onCut = () => this.cutPower(null);
    this.flash.onBootsel = () => this.onCrash('the firmware asks for the USB boot loader');

    const { clock, signals } = this;
    this.pins = new Pins(signals);
    this.line = new PilotLine(clock, signals);
    this.analog = new Analog(this.line, this.chance);
    this.duty = new DutyMeter(clock, signals, 'gp8');
    const current = () => (this.contactor.closed ? this.car.currentMa : 0);
    this.contactor = new Contactor(clock, signals, this.pins, () => this.car.currentMa);
    this.meter = new Meter(clock, current);
    this.car = new Car(clock, signals, this.line, () => this.contactor.closed, () => this.meter.voltageMv);
    this.car.onCurrent = () => this.meter.count();
    signals.listen('contactor', () => this.meter.count());
    this.lock = new Lock(clock, signals, this.pins);
    this.rcd = new Rcd(clock, signals, this.pins);
    this.emergency = new EmergencyStop(signals, this.pins);
    this.reader = new Mfrc522(clock, signals, this.pins);
    this.pixels = null; // a Ws2812 in the place of the lamp
    this.#tagGoes = clock.createAlarm(() => this.presentTag(null));
    this.usb = new UsbSerial(signals);
    this.modem = new ModemPort(clock, signals, this.pins);
    this.#powerReturns = clock.createAlarm(() => this.#powerUp());
    this.heap = null; // a HeapWatch, when somebody has asked for it
    this.profiler = null;
    this.stack = null; // a StackWatch
    this.chip = null;
    this.#powerUp();
  }

  get nanos() {
    return this.clock.nanos;
  }

  get instructions() {
    return this.#instructions + (this.chip?.instructions ?? 0);
  }

  get idleNanos() {
    return this.#idleNanos + (this.chip?.idleNanos ?? 0);
  }

  /** Let the board live until this time of its clock. */
  run(until) {
    this.#until = until;
    while (this.clock.nanos < this.#until) {
      if (this.chip) this.chip.run(this.#until);
      else this.clock.advanceTo(Math.min(this.clock.due, this.#until));
      if (this.#nextLife) {
        const begin = this.#nextLife;
        this.#nextLife = null;
        begin();
      } else if (this.chip?.over) {
        return; // crashed
      }
    }
  }

  /** End `run` now; to be called from within. */
  stop() {
    this.#until = this.clock.nanos;
    if (this.chip) this.chip.until = this.#until;
  }

  /** The power goes: all that runs on it stops, and a flash operation is torn. backMs: when it comes back. */
  cutPower(backMs) {
    this.flash.tear();
    if (backMs === null) {
      this.onPowerCut();
      return;
    }
    this.powerCuts++;
    this.#endLife();
    this.#power(false);
    this.pins.detach();
    this.usb.detach();
    this.meter.detach();
    this.signals.tell('power', 0);
    this.#powerReturns.schedule(backMs * 1e6);
  }

  /** The RUN button: a reset that leaves nothing of the watchdog's memory. */
  pressReset() {
    this.flash.tear();
    this.#endLife();
    this.#nextLife = () => this.#live(null, 'power-up');
    this.resets++;
  }

  /** A card with this UID is held at the reader for `ms`; null: none is. Throws Error: no such UID. */
  presentTag(id, ms = 0) {
    this.reader.tag = id === null ? null : new Tag(id);
    this.#tagGoes.cancel();
    if (id !== null && ms) this.#tagGoes.schedule(ms * 1e6);
    this.signals.tell('tag', id);
  }

  /** A PN532 in the place of the MFRC522: "pn532_i2c", or "pn532_uart", which takes the meter's UART. */
  fitReader(kind) {
    this.presentTag(null);
    this.reader.dead = true; // it is gone
    this.reader = new Pn532(this.clock, this.signals, this.pins, kind);
    if (this.chip) this.reader.attach(this.chip);
  }

  /** A string of so many WS2812 LEDs in the place of the lamp. */
  fitPixels(count) {
    this.pixels = new Ws2812(this.clock, this.signals, LAMP, count);
  }

  #powerUp() {
    this.#power(true);
    this.signals.tell('power', 1);
    this.#live(null, 'power-up');
  }

  #power(on) {
    for (const part of [this.line, this.contactor, this.lock]) {
      part.powered = on;
      part.changed();
    }
  }

  #endLife() {
    if (!this.chip) return;
    this.#instructions += this.chip.instructions;
    this.#idleNanos += this.chip.idleNanos;
    this.chip.end();
    this.chip = null;
  }

  #live(inherited, reason) {
    this.reason = reason;
    const chip = new Chip(this.clock, this.flash, this.chance, inherited, this.#verbose);
    this.chip = chip;
    chip.mcu.adc.sample = (channel) => this.analog.sample(channel);
    if (this.stack) chip.watchStack(this.stack);
    chip.onBreak = (text) => this.onCrash(text);
    chip.onReset = (why) => {
      this.resets++;
      const left = heritage(chip);
      // Still within an instruction: the next life begins when it is over, the pins let go now.
      this.#nextLife = () => {
        this.#endLife();
        this.#live(left, REASONS[why] ?? 'watchdog');
      };
    };
    this.usb.attach(chip);
    this.meter.attach(chip);
    this.modem.attach(chip);
    this.reader.attach(chip);
    this.pins.attach(chip);
    this.signals.tell('reset', reason);
  }
}
