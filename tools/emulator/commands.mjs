// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// What the control channel can ask for: {"do": NAME, ...} -> what is added to {"ok": true}. An Error thrown
// here is the answer {"ok": false, "error": ...}. docs/emulator.md has the table.

import { HeapWatch } from './heap_watch.mjs';
import { Pn532 } from './pn532.mjs';
import { Profiler } from './profiler.mjs';
import { StackWatch } from './stack_watch.mjs';

/** {name: function(board, request) -> object or nothing}. */
export const COMMANDS = {
  plug(board, { proximity_ohm: ohm = 220 }) {
    board.analog.proximityOhm = ohm;
    board.car.plug();
  },

  unplug(board) {
    board.car.unplug();
    board.analog.proximityOhm = null;
  },

  /** The plug in our socket without a car, or another coding. */
  proximity(board, { ohm = null }) {
    board.analog.proximityOhm = ohm;
  },

  car(board, request) {
    const { car } = board;
    const fields = {
      amps: (value) => (car.limitMa = Math.round(value * 1000)),
      ready: (value) => (car.ready = value),
      delay_s: (value) => (car.delayMs = value * 1000),
      react_s: (value) => (car.reactMs = value * 1000),
      ventilation: (value) => (car.ventilation = value),
      battery_wh: (value) => (car.batteryWh = value),
      soc: (value) => (car.storedWh = (car.batteryWh * value) / 100),
      diode: (value) => {
        board.line.diode = value;
        board.line.changed();
      },
    };
    apply(fields, request);
    car.changed();
  },

  s2(board, { closed = null }) {
    board.car.hold(closed);
  },

  pilot(board, { high_mv: high, low_mv: low = -12000 }) {
    board.line.forced = high === undefined ? null : { high, low };
    board.line.changed();
  },

  meter(board, request) {
    const { meter } = board;
    meter.count();
    apply(
      {
        wh: (value) => (meter.wh = value),
        volts: (value) => (meter.voltageMv = Math.round(value * 1000)),
        fail: (value) => (meter.silent = value),
      },
      request,
    );
  },

  /** Another reader, or WS2812 LEDs, in the place of what the board has. */
  fit(board, { reader, pixels }) {
    if (reader !== undefined) {
      if (!READERS.includes(reader)) throw new Error('no such reader; there are ' + READERS.join(', '));
      if (board.reader instanceof Pn532) throw new Error('the reader is a PN532 already');
      board.fitReader(reader);
    }
    if (pixels !== undefined) {
      if (board.pixels) throw new Error('there are LEDs already');
      board.fitPixels(number(pixels, 'pixels'));
    }
  },

  /** What the WS2812 LEDs have been told since the last time. */
  pixels(board) {
    if (!board.pixels) throw new Error('there are no LEDs: "fit" them');
    return board.pixels.report();
  },

  /** A card at the reader for so long; id null: taken away. */
  tag(board, { id = null, seconds = 0.7 }) {
    board.presentTag(id, seconds * 1000);
  },

  temperature(board, { celsius }) {
    board.analog.celsius = number(celsius, 'celsius');
  },

  emergency(board, { pressed = true }) {
    board.emergency.press(pressed);
  },

  fault(board, request) {
    setFault(board, request, true);
  },

  clear(board, request) {
    setFault(board, request, false);
  },

  modem(board, request) {
    const { modem } = board;
    apply({ cts: (value) => (modem.cts = value), baud: (value) => (modem.baud = value) }, request);
    modem.changed();
  },

  power_cut(board, { back_ms: back = null }) {
    board.cutPower(back);
  },

  cut_after(board, { operations }) {
    board.flash.cutAfter = number(operations, 'operations');
  },

  reset(board) {
    board.pressReset();
  },

  irq(board) {
    if (!board.chip) throw new Error('the chip has no power');
    return board.chip.interrupts.take();
  },

  mem(board, { address, words = 1 }) {
    if (!board.chip) throw new Error('the chip has no power');
    const mcu = board.chip.mcu;
    const at = number(address, 'address');
    return { words: Array.from({ length: words }, (_, i) => mcu.readUint32(at + i * 4) >>> 0) };
  },

  /** Something in the chip goes wrong: a register or a word of RAM is not what the firmware has left there. */
  poke(board, { address, value }) {
    if (!board.chip) throw new Error('the chip has no power');
    board.chip.mcu.writeUint32(number(address, 'address'), number(value, 'value'));
  },

  console(board) {
    return { text: board.usb.recent.toString('latin1') };
  },

  /** Watch the heap whose allocation table lies there; without `table`: its figures so far, and begin anew. */
  heap(board, { table, bytes, every_us: every = 500 }) {
    if (table !== undefined) {
      board.heap?.end();
      board.heap = new HeapWatch(board, number(table, 'table'), number(bytes, 'bytes'), every);
      return {};
    }
    if (!board.heap) throw new Error('the heap is not watched');
    const figures = board.heap.figures();
    board.heap.begin();
    return figures;
  },

  /** Write down where the time goes, from now on; without `types`: what has been found, and no more. */
  profile(board, { types, every_us: every = 50 }) {
    const before = board.profiler;
    before?.end();
    board.profiler = null;
    if (types !== undefined) {
      board.profiler = new Profiler(board, types, every);
      return {};
    }
    if (!before) throw new Error('nothing is being profiled');
    return { samples: before.take() };
  },

  /** How deep the stack has been since this was asked for the last time; the first time, begin to look. */
  stack(board) {
    if (!board.stack) {
      board.stack = new StackWatch();
      board.chip?.watchStack(board.stack);
    }
    const figures = board.stack.figures();
    board.stack.begin();
    return figures;
  },

  log(board, { keep }) {
    if (keep === undefined) return { log: board.signals.takeLog() };
    board.signals.keep(keep);
    return {};
  },

  state,
};

const READERS = ['pn532_i2c', 'pn532_uart'];

// name: function(board, on, request)
const FAULTS = {
  adc: (board, on, { input = 0, counts = 2048 }) => {
    if (on) board.analog.stuck.set(input, counts);
    else board.analog.stuck.clear();
  },
  adc_noise: (board, on, { mv = 500 }) => {
    board.analog.noiseMv = on ? mv : 15;
  },
  contactor_welded: (board, on) => stick(board, on ? true : null),
  contactor_stuck_open: (board, on) => stick(board, on ? false : null),
  contactor_feedback: (board, on) => {
    board.contactor.feedbackBroken = on;
    board.contactor.changed();
  },
  lock_stuck: (board, on) => {
    board.lock.changed(); // where it has come to so far
    board.lock.stuck = on;
    board.lock.changed();
  },
  lock_feedback: (board, on) => {
    board.lock.feedbackBroken = on;
    board.lock.changed();
  },
  rcd_trip: (board, on) => {
    board.rcd.tripped = on;
    board.rcd.changed();
  },
  rcd_silent: (board, on) => {
    board.rcd.silent = on;
  },
  rcd_wire: (board, on) => {
    board.rcd.wireBroken = on;
    board.rcd.changed();
  },
  meter_silent: (board, on) => {
    board.meter.silent = on;
  },
  meter_noise: (board, on) => {
    board.meter.noise = on;
  },
  rfid_dead: (board, on) => {
    board.reader.dead = on;
  },
  rfid_deaf: (board, on) => {
    board.reader.deaf = on;
  },
  rfid_hangs: (board, on, { curable = true }) => {
    pn532(board).curable = curable;
    board.reader.hang(on);
  },
  rfid_noise: (board, on, { answers = Infinity }) => {
    pn532(board).spoilt = on ? answers : 0;
  },
  rfid_forgets: (board, on) => {
    if (on) pn532(board).forget();
  },
  cpu_hangs: (board, on) => {
    if (!board.chip) throw new Error('the chip has no power');
    board.chip.hanging = on; // until its watchdog, or a reset, begins another life
  },
  diode: (board, on) => {
    board.line.diode = !on;
    board.line.changed();
  },
  pilot_short: (board, on) => {
    board.line.shorted = on;
    board.line.changed();
  },
};

function setFault(board, request, on) {
  const fault = FAULTS[request.name];
  if (!fault) throw new Error('no such fault; there are ' + Object.keys(FAULTS).join(', '));
  fault(board, on, request);
}

function pn532(board) {
  if (!(board.reader instanceof Pn532)) throw new Error('the reader is no PN532: "fit" one');
  return board.reader;
}

function stick(board, where) {
  board.contactor.stuck = where;
  board.contactor.changed();
}

function apply(fields, request) {
  for (const [name, value] of Object.entries(request)) {
    if (name === 'do' || name === 'n') continue;
    if (!fields[name]) throw new Error('no field ' + name + '; there are ' + Object.keys(fields).join(', '));
    fields[name](value);
  }
}

function number(value, name) {
  if (typeof value !== 'number') throw new Error(name + ' has to be a number');
  return value;
}

function state(board) {
  const { car, chip, contactor, flash, line, lock, meter, modem, pins, rcd } = board;
  return {
    ns: board.nanos,
    resets: board.resets,
    reset_reason: board.reason,
    power_cuts: board.powerCuts,
    powered: chip !== null,
    cycles: chip ? chip.core.cycles : 0,
    instructions: board.instructions,
    idle_ns: board.idleNanos,
    clk_sys: chip ? chip.mcu.clkSys : 0,
    pins: [...pins.levels],
    driven: pins.levels.map((_, index) => pins.driven(index)),
    pilot: {
      ...line.plateaus(),
      now_mv: Math.round(line.millivolts()),
      apart: line.apart,
      ...board.duty.read(),
    },
    car: {
      plugged: car.plugged,
      s2: car.s2,
      offer_ma: car.offer(),
      current_ma: Math.round(car.currentMa),
      stored_wh: car.storedWh,
    },
    contactor: {
      closed: contactor.closed,
      coil: pins.levels[10] === 1,
      cycles: contactor.cycles,
      opened_under_load_ma: Math.round(contactor.openedUnderLoadMa),
    },
    lock: { locked: lock.locked, position: lock.position },
    rcd: { tripped: rcd.tripped, open: board.signals.values.get('rcd') === 1 },
    emergency: board.emergency.pressed,
    meter: { ...meter.reading(), requests: meter.requests },
    reader: board.reader.figures?.() ?? {},
    modem: {
      supply: modem.supply,
      key: modem.key,
      connected: modem.connected,
      received: modem.received,
      sent: modem.sent,
    },
    uarts: (chip?.uarts ?? []).map(({ baud, rts, overruns }) => ({ baud: Math.round(baud), rts, overruns })),
    flash: { erases: flash.erases, programs: flash.programs, bytes: flash.bytes },
    adc_conversions: board.analog.conversions,
    usb: board.usb.up,
  };
}
