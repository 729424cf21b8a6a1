// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// What trips: the residual current monitor with its test input, and the emergency stop. Both are contacts to
// ground that open, so that a broken wire trips as well; the pull-up is the chip's own.

const TRIP = 15;
const STOP = 22;

/** tripped: by a residual current, until it is cleared. silent: it does not react to its test any more. */
export class Rcd {
  tripped = false;
  silent = false;
  wireBroken = false;
  reactMs = 25;
  recoverMs = 60;
  #signals;
  #pins;
  #testing = false; // its contact has followed the test input
  #follow;

  constructor(clock, signals, pins) {
    this.#signals = signals;
    this.#pins = pins;
    this.#follow = clock.createAlarm(() => {
      this.#testing = !this.#testing;
      this.changed();
    });
    signals.listen('gp21', (level) => {
      this.#follow.cancel();
      const on = level === 1 && !this.silent;
      if (on !== this.#testing) this.#follow.schedule((on ? this.reactMs : this.recoverMs) * 1e6);
    });
    this.changed();
  }

  changed() {
    const open = this.tripped || this.#testing || this.wireBroken;
    if (this.#signals.values.get('rcd') !== (open ? 1 : 0)) this.#signals.tell('rcd', open ? 1 : 0);
    this.#pins.drive(TRIP, open ? null : 0);
  }
}

export class EmergencyStop {
  #signals;
  #pins;

  constructor(signals, pins) {
    this.#signals = signals;
    this.#pins = pins;
    this.press(false);
  }

  press(pressed) {
    this.pressed = pressed;
    this.#signals.tell('emergency', pressed ? 1 : 0);
    this.#pins.drive(STOP, pressed ? null : 0);
  }
}
