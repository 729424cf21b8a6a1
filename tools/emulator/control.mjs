// Pilotlight: open EV charger firmware
// SPDX-License-Identifier: MIT
// The control channel: TCP on 127.0.0.1, one JSON object per line each way, any number of clients. Every
// request gets one answer, {"ok": true, ...} or {"ok": false, "error": ...}, with its "n"; events come in
// between.

import net from 'node:net';

import { COMMANDS } from './commands.mjs';

const LINE_MOST = 1 << 20;

export class Control {
  #board;
  #pacer;

  /** onQuit(): the process is to end. */
  constructor(board, pacer, onQuit) {
    this.#board = board;
    this.#pacer = pacer;
    this.onQuit = onQuit;
  }

  listen(port) {
    const server = net.createServer((socket) => new Client(socket, this.#board, this.#pacer, this.onQuit));
    return new Promise((resolve, reject) => {
      server.on('error', reject);
      server.listen(port, '127.0.0.1', () => resolve(server.address().port));
    });
  }
}

class Client {
  #socket;
  #board;
  #pacer;
  #onQuit;
  #text = '';
  #watched = new Map();
  #appointments = new Set();

  constructor(socket, board, pacer, onQuit) {
    this.#socket = socket;
    this.#board = board;
    this.#pacer = pacer;
    this.#onQuit = onQuit;
    socket.setNoDelay(true);
    socket.setEncoding('utf8');
    socket.on('data', (text) => this.#read(text));
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const stop of this.#watched.values()) stop();
    });
  }

  #read(text) {
    this.#text += text;
    if (this.#text.length > LINE_MOST) this.#socket.destroy();
    const lines = this.#text.split('\n');
    this.#text = lines.pop();
    for (const line of lines) if (line.trim()) this.#answer(line);
  }

  #answer(line) {
    let request;
    try {
      request = JSON.parse(line);
    } catch {
      this.#send({ ok: false, error: 'not JSON' });
      return;
    }
    const reply = (result) => this.#send({ n: request?.n, ...result });
    try {
      const result = this.#perform(request, reply);
      if (result !== undefined) reply({ ok: true, ...result });
    } catch (error) {
      reply({ ok: false, error: error.message });
    }
  }

  // What the answer has beside "ok"; undefined: `reply` will be called later.
  #perform(request, reply) {
    switch (request?.do) {
      case 'watch':
        return this.#watch(request.signals ?? []);
      case 'at':
        return this.#at(request);
      case 'run':
        this.#run(request, reply);
        return undefined;
      case 'pace':
        this.#pacer.factor = request.factor ?? null;
        return {};
      case 'quit':
        reply({ ok: true });
        this.#socket.end(() => this.#onQuit());
        return undefined;
      default:
        return act(this.#board, request);
    }
  }

  // {"do":"watch","signals":["gp10","erase"]}: events for these from now on, and for no others.
  #watch(names) {
    for (const stop of this.#watched.values()) stop();
    this.#watched.clear();
    const values = {};
    for (const name of names) {
      values[name] = this.#board.signals.values.get(name) ?? null;
      const stop = this.#board.signals.listen(name, (value, nanos) =>
        this.#send({ event: name, value, ns: nanos }),
      );
      this.#watched.set(name, stop);
    }
    return { values, ns: this.#board.nanos };
  }

  // {"do":"at","after_us":N,"then":{...}}: in N microseconds; with "on":"erase","value":1 so long after the
  // next time that this signal has this value; with "ns" at that time.
  #at(request) {
    const { then, on, value = 1, after_us: after = 0, ns } = request;
    if (!COMMANDS[then?.do]) throw new Error('"then" has to be a request');
    const { clock, signals } = this.#board;
    const alarm = clock.createAlarm(() => {
      this.#appointments.delete(alarm);
      this.#keepAppointment(then);
    });
    this.#appointments.add(alarm);
    if (on === undefined) {
      const wait = ns === undefined ? after * 1000 : ns - clock.nanos;
      if (wait < 0) throw new Error('that time has passed');
      alarm.schedule(wait);
      return { ns: clock.nanos + wait };
    }
    const stop = signals.listen(on, (seen) => {
      if (seen !== value) return;
      stop();
      alarm.schedule(after * 1000);
    });
    return {};
  }

  #keepAppointment(then) {
    let result;
    try {
      result = { ok: true, ...act(this.#board, then) };
    } catch (error) {
      result = { ok: false, error: error.message };
    }
    this.#send({ event: 'done', did: then.do, ns: this.#board.nanos, ...result });
  }

  // {"do":"run","ms":N}: as fast as possible so far, then answer; with "until":"gp10","value":0 no further
  // than that. {"reached": false} when it did not come.
  #run(request, reply) {
    const { ms, until, value = 1 } = request;
    if (typeof ms !== 'number' || ms < 0) throw new Error('ms has to be a number');
    let reached = until === undefined;
    let at = null;
    let stop = () => {};
    if (until !== undefined) {
      stop = this.#board.signals.listen(until, (seen, nanos) => {
        if (reached || seen !== value) return;
        reached = true;
        at = nanos;
        this.#pacer.enough();
      });
    }
    this.#pacer.runUntil(this.#board.nanos + ms * 1e6, () => {
      stop();
      reply({ ok: true, reached, ns: this.#board.nanos, ...(at === null ? {} : { at_ns: at }) });
    });
  }

  #send(object) {
    if (!this.#socket.destroyed) this.#socket.write(JSON.stringify(object) + '\n');
  }
}

function act(board, request) {
  const command = COMMANDS[request?.do];
  if (!command) throw new Error('no such request; there are ' + Object.keys(COMMANDS).join(', '));
  return command(board, request) ?? {};
}
