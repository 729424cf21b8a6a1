// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// An ISO/IEC 14443-3 type A card: how it answers the frames that select it. UIDs of 4, 7 and 10 bytes.

const UID = /^([0-9a-f]{8}|[0-9a-f]{14}|[0-9a-f]{20})$/i;
const REQA = 0x26;
const WUPA = 0x52;
const HLTA = 0x50;
const SELECTS = [0x93, 0x95, 0x97];
const CASCADE_TAG = 0x88;
const SAK_NOT_COMPLETE = 0x04;
const SAK_CLASSIC = 0x08;

/** CRC_A of ISO/IEC 14443-3: [low byte, high byte]. */
export function crcA(bytes, preset = 0x6363) {
  let crc = preset;
  for (const byte of bytes) {
    let x = byte ^ (crc & 0xff);
    x = (x ^ (x << 4)) & 0xff;
    crc = (crc >> 8) ^ (x << 8) ^ (x << 3) ^ (x >> 4);
  }
  return [crc & 0xff, (crc >> 8) & 0xff];
}

export class Tag {
  #levels; // five bytes each: four of the UID or the cascade tag and three, and their BCC
  #state = 'idle';
  #level = 0;

  /** id: the UID in hex. Throws Error when there is no UID of that length. */
  constructor(id) {
    if (!UID.test(id)) throw new Error('a UID has 4, 7 or 10 bytes, in hex');
    const uid = id.match(/../g).map((pair) => parseInt(pair, 16));
    this.#levels = [];
    while (uid.length > 4) this.#levels.push([CASCADE_TAG, ...uid.splice(0, 3)]);
    this.#levels.push(uid);
    for (const part of this.#levels) part.push(part.reduce((sum, byte) => sum ^ byte, 0));
  }

  /** The reader's field has gone: the card forgets where it was. */
  reset() {
    this.#state = 'idle';
  }

  /** bits: of the last byte (0: all 8). Returns the answer's bytes with their checksum, or null: silence. */
  hear(frame, bits) {
    if (bits === 7 && frame.length === 1) return this.#wake(frame[0]);
    if (bits !== 0) return this.#lost();
    const [code, second] = frame;
    if (code === HLTA && second === 0 && this.#checked(frame)) {
      if (this.#state !== 'idle') this.#state = 'halt';
      return null;
    }
    if (this.#state !== 'ready' || code !== SELECTS[this.#level]) return this.#lost();
    const part = this.#levels[this.#level];
    if (second === 0x20 && frame.length === 2) return [...part];
    if (second !== 0x70 || frame.length !== 9 || !this.#checked(frame)) return this.#lost();
    if (part.some((byte, i) => byte !== frame[2 + i])) return this.#lost();
    this.#level++;
    const more = this.#level < this.#levels.length;
    if (!more) this.#state = 'active';
    const sak = [more ? SAK_NOT_COMPLETE : SAK_CLASSIC];
    return [...sak, ...crcA(sak)];
  }

  #wake(code) {
    if (code !== WUPA && !(code === REQA && this.#state === 'idle')) return this.#lost();
    this.#state = 'ready';
    this.#level = 0;
    return [0x04 | ((this.#levels.length - 1) << 6), 0x00]; // ATQA: the UID's size in bits 7 and 8
  }

  #checked(frame) {
    const [low, high] = crcA(frame.slice(0, -2));
    return frame.at(-2) === low && frame.at(-1) === high;
  }

  // What it does not expect sends it back to where it was before it was woken.
  #lost() {
    if (this.#state !== 'halt') this.#state = 'idle';
    return null;
  }
}
