// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// The package rp2040js as set-up put it into build/emulator, unmodified: what it lacks or does otherwise than
// the chip is replaced from outside, by the modules beside this one.

const FOLDER = new URL('../../build/emulator/node_modules/rp2040js/', import.meta.url);

let found;
try {
  found = await import(new URL('dist/esm/index.js', FOLDER).href);
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  console.error('emulator: rp2040js is not set up: run "python3 tools/toolchain emulate" first.');
  process.exit(2);
}

export const { RP2040, USBCDC, BasePeripheral, FIFO, ConsoleLogger, LogLevel } = found;
