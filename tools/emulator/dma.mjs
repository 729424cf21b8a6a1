// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// What rp2040js's DMA controller does otherwise than the chip (RP2040 datasheet 2.5): a PWM wrap asks for one
// transfer, not for transfers without end; unpaced transfers and those of the pacing timers take time; aborts
// are done at once and can be read.

const MULTI_CHAN_TRIGGER = 0x430;
const CHAN_ABORT = 0x444;
const TREQ_TIMER0 = 0x3b;
const TREQ_PERMANENT = 0x3f;

/** Mend rp2040.dma. It has two functions more, for peripherals of ours:
 *  pulse(dreq)   one transfer for each channel that waits for this request
 *  serve(dreq)   the level of this request, in `dreq[]`, may have risen
 */
export function mendDma(rp2040) {
  const { dma } = rp2040;
  const cycle = () => 1e9 / rp2040.clkSys;

  dma.pulse = (dreq) => {
    for (const channel of dma.channels) if (channel.treqValue === dreq && channel.active) channel.transfer();
  };
  dma.serve = (dreq) => {
    if (!dma.dreq[dreq]) return;
    for (const channel of dma.channels) if (channel.treqValue === dreq && channel.active) channel.transfer();
  };

  const timers = () => [dma.timer0, dma.timer1, dma.timer2, dma.timer3];
  for (const channel of dma.channels) {
    channel.scheduleTransfer = () => {
      const request = channel.treqValue;
      if (dma.dreq[request] || request === TREQ_PERMANENT) channel.transferAlarm.schedule(cycle());
      else if (request >= TREQ_TIMER0 && request < TREQ_PERMANENT) {
        // The rate is X/Y of the system clock.
        const timer = timers()[request - TREQ_TIMER0];
        const x = timer >>> 16;
        if (x) channel.transferAlarm.schedule((cycle() * (timer & 0xffff)) / x);
      }
    };
  }

  const read = dma.readUint32.bind(dma);
  dma.readUint32 = (offset) => (offset === CHAN_ABORT || offset === MULTI_CHAN_TRIGGER ? 0 : read(offset));
}
