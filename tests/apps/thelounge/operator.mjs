// Somebody who works with The Lounge: the client that its page uses, behind a relay that keeps every byte which came.

import { once } from "node:events";
import { connect, createServer } from "node:net";

import { io } from "socket.io-client";

import { until, within } from "./wait.mjs";

export class Operator {
  /** The events that came, as arrays of name and arguments. */
  events = [];
  /** The texts of the packets that came, before anything was read out of them. */
  packets = [];
  #relay;
  #socket;

  static async open(port, transports) {
    const operator = new Operator();
    operator.#relay = await Relay.start(port);
    operator.#socket = io(operator.url, { transports, reconnection: false, autoConnect: false });
    operator.#socket.onAny((...event) => operator.events.push(event));
    operator.#socket.on("disconnect", (reason, details) => (operator.end = { reason, details }));
    operator.#socket.on("connect_error", (error) => (operator.end = { reason: error.message, details: error }));
    operator.#socket.connect();
    const { engine } = operator.#socket.io;
    engine.on("packet", ({ data }) => operator.packets.push(String(data ?? "")));
    return operator;
  }

  /** Where the page would be, through the relay. */
  get url() {
    return `http://127.0.0.1:${this.#relay.port}`;
  }

  get transport() {
    return this.#socket.io.engine.transport.name;
  }

  async signIn({ name, password }) {
    await this.event("auth:start");
    this.emit("auth:perform", { user: name, password });
    await this.event("auth:success");
    const [, init] = await this.event("init");
    return init;
  }

  emit(...event) {
    this.#socket.emit(...event);
  }

  /** The first event of a name, of those that came behind `after`, for which `fits` holds. */
  event(name, fits = () => true, after = 0) {
    const find = () => this.events.slice(after).find((event) => event[0] === name && fits(...event.slice(1)));
    return until(() => {
      const found = find();
      if (!found && this.end) throw new Error(`waiting for ${name}: the stream is over, ${this.end.reason}`);
      return found;
    }, `the event ${name}`);
  }

  /** The stream's end, which somebody else has to bring about. */
  async ended() {
    return until(() => this.end, "the end of the stream");
  }

  /** All that came, as one text: every byte, and the packets. */
  get received() {
    return `${this.#relay.received}\n${this.packets.join("\n")}\n${JSON.stringify(this.events)}`;
  }

  async close() {
    this.#socket.disconnect();
    await this.#relay.stop();
  }
}

/** Carries bytes to a port and back, and keeps what comes back. */
class Relay {
  #server;
  #sockets = new Set();
  #chunks = [];

  static async start(port) {
    const relay = new Relay();
    relay.#server = createServer((near) => {
      const far = connect(port, "127.0.0.1");
      far.on("data", (chunk) => relay.#chunks.push(chunk));
      near.pipe(far);
      far.pipe(near);
      for (const [socket, other] of [[near, far], [far, near]]) {
        relay.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => {
          relay.#sockets.delete(socket);
          other.destroy();
        });
      }
    });
    relay.#server.listen(0, "127.0.0.1");
    await once(relay.#server, "listening");
    relay.port = relay.#server.address().port;
    return relay;
  }

  get received() {
    return Buffer.concat(this.#chunks).toString("utf8");
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await within(once(this.#server, "close"), "the relay's end");
  }
}
