// That messages are rewritten while all of this holds: a phone number goes to the app and comes back as an alias.

import { OPEN } from "./cases.mjs";
import { driverClient, driverServer, rawClient, show, wsClient, wsServer } from "./ends.mjs";
import { TEXT, chopped } from "./frames.mjs";
import { until } from "./wait.mjs";

const PHONE = "+37061234567";
const EVENT = JSON.stringify({ id: 7, phone: PHONE, body: "Hello?" });
const ALIAS = /^text "\{\\"id\\":7,\\"phone\\":\\"\+999\d{12}\\",/;

const TALKS = {
  "ws": (options) => [wsServer(options), (log, at) => wsClient(log, at, options, talk)],
  "websocket-driver": (options) => [driverServer(options && {}), (log, at) => driverClient(log, at, options && {}, talk)],
  "raw client": () => [wsServer(), (log, at) => rawClient(log, at, { ends: OPEN, frames: chopped(TEXT, EVENT, 5) }, "bytes")],
};

async function talk(peer) {
  peer.text(EVENT);
  await until(() => peer.log.heard.length > 0 || peer.log.end !== null, "an answer");
}

export function masked(app, observe, operator, watcher) {
  const rows = [];
  for (const [make, pair] of Object.entries(TALKS)) {
    for (const options of [false, { threshold: 0 }]) {
      for (const token of [operator, watcher]) {
        const [server, client] = pair(options);
        const [who, how] = [token === operator ? "a masked operator" : "another", options ? "compressed" : "plain"];
        rows.push({
          name: `${make}: a phone number for ${who}, ${how}`,
          group: `${make}, a phone number for ${who}`,
          row: { name: "0 masking" },
          async compare(ports) {
            const faults = [];
            for (const [way, port] of Object.entries(ports)) {
              const seen = await observe(app, server, client, { port, token });
              const isHidden = way === "gateway" && token === operator;
              const [heard] = seen.client;
              if (seen.app[0] !== `text ${show(EVENT)}`) faults.push(`${way}: the app has heard ${seen.app}`);
              if (isHidden !== !seen.client.join("").includes(PHONE)) faults.push(`${way}: the client has heard ${heard}`);
              if (isHidden && !ALIAS.test(heard)) faults.push(`${way}: there is no alias in ${heard}`);
            }
            return faults;
          },
        });
      }
    }
  }
  return rows;
}
