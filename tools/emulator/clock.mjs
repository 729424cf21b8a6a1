// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// Emulated time. One clock runs for the board, from the first power-up on; a chip sees it from its own reset
// on, since its timers begin at zero there while car, meter and contactor go on.

export class Alarm {
  constructor(clock, callback) {
    this.clock = clock;
    this.callback = callback;
    this.nanos = 0;
    this.next = null;
    this.scheduled = false;
  }

  /** Call back in `delta` nanoseconds; an earlier appointment is dropped. */
  schedule(delta) {
    if (this.scheduled) this.clock.unlink(this);
    this.clock.link(this, this.clock.nanos + delta);
  }

  cancel() {
    if (this.scheduled) this.clock.unlink(this);
  }
}

export class BoardClock {
  nanos = 0;
  // When the first alarm is due. A field of its own: it is compared after every instruction.
  due = Infinity;
  #first = null;

  createAlarm(callback) {
    return new Alarm(this, callback);
  }

  link(alarm, nanos) {
    // A number that is none would be before and after everything, and nothing would ever happen again.
    if (!(nanos >= this.nanos)) throw new RangeError('an appointment at ' + nanos + ', it is ' + this.nanos);
    alarm.nanos = nanos;
    alarm.scheduled = true;
    let after = null;
    let item = this.#first;
    // What was asked for first happens first, of those due at the same time.
    while (item && item.nanos <= nanos) {
      after = item;
      item = item.next;
    }
    alarm.next = item;
    if (after) after.next = alarm;
    else this.#setFirst(alarm);
  }

  unlink(alarm) {
    alarm.scheduled = false;
    if (this.#first === alarm) {
      this.#setFirst(alarm.next);
      return;
    }
    let item = this.#first;
    while (item && item.next !== alarm) item = item.next;
    if (item) item.next = alarm.next;
  }

  /** Let `delta` nanoseconds pass, with all that happens in them. */
  tick(delta) {
    const target = this.nanos + delta;
    if (target >= this.due) this.advanceTo(target);
    else this.nanos = target;
  }

  advanceTo(target) {
    while (this.due <= target) {
      const alarm = this.#first;
      this.#setFirst(alarm.next);
      alarm.scheduled = false;
      this.nanos = alarm.nanos;
      alarm.callback();
    }
    this.nanos = target;
  }

  #setFirst(alarm) {
    this.#first = alarm;
    this.due = alarm ? alarm.nanos : Infinity;
  }
}

/** The board's clock as one life of the chip sees it. `stop` ends that life: nothing of it happens later. */
export class ChipClock {
  #alarms = [];
  #began;
  #stopped = false;

  constructor(board) {
    this.board = board;
    this.#began = board.nanos;
  }

  get nanos() {
    return this.board.nanos - this.#began;
  }

  get micros() {
    return this.nanos / 1000;
  }

  createAlarm(callback) {
    const alarm = new Alarm(this.board, () => {
      if (!this.#stopped) callback();
    });
    this.#alarms.push(alarm);
    return alarm;
  }

  stop() {
    this.#stopped = true;
    for (const alarm of this.#alarms) alarm.cancel();
  }
}
