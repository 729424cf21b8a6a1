// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// The motor lock of the socket: GP12 drives the bolt in, GP13 out, GP14 is high when it is all the way in.

const FEEDBACK = 14;
// Nearer than this it is there: sums of times come out a little short.
const THERE = 1e-6;

/** position: 0 open .. 1 locked. stuck: the bolt does not move. feedbackBroken: it says "open" for ever. */
export class Lock {
  stuck = false;
  feedbackBroken = false;
  boltMs = 300;
  powered = true;
  #clock;
  #signals;
  #pins;
  #at = 0;
  #since = 0;
  #direction = 0;
  #arrival;
  #told = null;

  constructor(clock, signals, pins) {
    this.#clock = clock;
    this.#signals = signals;
    this.#pins = pins;
    this.#arrival = clock.createAlarm(() => this.changed());
    for (const name of ['gp12', 'gp13']) signals.listen(name, () => this.changed());
    this.changed();
  }

  get position() {
    const moved = ((this.#clock.nanos - this.#since) / (this.boltMs * 1e6)) * this.#direction;
    const position = this.#at + moved;
    if (position > 1 - THERE) return 1;
    return position < THERE ? 0 : position;
  }

  get locked() {
    return this.position >= 1;
  }

  changed() {
    this.#at = this.position;
    this.#since = this.#clock.nanos;
    const [inwards, outwards] = [this.#pins.levels[12], this.#pins.levels[13]];
    // Both sides of the bridge high: the motor is shorted, which brakes it.
    this.#direction = this.stuck || !this.powered ? 0 : inwards - outwards;
    this.#arrival.cancel();
    const way = this.#direction > 0 ? 1 - this.#at : this.#direction < 0 ? this.#at : 0;
    if (way > 0) this.#arrival.schedule(way * this.boltMs * 1e6);
    const locked = this.locked;
    this.#pins.drive(FEEDBACK, locked && !this.feedbackBroken ? 1 : 0);
    if (locked === this.#told) return;
    this.#told = locked;
    this.#signals.tell('lock', locked ? 1 : 0);
  }
}
