// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// The contactor: a coil on GP10, main contacts that need time to travel, a mirror contact on GP11 that
// pulls the wire low while the main contacts are open (IEC 60947-4-1 annex F).

const COIL = 'gp10';
const FEEDBACK = 11;

/** closed: the main contacts. stuck: null, or where they stay whatever the coil does. feedbackBroken: the wire of
 *  the mirror contact is, and the pull-up says "closed". */
export class Contactor {
  closed = false;
  stuck = null;
  feedbackBroken = false;
  travelMs = 30;
  cycles = 0;
  openedUnderLoadMa = 0; // the most it has ever had to break
  powered = true;
  #signals;
  #pins;
  #travel;
  #coil = false;
  #currentMa;

  constructor(clock, signals, pins, currentMa) {
    this.#signals = signals;
    this.#pins = pins;
    this.#currentMa = currentMa;
    this.#travel = clock.createAlarm(() => this.#arrive());
    signals.listen(COIL, () => this.changed());
    this.#show();
  }

  changed() {
    const coil = this.powered && this.#pins.levels[10] === 1;
    if (coil !== this.#coil) {
      this.#coil = coil;
      this.#signals.tell('coil', coil ? 1 : 0);
    }
    const wanted = this.stuck ?? coil;
    if (wanted === this.closed) this.#travel.cancel();
    else if (this.stuck !== null) this.#arrive();
    else if (!this.#travel.scheduled) this.#travel.schedule(this.travelMs * 1e6);
    this.#show();
  }

  #arrive() {
    if (this.closed) this.openedUnderLoadMa = Math.max(this.openedUnderLoadMa, this.#currentMa());
    else this.cycles++;
    this.closed = !this.closed;
    this.#show();
    this.#signals.tell('contactor', this.closed ? 1 : 0);
  }

  #show() {
    this.#pins.drive(FEEDBACK, this.closed || this.feedbackBroken ? null : 0);
  }
}
