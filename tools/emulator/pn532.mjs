// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// An RFID reader of the other kind: a PN532 (user manual UM0701-02, data sheet rev. 3.x) on I2C0, or on UART0
// in the place of the meter, byte by byte: frames with their checksums, ACK and NACK, the start out of its
// low-battery mode, and the frames that it exchanges with a card in its field.

import { crcA } from './tag.mjs';

const ADDRESS = 0x24;
const SDA = 16;
const SCL = 17;
const RESET = 2; // RSTPDN
const FUNCTION_I2C = 3;
const BAUD = 115200;
const BAUD_TOLERANCE = 0.03;

const ACK = [0x00, 0x00, 0xff, 0x00, 0xff, 0x00];
const WAKE_UP = 0x55;
const TO_CHIP = 0xd4;
const TO_HOST = 0xd5;
const SYNTAX_ERROR = 0x7f;
const GET_FIRMWARE_VERSION = 0x02;
const SET_PARAMETERS = 0x12;
const SAM_CONFIGURATION = 0x14;
const RF_CONFIGURATION = 0x32;
const IN_LIST_PASSIVE_TARGET = 0x4a;
const RF_FIELD = 0x01;
const RF_MAX_RETRIES = 0x05;
const VERSION = [0x32, 0x01, 0x06, 0x07];
const FOR_EVER = 0xff;

const STARTUP_NANOS = 2e6; // after RSTPDN, until it hears anything
const WAKING_NANOS = 1e6; // of its oscillator; on I2C it holds the clock meanwhile
const ACK_NANOS = 0.5e6; // 15 ms at most
const COMMAND_NANOS = 1e6;
const SILENCE_NANOS = 5e6; // a try to find a card, when there is none
const BYTE_NANOS = 9 * 9440; // 106 kbit/s, 8 bits and parity
const CARD_NANOS = 86000; // between its frame and the card's
const BUFFER = 264;

const REQA = 0x26;
const SELECTS = [0x93, 0x95, 0x97];
const CASCADE_TAG = 0x88;
const SAK_NOT_COMPLETE = 0x04;

/**
 * tag       the Tag in the field, or null
 * dead      nobody is there
 * deaf      it answers, and hears no card
 * spoilt    so many of its next answers have a wrong checksum
 * hang, curable    see `hang`
 */
export class Pn532 {
  dead = false;
  deaf = false;
  spoilt = 0;
  curable = true;
  hangs = false;
  counts = { commands: 0, nacks: 0, damaged: 0, resets: 0, hangs: 0 };
  field = false;
  #tag = null;
  #clock;
  #pins;
  #bus = null; // an I2c or a Pl011
  #onUart;
  #awakeAt = Infinity; // what comes before is lost
  #startsAt;
  #normal = false;
  #tries = FOR_EVER;
  #heard = [];
  #saying = []; // of {at, frame}: what it has to say, first things first
  #last = null;
  #lists = false; // an InListPassiveTarget waits for a card
  #asked; // when a list is to look into the field
  #said; // on the UART: the next byte goes out
  #line = [];
  #out = []; // on I2C: of the transfer that goes on
  #taken = 0;
  #written = null;

  /** kind: "pn532_i2c" or "pn532_uart". */
  constructor(clock, signals, pins, kind) {
    this.#clock = clock;
    this.#pins = pins;
    this.#onUart = kind === 'pn532_uart';
    this.#asked = clock.createAlarm(() => this.#look());
    this.#said = clock.createAlarm(() => this.#feed());
    this.#startsAt = clock.nanos;
    signals.listen('gp' + RESET, (level) => {
      if (level) this.#startsAt = clock.nanos + STARTUP_NANOS;
      else this.#resetPin();
    });
    signals.listen('power', (on) => on || this.forget());
    this.#powerUp();
    pins.drive(RESET, 1); // the module's own pull-up
  }

  attach(chip) {
    if (this.#onUart) {
      this.#bus = chip.uarts[0];
      this.#bus.onByte = (byte) => this.#fromUart(byte);
      return;
    }
    const bus = chip.i2cs[0];
    this.#bus = bus;
    const wires = [SDA, SCL].map((pin) => chip.mcu.gpio[pin]);
    bus.wired = () => wires.every((wire) => wire.functionSelect === FUNCTION_I2C);
    bus.devices.set(ADDRESS, this);
  }

  get tag() {
    return this.#tag;
  }

  set tag(tag) {
    this.#tag = tag;
    tag?.reset();
    if (tag && this.#lists) this.#look();
  }

  /** It does nothing any more, and on I2C it holds the clock; the reset pin ends that if it is curable. */
  hang(on) {
    if (this.hangs === on) return;
    this.hangs = on;
    if (on) {
      this.counts.hangs++;
      this.#quiet();
      return;
    }
    this.#powerUp();
    if (!this.#onUart) this.#bus?.release();
  }

  /** Its supply dips: it has forgotten what it was told. */
  forget() {
    if (!this.hangs) this.#powerUp();
  }

  figures() {
    return { ...this.counts, field: this.field, hangs_now: this.hangs };
  }

  #resetPin() {
    this.counts.resets++;
    if (this.curable) this.hang(false);
    this.forget();
  }

  #powerUp() {
    this.#awakeAt = Infinity;
    this.#normal = false;
    this.#tries = FOR_EVER;
    this.#heard = [];
    this.#last = null;
    this.#setField(false);
    this.#quiet();
  }

  #quiet() {
    this.#saying = [];
    this.#line = [];
    this.#lists = false;
    this.#asked.cancel();
    this.#said.cancel();
  }

  #setField(on) {
    this.field = on;
    if (!on) this.#tag?.reset();
  }

  get #there() {
    return !this.dead && this.#pins.levels[RESET] === 1 && this.#clock.nanos >= this.#startsAt;
  }

  // --- I2C: a transfer at a time, the first byte of a reading says whether there is an answer ---

  get holdNanos() {
    if (this.hangs) return Infinity;
    return Math.max(0, Math.min(this.#awakeAt - this.#clock.nanos, WAKING_NANOS));
  }

  address(read) {
    if (!this.#there) return false;
    if (this.#awakeAt === Infinity && !this.hangs) this.#awakeAt = this.#clock.nanos + WAKING_NANOS;
    this.#written = read ? null : [];
    this.#taken = 0;
    const next = this.#saying[0];
    const ready = read && next !== undefined && next.at <= this.#clock.nanos;
    this.#out = ready ? [0x01, ...next.frame] : [];
    return true;
  }

  write(byte) {
    this.#written?.push(byte);
    return true;
  }

  read() {
    // Behind its frame it goes on with what its buffer had before.
    const value = this.#out.length ? (this.#out[this.#taken] ?? ACK[this.#taken % ACK.length]) : 0x00;
    this.#taken++;
    return value;
  }

  stop() {
    if (this.#out.length && this.#taken > 1) this.#saying.shift();
    this.#out = [];
    const written = this.#written;
    this.#written = null;
    if (!written || this.hangs) return;
    this.#heard = written; // a frame is one transfer
    this.#hear();
    this.#heard = [];
  }

  // --- UART: frames in a stream ---

  #fromUart(byte) {
    if (!this.#there || this.hangs) return;
    if (Math.abs(this.#bus.baud / BAUD - 1) > BAUD_TOLERANCE) return;
    if (this.#awakeAt === Infinity && byte === WAKE_UP) this.#awakeAt = this.#clock.nanos + WAKING_NANOS;
    if (this.#clock.nanos < this.#awakeAt) return;
    this.#heard.push(byte);
    if (this.#heard.length > BUFFER) this.#heard.shift();
    this.#hear();
  }

  #feed() {
    if (!this.#line.length) {
      const next = this.#saying[0];
      if (!next) return;
      if (next.at > this.#clock.nanos) {
        this.#said.schedule(next.at - this.#clock.nanos);
        return;
      }
      this.#line = [...this.#saying.shift().frame];
    }
    const value = this.#line.shift();
    if (!this.dead) this.#bus.feed(value);
    this.#said.schedule(1e10 / BAUD);
  }

  // --- frames (UM0701-02, 6.2) ---

  #hear() {
    for (;;) {
      const bytes = this.#heard;
      const at = bytes.findIndex((byte, i) => byte === 0x00 && bytes[i + 1] === 0xff);
      if (at < 0 || bytes.length < at + 4) return;
      const [length, check] = [bytes[at + 2], bytes[at + 3]];
      if ((length === 0 && check === 0xff) || (length === 0xff && check === 0)) {
        this.#heard = bytes.slice(at + 4);
        if (length) this.#again();
        else this.#quiet(); // an ACK of the host: what goes on is to end
        continue;
      }
      const end = at + 5 + length;
      if (length && ((length + check) & 0xff) === 0) {
        if (bytes.length < end) return;
        const body = bytes.slice(at + 4, end);
        if (sum(body) === 0 && body[0] === TO_CHIP) {
          this.#heard = bytes.slice(end);
          this.#obey(body.slice(1, -1));
          continue;
        }
      }
      this.counts.damaged++;
      this.#heard = bytes.slice(at + 2);
    }
  }

  #again() {
    this.counts.nacks++;
    if (this.#last) this.#say(this.#last, COMMAND_NANOS);
  }

  #say(frame, nanos) {
    const sent = [...frame];
    if (frame !== ACK && this.spoilt > 0) {
      this.spoilt--;
      sent[sent.length - 2] ^= 0x10;
    }
    this.#saying.push({ at: this.#clock.nanos + nanos, frame: sent });
    if (this.#onUart && !this.#said.scheduled) this.#feed();
  }

  #answer(code, data, nanos = COMMAND_NANOS) {
    this.#last = framed([TO_HOST, code + 1, ...data]);
    this.#say(this.#last, nanos);
  }

  // A new command ends the one before.
  #obey([code, ...data]) {
    this.counts.commands++;
    this.#quiet();
    this.#say(ACK, ACK_NANOS);
    if (code === GET_FIRMWARE_VERSION) this.#answer(code, VERSION);
    else if (code === SAM_CONFIGURATION) {
      this.#normal = data[0] === 1;
      this.#answer(code, []);
    } else if (!this.#normal) return; // in its low-battery mode it has nothing more to say
    else if (code === SET_PARAMETERS) this.#answer(code, []);
    else if (code === RF_CONFIGURATION) {
      if (data[0] === RF_MAX_RETRIES) this.#tries = data[3];
      else if (data[0] === RF_FIELD) this.#setField((data[1] & 1) !== 0);
      this.#answer(code, []);
    } else if (code === IN_LIST_PASSIVE_TARGET && data[1] === 0) {
      this.#lists = true;
      this.#asked.schedule(COMMAND_NANOS);
    } else this.#say(framed([SYNTAX_ERROR]), COMMAND_NANOS);
  }

  // --- the field (7.3.5) ---

  #look() {
    this.#asked.cancel();
    this.#setField(true);
    const tries = this.#tries === FOR_EVER ? 1 : this.#tries + 1;
    let nanos = 0;
    for (let i = 0; i < tries; i++) {
      const found = this.#tag && !this.deaf ? this.#select() : null;
      if (found) {
        this.#lists = false;
        const { atqa, sak, uid } = found;
        const target = [1, atqa[1], atqa[0], sak, uid.length, ...uid];
        this.#answer(IN_LIST_PASSIVE_TARGET, [1, ...target], nanos + found.nanos);
        return;
      }
      nanos += SILENCE_NANOS;
    }
    if (this.#tries === FOR_EVER) return; // until a card comes
    this.#lists = false;
    this.#answer(IN_LIST_PASSIVE_TARGET, [0], nanos);
  }

  // REQA, then anticollision and selection of each level. {atqa, sak, uid, nanos}, or null: no answer.
  #select() {
    let nanos = 0;
    const ask = (frame, bits = 0) => {
      const answer = this.#tag.hear(frame, bits);
      nanos += CARD_NANOS + (frame.length + (answer?.length ?? 0)) * BYTE_NANOS;
      return answer;
    };
    const atqa = ask([REQA], 7);
    if (!atqa) return null;
    const uid = [];
    for (const code of SELECTS) {
      const part = ask([code, 0x20]);
      const choose = part && [code, 0x70, ...part];
      const sak = choose && ask([...choose, ...crcA(choose)]);
      if (!sak) return null;
      uid.push(...part.slice(part[0] === CASCADE_TAG && sak[0] & SAK_NOT_COMPLETE ? 1 : 0, 4));
      if (!(sak[0] & SAK_NOT_COMPLETE)) return { atqa, sak: sak[0], uid, nanos };
    }
    return null;
  }
}

function sum(bytes) {
  return bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
}

function framed(body) {
  const length = body.length;
  return [0x00, 0x00, 0xff, length, -length & 0xff, ...body, -sum(body) & 0xff, 0x00];
}
