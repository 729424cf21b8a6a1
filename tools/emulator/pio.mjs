// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// rp2040js interprets PIO programs, but on the host's event loop and without delays or dividers. Here they
// run on the emulated clock. A loop `jmp x--` to itself is not walked through: it has one appointment, at
// its end. `pull ifempty` and `push iffull` look at their thresholds without autopull and autopush, too.

const CTRL = 0x000;
const SM0_CLKDIV = 0x0c8;
const SM3_PINCTRL = 0x124;
const SM_SIZE = 0x18;
const SM_INSTR = 0x10;

const JMP_X_DEC = 0b010;
const JMP_Y_DEC = 0b100;
// A machine without a divider would ask for 125 million appointments a second: it may run ahead by this much.
// One whose waveform somebody measures has a divider.
const AHEAD_NANOS = 128;
const FAST_NANOS = 20;
const ROUNDING = 0.1;

const PUSH_PULL = 0b100;
const IS_PULL = 1 << 7;
const IF_FULL_OR_EMPTY = 1 << 6;
const DELAY_SIDE_SET = 0x1f00;
const NOP = 0xa042; // mov y, y

class Runner {
  constructor(pio, machine, clock) {
    this.pio = pio;
    this.machine = machine;
    this.clock = clock;
    this.alarm = clock.createAlarm(() => this.run());
    this.at = 0; // when the next instruction begins
    this.loop = null; // {began, each, register, rounds}: a loop that is not walked through
    this.stepping = false;
  }

  get cycleNanos() {
    const { clockDivInt, clockDivFrac } = this.machine;
    return ((clockDivInt || 65536) + clockDivFrac / 256) * (1e9 / this.pio.rp2040.clkSys);
  }

  run() {
    const { machine } = this;
    if (this.loop) this.settle();
    if (machine.waiting) machine.checkWait();
    else {
      this.stepping = true;
      const ahead = this.cycleNanos < FAST_NANOS ? AHEAD_NANOS : ROUNDING;
      while (machine.enabled && this.at <= this.clock.nanos + ahead && !this.skipLoop()) {
        const before = machine.cycles;
        machine.step();
        this.at += (machine.cycles - before) * this.cycleNanos;
        this.pio.checkChangedPins();
        if (machine.waiting) break;
      }
      this.stepping = false;
    }
    this.arrange();
  }

  // `jmp x--, here`: as many rounds as the register says, plus the one that falls through.
  skipLoop() {
    const { machine } = this;
    const opcode = this.pio.instructions[machine.pc];
    const condition = (opcode >> 5) & 7;
    if (opcode >>> 13 !== 0 || (opcode & 0x1f) !== machine.pc) return false;
    if (condition !== JMP_X_DEC && condition !== JMP_Y_DEC) return false;
    const register = condition === JMP_X_DEC ? 'x' : 'y';
    const before = machine.cycles;
    const rounds = machine[register];
    if (rounds < 2) return false;
    // One round is walked: the package knows how its delay and side-set bits are shared out.
    machine.step();
    const each = (machine.cycles - before) * this.cycleNanos;
    this.loop = { began: this.at, each, register, rounds };
    this.at += rounds * each;
    return true;
  }

  /** Bring a loop that was not walked through to where it is now. */
  settle() {
    if (!this.loop) return;
    const { began, each, register, rounds } = this.loop;
    // The round that is under way counts as done: its instruction has been executed, its delay runs.
    const done = Math.min(rounds, Math.floor((this.clock.nanos - began) / each + 1e-6) + 1);
    this.machine[register] = rounds - done;
    this.at = began + done * each;
    this.loop = null;
  }

  arrange() {
    this.alarm.cancel();
    if (!this.machine.enabled || (this.machine.waiting && !this.loop)) return;
    if (this.at < this.clock.nanos) this.at = this.clock.nanos;
    this.alarm.schedule(this.at - this.clock.nanos);
  }
}

/** Let both PIO blocks of this chip run on `clock`. */
export function mendPio(rp2040, clock) {
  for (const pio of rp2040.pio) mendBlock(pio, clock);
}

function mendBlock(pio, clock) {
  const runners = pio.machines.map((machine) => new Runner(pio, machine, clock));
  pio.run = () => {};

  // What wakes a waiting machine comes from outside: a FIFO, a pin, an interrupt flag.
  pio.machines.forEach((machine, index) => {
    const checkWait = machine.checkWait.bind(machine);
    machine.checkWait = () => {
      const waited = machine.waiting;
      checkWait();
      const runner = runners[index];
      if (!waited || machine.waiting || runner.stepping) return;
      pio.checkChangedPins();
      runner.at = clock.nanos + runner.cycleNanos;
      runner.arrange();
    };
    machine.clkDivRestart = () => {};
    mendConditions(machine);
  });

  const write = pio.writeUint32.bind(pio);
  pio.writeUint32 = (offset, value) => {
    const enabled = pio.machines.map((machine) => machine.enabled);
    for (const runner of runners) runner.settle();
    if (offset >= SM0_CLKDIV && offset <= SM3_PINCTRL && (offset - SM0_CLKDIV) % SM_SIZE === SM_INSTR) {
      force(pio.machines[Math.floor((offset - SM0_CLKDIV) / SM_SIZE)], value & 0xffff);
    } else {
      write(offset, value);
    }
    pio.checkChangedPins();
    runners.forEach((runner, index) => {
      if (offset === CTRL && runner.machine.enabled && !enabled[index]) runner.at = clock.nanos;
      runner.arrange();
    });
  };

  const read = pio.readUint32.bind(pio);
  pio.readUint32 = (offset) => {
    for (const runner of runners) {
      if (!runner.loop) continue;
      runner.settle();
      runner.arrange();
    }
    return read(offset);
  };
}

// An instruction written to SMx_INSTR is executed at once, in place of the one at the program counter,
// which is begun anew afterwards when it was waiting.
function force(machine, opcode) {
  machine.waiting = false;
  machine.updatePC = true;
  machine.executeInstruction(opcode);
}

// rp2040js forgets the condition of a PULL IFEMPTY unless autopull is on, and of a PUSH IFFULL unless
// autopush is: it would pull a new byte for each bit (RP2040 datasheet 3.4.6, 3.4.7).
function mendConditions(machine) {
  const execute = machine.executeInstruction.bind(machine);
  machine.executeInstruction = (opcode) => {
    if (opcode >>> 13 === PUSH_PULL && opcode & IF_FULL_OR_EMPTY) {
      const { inputShiftCount, outputShiftCount, pushThreshold, pullThreshold } = machine;
      const early = opcode & IS_PULL ? outputShiftCount < pullThreshold : inputShiftCount < pushThreshold;
      if (early) opcode = (opcode & DELAY_SIDE_SET) | NOP;
    }
    execute(opcode);
  };
}
