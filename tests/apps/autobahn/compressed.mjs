// The classes 12 and 13: permessage-deflate (RFC 7692), negotiated and used, with and without contexts and in all windows.

import { constants, deflateRawSync } from "node:zlib";

import { ANSWERED, OPEN, text } from "./cases.mjs";
import { driverClient, driverServer, rawClient, wsClient, wsServer } from "./ends.mjs";
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, part } from "./frames.mjs";
import { until } from "./wait.mjs";

export const NO_CONTEXTS = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
/** The bit that says that a message is compressed. */
const RSV1 = 4;
const MIB = 1024 * 1024;
const PROTOCOL = 1002, INVALID = 1007, TOO_BIG = 1009;
/** For servers of `ws`: all messages are compressed, or none, so that frames can be read without a library. */
const ALL = { threshold: 0 }, NONE = { threshold: Infinity };

/** Rows of frames, as of the table, for ends that have agreed on compression without contexts. */
export function frames() {
  const json = '["compressed, compressed, compressed"]';
  const whole = (opcode, plain, bytes = deflate(plain)) => frame(opcode, bytes, { reserved: RSV1, plain });
  const half = deflate(json).length / 2;
  const cut = [
    part(TEXT, deflate(json).subarray(0, half), { reserved: RSV1, plain: json }),
    part(CONTINUATION, deflate(json).subarray(half), { plain: "" }),
    frame(CONTINUATION, "", { plain: "" }),
  ];
  const hello = whole(TEXT, '["Hello"]');
  const tooLong = whole(TEXT, "", deflate(text(16 * MIB + 1)));
  const dense = "a message of more than 1 MiB may grow a thousandfold at most";
  return [
    row("13 a compressed text", OPEN, hello),
    row("13 compressed bytes", OPEN, whole(BINARY, Buffer.alloc(1000, 0xfe))),
    row("13 a compressed text in fragments", OPEN, cut),
    row("13 a ping between them", OPEN, [cut[0], frame(PING, "ping"), cut[1], frame(PING, "ping"), cut[2]]),
    row("13 compressed ones and others", OPEN, [hello, frame(TEXT, "[1]"), hello, frame(BINARY, [1]), hello]),
    row("13 an empty compressed text", OPEN, whole(TEXT, "", Buffer.of(0))),
    row("13 stored blocks", OPEN, whole(TEXT, json, deflate(json, { level: 0 }))),
    row("13 fixed codes", OPEN, whole(TEXT, json, deflate(json, { strategy: constants.Z_FIXED }))),
    row("13 a block that says it is the last", OPEN, [whole(TEXT, json, Buffer.concat([deflateRawSync(json), Buffer.of(0)])), hello]),
    row("13 a text of 1 MiB", OPEN, whole(TEXT, text(MIB))),
    row("13 compressed text that is not UTF-8", INVALID, [hello, ANSWERED, whole(TEXT, Buffer.of(0x22, 0xed, 0xa0, 0x80, 0x22))]),
    row("13 what cannot be inflated", INVALID, [hello, ANSWERED, whole(TEXT, "", Buffer.alloc(9, 0xff))]),
    row("13 a reference to what is not there", INVALID, [hello, ANSWERED, whole(TEXT, "", Buffer.of(0x02, 0x1f, 0x00))]),
    row("13 a compressed ping", PROTOCOL, [hello, ANSWERED, frame(PING, "ping", { reserved: RSV1 })]),
    row("13 a compressed pong", PROTOCOL, [hello, ANSWERED, frame(PONG, "pong", { reserved: RSV1 })]),
    row("13 a compressed close frame", PROTOCOL, [hello, ANSWERED, frame(CLOSE, [3, 232], { reserved: RSV1 })]),
    row("13 the bit on a continuation", PROTOCOL, [hello, ANSWERED, cut[0], frame(CONTINUATION, "", { reserved: RSV1 })]),
    row("13 the other bits on a compressed text", PROTOCOL, [hello, ANSWERED, { ...hello, reserved: 6 }]),
    row("13 a message that is too long when it is inflated", TOO_BIG, [hello, ANSWERED, tooLong], { isLost: false }),
    row("13 a message that grows too much", OPEN, whole(TEXT, text(4 * MIB)), { gateway: TOO_BIG, why: dense, isLost: false }),
  ];
}

function row(name, ends, frames, differs = {}) {
  return { name, ends, frames: [frames].flat(), ...differs };
}

/** A message without the end that is left out (RFC 7692 §7.2.1). */
function deflate(plain, options = {}) {
  return deflateRawSync(plain, { finishFlush: constants.Z_SYNC_FLUSH, level: 9, ...options }).subarray(0, -4);
}

/** The server and client of `ws` that agree to what the rows of frames need. */
export const agreeing = {
  server: wsServer({ ...NONE, serverNoContextTakeover: true, clientNoContextTakeover: true }),
  client: (log, at) => wsClient(log, at, { serverNoContextTakeover: true, clientNoContextTakeover: true }),
};

const OFFERS = [
  "permessage-deflate",
  "permessage-deflate; client_max_window_bits",
  "permessage-deflate; client_max_window_bits=10",
  "permessage-deflate; client_max_window_bits=15; server_max_window_bits=15",
  "permessage-deflate; server_max_window_bits=9",
  "permessage-deflate; server_max_window_bits=8; client_max_window_bits=8",
  "permessage-deflate; server_no_context_takeover",
  "permessage-deflate; client_no_context_takeover",
  "permessage-deflate; client_no_context_takeover; server_no_context_takeover; client_max_window_bits",
  "permessage-deflate; server_max_window_bits=10; client_max_window_bits, permessage-deflate",
  "permessage-deflate; client_max_window_bits, permessage-deflate; server_max_window_bits=12",
  "permessage-deflate; client_max_window_bits=\"11\"",
];

/** Who is asked, by what it agrees to. */
const SERVERS = {
  "ws, compressing": wsServer(ALL),
  "ws, without contexts": wsServer({ ...ALL, serverNoContextTakeover: true, clientNoContextTakeover: true }),
  "ws, in short windows": wsServer({ ...ALL, serverMaxWindowBits: 10, clientMaxWindowBits: 11 }),
  "ws, keeping contexts": wsServer(ALL, { isDeaf: true }),
  "ws, insisting on contexts": wsServer({ ...ALL, serverNoContextTakeover: false }),
  "ws, plain": wsServer(false),
  "websocket-driver, compressing": driverServer({}),
  "websocket-driver, without contexts": driverServer({ noContextTakeover: true, requestNoContextTakeover: true }),
  "websocket-driver, in short windows": driverServer({ maxWindowBits: 9, requestMaxWindowBits: 10 }),
  "websocket-driver, plain": driverServer(),
};

const CLIENTS = {
  "ws, compressing": [wsClient, ALL],
  "ws, without contexts": [wsClient, { ...ALL, serverNoContextTakeover: true, clientNoContextTakeover: true }],
  "ws, in short windows": [wsClient, { ...ALL, serverMaxWindowBits: 15, clientMaxWindowBits: 12 }],
  "ws, plain": [wsClient, false],
  "websocket-driver, compressing": [driverClient, {}],
  "websocket-driver, without contexts": [driverClient, { noContextTakeover: true, requestNoContextTakeover: true }],
  "websocket-driver, in short windows": [driverClient, { maxWindowBits: 12, requestMaxWindowBits: 12 }],
  "websocket-driver, plain": [driverClient, null],
};

/** What is agreed upon of each offer: what the app agrees to when it is asked for no contexts besides. */
export function negotiations(app, token) {
  const asked = OFFERS.flatMap((offer) => Object.entries(SERVERS).map(([name, server]) => [offer, name, server]));
  return asked.map(([offer, name, server]) => ({
    name: `raw client, ${name}: ${offer}`,
    group: `raw client to ${name.split(",")[0]}, offers`,
    row: isIgnored(name, offer) ? IGNORED : { name: "12 offers" },
    async compare(ports) {
      const ask = async (port, offered) => {
        const { target, log } = app.expect(server);
        const head = await rawClient(log, { port, target, token }, null, "whole", offered);
        return agreed(head);
      };
      // An app that insists on contexts takes the offer as it is, which stands behind the one that asks for none.
      const direct = await ask(ports.direct, name.includes("insisting") ? offer : asking(offer));
      const gateway = await ask(ports.gateway, offer);
      const expected = isIgnored(name, offer) ? "502" : direct;
      return gateway === expected ? [] : [`gateway: ${gateway}, and not ${expected}`];
    },
  }));
}

const IGNORED = {
  name: "12 an offer that an app accepts and does not keep to",
  why: "an answer that does not grant what the client asks for is refused with 502",
};

function isIgnored(server, asked) {
  return server.includes("keeping") && asked.includes("server_no_context_takeover");
}

function asking(offers) {
  const names = ["server_no_context_takeover", "client_no_context_takeover"];
  return offers.split(", ").map((offer) => {
    const more = names.filter((name) => !offer.includes(name));
    return [offer, ...more].join("; ");
  }).join(", ");
}

/** The status and the extensions of an answer, these in any order. */
function agreed(head) {
  const [line, ...fields] = head.split("\r\n");
  const found = fields.find((field) => /^sec-websocket-extensions:/i.test(field)) ?? "";
  const parameters = found.slice(found.indexOf(":") + 1).split(";").map((parameter) => parameter.trim());
  return `${line.split(" ")[1]} ${parameters.sort().join("; ")}`.trim();
}

/** Conversations of two libraries in messages of all sizes: both hear the same, and what was said. */
export function conversations(app, observe, token) {
  const pairs = Object.entries(CLIENTS).flatMap(([clientName, client]) => {
    return Object.entries(SERVERS).map(([serverName, server]) => [clientName, client, serverName, server]);
  });
  const insists = (server) => server.includes("keeping") || server.includes("insisting");
  const agree = ([client, , server]) => !(insists(server) && client.includes("without contexts"));
  return pairs.filter(agree).map(([clientName, client, serverName, server]) => ({
    name: `${clientName}, to ${serverName}`,
    group: `${clientName.split(",")[0]} to ${serverName.split(",")[0]}`,
    row: { name: "12 messages of all sizes" },
    async compare(ports) {
      const hold = (port) => {
        const [open, options] = client;
        return observe(app, server, (log, at) => open(log, at, options, talk), { port, token });
      };
      const [direct, gateway] = [await hold(ports.direct), await hold(ports.gateway)];
      const faults = [];
      if (direct.app.length !== MESSAGES.length * 2 + 1) faults.push(`direct: the app has heard ${direct.app.length} messages`);
      for (const what of ["client", "clientEnd", "app", "appEnd"]) {
        const [left, right] = [direct, gateway].map((seen) => JSON.stringify(seen[what]));
        if (left !== right) faults.push(`${what}: ${right.slice(0, 200)}, and not ${left.slice(0, 200)}`);
      }
      const isPlain = `${clientName}${serverName}`.includes("plain");
      for (const [way, { extensions }] of Object.entries({ direct, gateway })) {
        if ((extensions === "") !== isPlain) faults.push(`${way}: the extensions are ${extensions}`);
      }
      return faults;
    },
  }));
}

async function talk(peer) {
  const answers = (count) => until(() => peer.log.heard.length >= count || peer.log.end !== null, "an answer", 20_000);
  let count = 0;
  for (const message of MESSAGES) {
    peer.text(message);
    peer.binary(Buffer.from(message));
    count += 2;
  }
  await answers(count);
  const last = MESSAGES.at(-1);
  peer.pieces([last.slice(0, 10), last.slice(10, 5000), "", last.slice(5000)]);
  await answers(count + 1);
}

/** Texts that say something, of many sizes, some of them twice. */
const MESSAGES = [16, 64, 256, 1024, 256, 4096, 8192, 16384, 16, 70000, 1024, 20000].map((size) => {
  const words = ["order", "delivery", "tomorrow", "thanks", "window", "blue", "доставка", "спасибо", "ačiū", "😀"];
  let state = size;
  let text = "";
  while (text.length < size) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    text += `${words[(state >> 8) % words.length]} ${state % 7} `;
  }
  return JSON.stringify([{ id: size, body: text }]);
});
