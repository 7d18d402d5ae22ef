// A client of the company: somebody on the chat network, over a plain socket (RFC 1459).

import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";

import { until, within } from "./wait.mjs";

export class Client {
  /** What the network has said to the client, by line. */
  lines = [];
  #socket;

  static async join(port, { nick, user, address, realName, channel }) {
    const client = new Client();
    client.#socket = connect(port, "127.0.0.1");
    await within(once(client.#socket, "connect"), "the chat network");
    createInterface({ input: client.#socket }).on("line", (line) => {
      client.lines.push(line);
      if (line.startsWith("PING ")) client.say(line.replace("PING", "PONG"));
    });
    // The way of web gateways to say what address their visitor has.
    client.say(`WEBIRC webirc ${user} ${address} ${address}`);
    client.say(`NICK ${nick}`);
    client.say(`USER ${user} 0 * :${realName}`);
    await client.heard(/ 001 /);
    client.say(`JOIN ${channel}`);
    await client.heard(/ 366 /);
    return client;
  }

  say(line) {
    this.#socket.write(`${line}\r\n`);
  }

  heard(pattern) {
    return until(() => this.lines.find((line) => pattern.test(line)), `the client to hear ${pattern}`);
  }

  leave() {
    this.#socket.destroy();
  }
}
