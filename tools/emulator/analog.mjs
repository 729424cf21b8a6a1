// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// What the chip's ADC finds on its inputs: the pilot through its divider, the coding resistor of the plug,
// the NTC, the chip's own temperature.

const FULL_SCALE_MV = 3300;
const COUNTS = 4095;
const PILOT_OFFSET_MV = 15000;
const PILOT_SHARE = 0.11;
const PROXIMITY_PULL_OHM = 1000;
const NTC_PULL_OHM = 10000;
const NTC_OHM = 10000; // at 25 degrees
const NTC_B = 3950;
const KELVIN = 273.15;
const CHIP_COUNTS = 891; // 0.718 V: 20 degrees
const OTHER_NOISE_COUNTS = 0.7;

/**
 * proximityOhm    from the plug's contact to earth; null: no plug
 * celsius         at the NTC
 * noiseMv         standard deviation on the pilot
 * stuck           {channel: counts}: what the converter says there, whatever the voltage
 */
export class Analog {
  proximityOhm = null;
  celsius = 25;
  noiseMv = 15;
  stuck = new Map();
  conversions = 0;
  #line;
  #chance;

  constructor(line, chance) {
    this.#line = line;
    this.#chance = chance;
  }

  sample(channel) {
    this.conversions++;
    if (this.stuck.has(channel)) return this.stuck.get(channel);
    let counts = (this.#millivolts(channel) / FULL_SCALE_MV) * COUNTS;
    if (channel !== 0) counts += this.#chance.normal(OTHER_NOISE_COUNTS);
    return Math.min(COUNTS, Math.max(0, Math.round(counts)));
  }

  #millivolts(channel) {
    if (channel === 0) {
      const pilot = this.#line.millivolts() + this.#chance.normal(this.noiseMv);
      return (pilot + PILOT_OFFSET_MV) * PILOT_SHARE;
    }
    if (channel === 1) {
      const ohm = this.proximityOhm;
      return ohm === null ? FULL_SCALE_MV : (FULL_SCALE_MV * ohm) / (ohm + PROXIMITY_PULL_OHM);
    }
    if (channel === 2) {
      const ohm = NTC_OHM * Math.exp(NTC_B * (1 / (this.celsius + KELVIN) - 1 / (25 + KELVIN)));
      return (FULL_SCALE_MV * ohm) / (ohm + NTC_PULL_OHM);
    }
    return channel === 4 ? (CHIP_COUNTS / COUNTS) * FULL_SCALE_MV : 0;
  }
}
