// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// node main.mjs --image FILE [...]: the emulated board as a process. Its first line on standard output is a
// JSON object with the ports; `python -m emulator` starts it, and --help there has the options.

import crypto from 'node:crypto';
import { parseArgs } from 'node:util';

import { Board } from './board.mjs';
import { Control } from './control.mjs';
import { Pacer } from './pacer.mjs';

const POWER_CUT = 137;
const CRASH = 4;

// The package's real-time clock counts in local time, which has days of 23 hours.
process.env.TZ = 'UTC';

const { values: options } = parseArgs({
  options: {
    image: { type: 'string' }, // firmware to lay over the flash: UF2 or binary
    flash: { type: 'string' }, // file that keeps the flash
    usb: { type: 'string', default: '0' }, // ports; 0: any that is free
    control: { type: 'string', default: '0' },
    uart1: { type: 'string', default: '0' },
    pace: { type: 'string', default: '1' }, // seconds per second; 0: unbounded; "hold": only when told
    'erase-ms': { type: 'string', default: '45' }, // typical, W25Q16JV data sheet
    'program-ms': { type: 'string', default: '0.4' },
    seed: { type: 'string' },
    attached: { type: 'boolean', default: false }, // end when standard input ends: who started it is gone
    verbose: { type: 'boolean', default: false }, // what rp2040js has to say
  },
});

function finish(code, text) {
  if (text) console.error('emulator: ' + text);
  process.exit(code);
}

const seed = options.seed === undefined ? crypto.randomInt(2 ** 32 - 1) : Number(options.seed);
let board;
try {
  board = new Board({
    image: options.image,
    flash: options.flash,
    eraseMs: Number(options['erase-ms']),
    programMs: Number(options['program-ms']),
    seed,
    verbose: options.verbose,
  });
} catch (error) {
  finish(2, error.message);
}
board.onPowerCut = () => finish(POWER_CUT);
board.onCrash = (text) => finish(CRASH, 'the firmware has crashed: ' + text);

const pacer = new Pacer(board, options.pace === 'hold' ? null : Number(options.pace));
const control = new Control(board, pacer, () => finish(0));
const [usb, uart1, port] = await Promise.all([
  board.usb.listen(Number(options.usb)),
  board.modem.listen(Number(options.uart1)),
  control.listen(Number(options.control)),
]);
console.log(JSON.stringify({ usb, uart1, control: port, seed, pid: process.pid }));
for (const name of ['usb', 'reset', 'power']) {
  board.signals.listen(name, (value, ns) => console.log(JSON.stringify({ event: name, value, ns })));
}

if (options.attached) {
  process.stdin.on('end', () => finish(0));
  process.stdin.resume();
}
process.on('SIGTERM', () => finish(0));
process.on('SIGINT', () => finish(0));
process.stdout.on('error', () => finish(0));
