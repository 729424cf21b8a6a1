// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// A boot ROM of our own: the tables that pico-sdk looks its functions up in (RP2040 datasheet 2.8.3), with
// functions that are trapped and run by the host. The chip's own ROM is not free, and no package carries it.

import { doubleTable, singleTable } from './rom_float.mjs';

const SRAM = 0x20000000;
const SRAM_END = 0x20042000;
const FLASH = 0x10000000;
const FLASH_END = 0x11000000;

const FIRST_FUNCTION = 0x200;
const FIRST_TABLE = 0x800;
const BKPT = 0xbe00; // never reached: the run loop calls the trap instead
const BX_LR = 0x4770;
const MAGIC = [0x4d, 0x75, 0x01, 0x02]; // 'Mu', 1, version 2: the ROM of chip revision B1, with 'SD'

/** Memory that the host can reach directly, or null: peripherals have to be read and written word by word. */
function memory(core, address, length) {
  const end = address + length;
  if (address >= SRAM && end <= SRAM_END) return core.rp2040.sram.subarray(address - SRAM, end - SRAM);
  if (address >= FLASH && end <= FLASH_END) return core.rp2040.flash.subarray(address - FLASH, end - FLASH);
  return null;
}

function copy(core) {
  const [to, from, length] = core.registers;
  const target = memory(core, to, length);
  const source = memory(core, from, length);
  if (target && source) target.set(source.slice());
  else for (let i = 0; i < length; i++) core.rp2040.writeUint8(to + i, core.rp2040.readUint8(from + i));
  return 20 + length;
}

function fill(core) {
  const [to, value, length] = core.registers;
  const target = memory(core, to, length);
  if (target) target.fill(value);
  else for (let i = 0; i < length; i++) core.rp2040.writeUint8(to + i, value & 0xff);
  return 20 + (length >> 1);
}

function reversed(bits) {
  let result = 0;
  for (let i = 0; i < 32; i++) result = (result << 1) | ((bits >>> i) & 1);
  return result >>> 0;
}

function ones(bits) {
  let count = 0;
  for (; bits; bits &= bits - 1) count++;
  return count;
}

const onBits = (fn, cycles) => (core) => {
  core.registers[0] = fn(core.registers[0]);
  return cycles;
};
const nothing = () => 100;

function unknown(core) {
  const from = core.LR.toString(16);
  throw new Error('a function of the boot ROM that is not modelled was called from 0x' + from);
}

/**
 * The ROM's words and its traps, {address >> 1: function(core) -> cycles}. `flash` has erase(core) and
 * program(core), which return cycles too, and bootsel().
 */
export function bootRom(flash) {
  const words = new Uint32Array(4096);
  const view = new DataView(words.buffer);
  const traps = new Array(words.length * 2);
  let nextFunction = FIRST_FUNCTION;
  let nextTable = FIRST_TABLE;

  const put = (fn) => {
    const address = nextFunction;
    nextFunction += 4;
    view.setUint16(address, BKPT, true);
    view.setUint16(address + 2, BX_LR, true);
    traps[address >> 1] = fn;
    return address | 1; // Thumb
  };
  const putFloats = (table) => {
    const address = nextTable;
    const bad = put(unknown);
    for (let offset = 0; offset < 0x80; offset += 4) {
      view.setUint32(address + offset, table[offset] ? put(table[offset]) : bad, true);
    }
    nextTable += 0x80;
    return address;
  };
  const putWord = (value) => {
    view.setUint32(nextTable, value, true);
    nextTable += 4;
    return nextTable - 4;
  };
  // Pairs of a two-letter code and a 16-bit address, ended by zeros.
  const putDirectory = (entries) => {
    const address = nextTable;
    for (const [code, value] of Object.entries(entries)) {
      putWord(code.charCodeAt(0) | (code.charCodeAt(1) << 8) | (value << 16));
    }
    putWord(0);
    return address;
  };

  const lookUp = (core) => {
    const code = core.registers[1] & 0xffff;
    let at = core.registers[0];
    while (view.getUint16(at, true) && view.getUint16(at, true) !== code) at += 4;
    core.registers[0] = view.getUint16(at, true) ? view.getUint16(at + 2, true) : 0;
    return 40;
  };

  const memcpy = put(copy);
  const memset = put(fill);
  const functions = putDirectory({
    MC: memcpy,
    C4: memcpy,
    MS: memset,
    S4: memset,
    P3: put(onBits(ones, 18)),
    R3: put(onBits(reversed, 20)),
    L3: put(onBits(Math.clz32, 10)),
    T3: put(onBits((bits) => (bits ? 31 - Math.clz32(bits & -bits) : 32), 10)),
    // Connecting and leaving flash, flushing and entering XIP: the flash is always readable here.
    IF: put(nothing),
    EX: put(nothing),
    FC: put(nothing),
    CX: put(nothing),
    RE: put((core) => flash.erase(core)),
    RP: put((core) => flash.program(core)),
    UB: put(() => {
      flash.bootsel();
      return 1;
    }),
    WV: put(unknown),
  });
  const data = putDirectory({
    SF: putFloats(singleTable()),
    SD: putFloats(doubleTable()),
    CR: putWord(0), // no copyright line
    GR: putWord(0x50494c4f), // the "git revision" of a ROM that has none
    FS: 0,
    FE: 0,
    DS: 0,
    DE: 0,
  });

  const bad = put(unknown);
  view.setUint32(0x0, 0x20041f00, true); // stack
  view.setUint32(0x4, bad, true);
  view.setUint32(0x8, bad, true);
  view.setUint32(0xc, bad, true);
  MAGIC.forEach((byte, i) => view.setUint8(0x10 + i, byte));
  view.setUint16(0x14, functions, true);
  view.setUint16(0x16, data, true);
  view.setUint16(0x18, put(lookUp), true);
  return { words, traps };
}
