// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// Reads a firmware image: UF2 as it is dragged onto a Pico, or a plain binary for the beginning of the flash.

import fs from 'node:fs';

const FLASH = 0x10000000;
const UF2_BLOCK = 512;
const UF2_MAGIC = 0x0a324655;
const UF2_NOT_MAIN_FLASH = 0x00000001;

/** Lay the image of this file over `flash`, a Uint8Array. Throws Error when it does not fit. */
export function layOver(flash, file) {
  const image = fs.readFileSync(file);
  if (image.length < 4 || image.readUInt32LE(0) !== UF2_MAGIC) {
    put(flash, image, 0, file);
    return;
  }
  for (let at = 0; at + UF2_BLOCK <= image.length; at += UF2_BLOCK) {
    if (image.readUInt32LE(at + 8) & UF2_NOT_MAIN_FLASH) continue;
    const length = image.readUInt32LE(at + 16);
    put(flash, image.subarray(at + 32, at + 32 + length), image.readUInt32LE(at + 12) - FLASH, file);
  }
}

function put(flash, bytes, offset, file) {
  if (offset < 0 || offset + bytes.length > flash.length) {
    throw new Error(file + ' does not fit into ' + flash.length + ' bytes of flash');
  }
  flash.set(bytes, offset);
}
