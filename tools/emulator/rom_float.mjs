// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// The floating-point functions of the chip's boot ROM (tables 'SF' and 'SD' of version 2, RP2040 datasheet
// 2.8.3), worked out by the host. Positions and conventions are those of pico-sdk's headers; the cycle counts
// are typical ones of the real routines.

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);
const f64 = new Float64Array(1);
const w64 = new Uint32Array(f64.buffer);

const toFloat = (bits) => ((u32[0] = bits), f32[0]);
const fromFloat = (value) => ((f32[0] = value), u32[0]);
const toDouble = (low, high) => ((w64[0] = low), (w64[1] = high), f64[0]);

const INT = [-0x80000000, 0x7fffffff];
const UINT = [0, 0xffffffff];
const INT64 = [-(1n << 63n), (1n << 63n) - 1n];
const UINT64 = [0n, (1n << 64n) - 1n];

// Conversions saturate and round towards minus infinity.
function whole(value, [least, most]) {
  if (Number.isNaN(value)) return 0;
  return Math.min(most, Math.max(least, Math.floor(value)));
}

function whole64(value, [least, most]) {
  if (Number.isNaN(value)) return 0n;
  if (!Number.isFinite(value)) return value > 0 ? most : least;
  const exact = BigInt(Math.floor(value));
  return exact < least ? least : exact > most ? most : exact;
}

function integer64(low, high, signed) {
  const bits = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  return Number(signed ? BigInt.asIntN(64, bits) : bits);
}

function return64(core, value) {
  const bits = BigInt.asUintN(64, value);
  core.registers[0] = Number(bits & 0xffffffffn);
  core.registers[1] = Number(bits >> 32n);
}

function returnDouble(core, value) {
  f64[0] = value;
  core.registers[0] = w64[0];
  core.registers[1] = w64[1];
}

const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

// What the caller looks at after a comparison are the flags: carry when not less, overflow when unordered.
function compareFlags(core, a, b) {
  const unordered = Number.isNaN(a) || Number.isNaN(b);
  core.N = a < b;
  core.Z = a === b;
  core.C = unordered || a >= b;
  core.V = unordered;
}

/** The table 'SF': {offset: function(core) -> cycles}. */
export function singleTable() {
  const unary = (fn, cycles) => (core) => {
    core.registers[0] = fromFloat(fn(toFloat(core.registers[0])));
    return cycles;
  };
  const binary = (fn, cycles) => (core) => {
    core.registers[0] = fromFloat(fn(toFloat(core.registers[0]), toFloat(core.registers[1])));
    return cycles;
  };
  // value(argument, binary point of a fixed-point number)
  const toInteger = (range, fixed) => (core) => {
    const scale = fixed ? 2 ** (core.registers[1] | 0) : 1;
    core.registers[0] = whole(toFloat(core.registers[0]) * scale, range);
    return 30;
  };
  const fromInteger = (signed, fixed) => (core) => {
    const value = signed ? core.registers[0] | 0 : core.registers[0];
    core.registers[0] = fromFloat(fixed ? value / 2 ** (core.registers[1] | 0) : value);
    return 40;
  };
  const fromInteger64 = (signed, fixed) => (core) => {
    const value = integer64(core.registers[0], core.registers[1], signed);
    core.registers[0] = fromFloat(fixed ? value / 2 ** (core.registers[2] | 0) : value);
    return 60;
  };
  const toInteger64 = (range, fixed) => (core) => {
    const scale = fixed ? 2 ** (core.registers[1] | 0) : 1;
    return64(core, whole64(toFloat(core.registers[0]) * scale, range));
    return 60;
  };
  const compare = (core) => {
    core.registers[0] = order(toFloat(core.registers[0]), toFloat(core.registers[1]));
    return 25;
  };
  return {
    0x00: binary((a, b) => a + b, 64),
    0x04: binary((a, b) => a - b, 64),
    0x08: binary((a, b) => a * b, 59),
    0x0c: binary((a, b) => a / b, 71),
    0x10: compare,
    0x14: (core) => {
      compareFlags(core, toFloat(core.registers[0]), toFloat(core.registers[1]));
      return 20;
    },
    0x18: unary(Math.sqrt, 63),
    0x1c: toInteger(INT, false),
    0x20: toInteger(INT, true),
    0x24: toInteger(UINT, false),
    0x28: toInteger(UINT, true),
    0x2c: fromInteger(true, false),
    0x30: fromInteger(true, true),
    0x34: fromInteger(false, false),
    0x38: fromInteger(false, true),
    0x3c: unary(Math.cos, 580),
    0x40: unary(Math.sin, 580),
    0x44: unary(Math.tan, 780),
    0x48: (core) => {
      const angle = toFloat(core.registers[0]);
      core.registers[0] = fromFloat(Math.sin(angle));
      core.registers[1] = fromFloat(Math.cos(angle));
      return 600;
    },
    0x4c: unary(Math.exp, 520),
    0x50: unary(Math.log, 700),
    0x54: compare,
    0x58: binary(Math.atan2, 600),
    0x5c: fromInteger64(true, false),
    0x60: fromInteger64(true, true),
    0x64: fromInteger64(false, false),
    0x68: fromInteger64(false, true),
    0x6c: toInteger64(INT64, false),
    0x70: toInteger64(INT64, true),
    0x74: toInteger64(UINT64, false),
    0x78: toInteger64(UINT64, true),
    0x7c: (core) => {
      returnDouble(core, toFloat(core.registers[0]));
      return 40;
    },
  };
}

/** The table 'SD': {offset: function(core) -> cycles}. */
export function doubleTable() {
  const first = (core) => toDouble(core.registers[0], core.registers[1]);
  const second = (core) => toDouble(core.registers[2], core.registers[3]);
  const unary = (fn) => (core) => {
    returnDouble(core, fn(first(core)));
    return 200;
  };
  const binary = (fn) => (core) => {
    returnDouble(core, fn(first(core), second(core)));
    return 150;
  };
  const toInteger = (range, fixed) => (core) => {
    const scale = fixed ? 2 ** (core.registers[2] | 0) : 1;
    core.registers[0] = whole(first(core) * scale, range);
    return 40;
  };
  const fromInteger = (signed, fixed) => (core) => {
    const value = signed ? core.registers[0] | 0 : core.registers[0];
    returnDouble(core, fixed ? value / 2 ** (core.registers[1] | 0) : value);
    return 40;
  };
  const fromInteger64 = (signed, fixed) => (core) => {
    const value = integer64(core.registers[0], core.registers[1], signed);
    returnDouble(core, fixed ? value / 2 ** (core.registers[2] | 0) : value);
    return 60;
  };
  const toInteger64 = (range, fixed) => (core) => {
    const scale = fixed ? 2 ** (core.registers[2] | 0) : 1;
    return64(core, whole64(first(core) * scale, range));
    return 60;
  };
  const compare = (core) => {
    core.registers[0] = order(first(core), second(core));
    return 30;
  };
  return {
    0x00: binary((a, b) => a + b),
    0x04: binary((a, b) => a - b),
    0x08: binary((a, b) => a * b),
    0x0c: binary((a, b) => a / b),
    0x10: compare,
    0x14: (core) => {
      compareFlags(core, first(core), second(core));
      return 30;
    },
    0x18: unary(Math.sqrt),
    0x1c: toInteger(INT, false),
    0x20: toInteger(INT, true),
    0x24: toInteger(UINT, false),
    0x28: toInteger(UINT, true),
    0x2c: fromInteger(true, false),
    0x30: fromInteger(true, true),
    0x34: fromInteger(false, false),
    0x38: fromInteger(false, true),
    0x3c: unary(Math.cos),
    0x40: unary(Math.sin),
    0x44: unary(Math.tan),
    0x4c: unary(Math.exp),
    0x50: unary(Math.log),
    0x54: compare,
    0x58: binary(Math.atan2),
    0x5c: fromInteger64(true, false),
    0x60: fromInteger64(true, true),
    0x64: fromInteger64(false, false),
    0x68: fromInteger64(false, true),
    0x6c: toInteger64(INT64, false),
    0x70: toInteger64(INT64, true),
    0x74: toInteger64(UINT64, false),
    0x78: toInteger64(UINT64, true),
    0x7c: (core) => {
      core.registers[0] = fromFloat(first(core));
      return 40;
    },
  };
}
