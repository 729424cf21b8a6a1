// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// One life of the chip, from reset to reset: rp2040js with what had to be mended, and the loop that lets it
// run.

import { Adc } from './adc.mjs';
import { ChipClock } from './clock.mjs';
import { mendDma } from './dma.mjs';
import { I2c } from './i2c.mjs';
import { InterruptBook } from './interrupts.mjs';
import { ConsoleLogger, LogLevel, RP2040 } from './package.mjs';
import { mendPio } from './pio.mjs';
import { Pl011 } from './pl011.mjs';
import { Pwm } from './pwm.mjs';
import { bootRom } from './rom.mjs';

const FLASH = 0x10000000;
const ROM_END = 0x4000;

const PWM = 0x40050;
const ADC = 0x4004c;
const UARTS = [0x40034, 0x40038];
const I2CS = [0x40044, 0x40048];
const SIO_FIFO_ST = 0x50;
const SIO_FIFO_VALID = 1 << 0;
const SIO_FIFO_READY = 1 << 1;
const SIO_FIFO_RD = 0x58;
const PSM = 0x40010;
const PSM_FRCE_OFF = 0x04;
const PSM_PROC1 = 1 << 16;
const TIMER = 0x40054;
const WATCHDOG = 0x40058;
const ROSC = 0x40060;
const ROSC_RANDOMBIT = 0x1c;
const IRQ_UART0 = 20;
const IRQ_I2C0 = 23;
const TIMER_ALARM0 = 0x10;
const TIMER_ALARM3 = 0x1c;

/** What survives a reset by the watchdog: its scratch registers and reason, and the RAM as it was. */
export function heritage(chip) {
  const watchdog = chip.mcu.peripherals[WATCHDOG];
  return { scratch: watchdog.scratchData.slice(), reason: watchdog.reason, sram: chip.mcu.sram.slice() };
}

/**
 * onReset(reason)   the watchdog (reason 1) or the firmware through it (2) resets the chip; called within the
 *                   instruction that does, `run` returns after it
 * onBreak(text)     the firmware is at a breakpoint: a crash
 */
export class Chip {
  instructions = 0;
  hanging = false; // it executes nothing more, as in an endless loop with interrupts off
  until = 0;
  idleNanos = 0;
  over = false; // this life has ended: `run` returns
  stackWatch = null;
  stackBound = 0; // the stack's pointer below it is news to the watch
  onReset = () => {};
  onBreak = () => {};

  /** inherited: what `heritage` gave, or null at power-up. */
  constructor(boardClock, flash, chance, inherited, verbose) {
    this.boardClock = boardClock;
    this.clock = new ChipClock(boardClock);
    const mcu = new RP2040(this.clock);
    this.mcu = mcu;
    this.core = mcu.core;
    mcu.logger = new ConsoleLogger(verbose ? LogLevel.Warn : LogLevel.Error);

    mcu.pwm = new Pwm(mcu);
    mcu.peripherals[PWM] = mcu.pwm;
    mcu.adc = new Adc(mcu);
    mcu.peripherals[ADC] = mcu.adc;
    this.uarts = UARTS.map((address, index) => {
      const uart = new Pl011(mcu, index, IRQ_UART0 + index);
      mcu.uart[index] = uart;
      mcu.peripherals[address] = uart;
      return uart;
    });
    this.i2cs = I2CS.map((address, index) => {
      const i2c = new I2c(mcu, index, IRQ_I2C0 + index);
      mcu.i2c[index] = i2c;
      mcu.peripherals[address] = i2c;
      return i2c;
    });
    mendDma(mcu);
    mendPio(mcu, this.clock);
    mendTimer(mcu, this.clock);
    mendSio(mcu);
    this.#mendWatchdog(inherited);
    this.interrupts = new InterruptBook(this.core, boardClock);
    // The ring oscillator's bit is what the firmware makes its random numbers of.
    mcu.peripherals[ROSC].readUint32 = (offset) => {
      return offset === ROSC_RANDOMBIT ? chance.bits() & 1 : 0xffffffff;
    };

    const rom = bootRom(flash);
    this.traps = rom.traps;
    mcu.loadBootrom(rom.words); // resets, which empties the flash
    mcu.flash.set(flash.contents);
    if (inherited) mcu.sram.set(inherited.sram);
    mcu.onBreak = (code) => {
      this.over = true;
      const [at, from] = [this.core.PC, this.core.LR].map((address) => '0x' + (address >>> 0).toString(16));
      this.onBreak('breakpoint ' + code + ' at ' + at + ', called from ' + from);
    };
    this.core.PC = FLASH;
    this.cycleNanos = 1e9 / mcu.clkSys;
    mcu.addClockListener((hz) => {
      this.cycleNanos = 1e9 / hz;
    });
  }

  /** Let it run until this time of the board's clock, or the end of its life, or until `until` is changed. */
  run(until) {
    const { core, boardClock: clock, traps, interrupts } = this;
    const { registers } = core;
    let count = 0;
    this.until = until;
    while (clock.nanos < this.until && !this.over) {
      if (core.waiting || this.hanging) {
        const next = Math.min(clock.due, this.until);
        this.idleNanos += next - clock.nanos;
        clock.advanceTo(next);
        continue;
      }
      const pc = registers[15];
      let cycles;
      if (pc < ROM_END && traps[pc >>> 1]) {
        cycles = traps[pc >>> 1](core);
        registers[15] = registers[14] & ~1;
        core.cycles += cycles;
      } else {
        cycles = core.executeInstruction();
        if (interrupts.owed) {
          cycles += interrupts.owed;
          core.cycles += interrupts.owed;
          interrupts.owed = 0;
        }
      }
      if (registers[13] < this.stackBound) this.stackWatch.look(registers[13]);
      count++;
      clock.tick(cycles * this.cycleNanos);
    }
    this.instructions += count;
  }

  watchStack(watch) {
    this.stackWatch = watch;
    watch.attach(this);
  }

  /** Nothing of this life happens any more. */
  end() {
    this.over = true;
    this.clock.stop();
  }

  #mendWatchdog(inherited) {
    const watchdog = this.mcu.peripherals[WATCHDOG];
    if (inherited) {
      watchdog.scratchData.set(inherited.scratch);
      watchdog.reason = inherited.reason;
    }
    watchdog.onWatchdogTrigger = () => {
      if (this.over) return;
      this.end();
      this.onReset(watchdog.reason);
    };
  }
}

// An alarm is due when the microsecond counter reaches it; the package is up to a microsecond early.
function mendTimer(mcu, clock) {
  const timer = mcu.peripherals[TIMER];
  const write = timer.writeUint32.bind(timer);
  timer.writeUint32 = (offset, value) => {
    write(offset, value);
    if (offset < TIMER_ALARM0 || offset > TIMER_ALARM3) return;
    const now = Math.floor(clock.nanos / 1000);
    const due = (now + ((value - now) >>> 0)) * 1000;
    timer.alarms[(offset - TIMER_ALARM0) >> 2].clockAlarm.schedule(Math.max(0, due - clock.nanos));
  };
}

// The mailbox between the cores. There is no core 1, but its boot ROM is heard: after its reset it sends a
// zero, which the firmware waits for.
function mendSio(mcu) {
  const psm = mcu.peripherals[PSM];
  const writePsm = psm.writeUint32.bind(psm);
  let waiting = 0;
  psm.writeUint32 = (offset, value) => {
    if (offset === PSM_FRCE_OFF && psm.frceOff & PSM_PROC1 && !(value & PSM_PROC1)) waiting = 1;
    writePsm(offset, value);
  };
  const read = mcu.sio.readUint32.bind(mcu.sio);
  mcu.sio.readUint32 = (offset) => {
    if (offset === SIO_FIFO_ST) return SIO_FIFO_READY | (waiting ? SIO_FIFO_VALID : 0);
    if (offset !== SIO_FIFO_RD) return read(offset);
    waiting = 0;
    return 0;
  };
}
