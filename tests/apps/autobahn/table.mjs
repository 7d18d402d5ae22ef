// Runs every row of the table twice, straight to the app and through the gateway, and compares what both ends hear.
// Prints the table, by class or (`--all`) by row; exits with 1 and the rows that differ and should not.

import { resolve } from "node:path";

import { ANSWERED, CLOSED, OPEN, TOO_LONG, UNREADABLE, cases } from "./cases.mjs";
import { NO_CONTEXTS, agreeing, conversations, frames, negotiations } from "./compressed.mjs";
import { App, Log, answer, driverServer, rawClient, rawServer, said, show, wsClient, wsServer } from "./ends.mjs";
import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT } from "./frames.mjs";
import { Gateway } from "./gateway.mjs";
import { masked } from "./masked.mjs";

/** From whom contacts are hidden, and from whom nothing is, whose messages are read all the same. */
const OPERATOR = "token-of-ieva", WATCHER = "token-of-anna";
/** How many connections are open at once. */
const WORKERS = 32;
/** Rows of so many bytes are sent byte by byte as well. */
const SHORT = 100;

/**
 * What the ends must hear of a row, sent by a client to an app that answers. An app hears through the gateway that a client
 * has gone when he has answered the close frame, and where frames are malformed nobody knows an answer.
 */
function fromClient(row, isDirect) {
  const ends = (!isDirect && row.gateway) || row.ends;
  const items = shown(row, ends);
  const app = items.map(([opcode, payload]) => `${WORDS[opcode]} ${show(payload)}`);
  const client = items.filter(([opcode]) => opcode !== PONG).map(([opcode, payload]) => {
    if (opcode === PING) return `pong ${show(payload)}`;
    return `text ${show(answer(opcode, payload))}`;
  });
  if (ends === OPEN) return ended(client, "1000", app, "1000");
  if (ends === CLOSED) return ended(client, (!isDirect && row.masks) || closes(row), app, closes(row));
  if (isDirect) return ended(client, `${ends}`, app, "fault");
  const reason = ends === 1009 ? "limit-reached" : "malformed-message";
  const isLost = row.isLost ?? ends !== 1007;
  return ended(client, said(ends, reason), app, isLost ? "1006" : "1001");
}

/** The same of a row that an app sends. */
function fromServer(row, isDirect) {
  const ends = (!isDirect && row.gateway) || row.ends;
  const items = shown(row, ends);
  const client = items.map(([opcode, payload]) => `${WORDS[opcode]} ${show(payload)}`);
  const app = items.filter(([opcode]) => opcode === PING).map(([, payload]) => `pong ${show(payload)}`);
  if (ends === OPEN) return ended(client, "1000", app, "1000");
  if (ends === CLOSED) {
    const closed = (!isDirect && row.masks) || closes(row);
    return ended(client, closed, app, closed);
  }
  if (isDirect) return ended(client, "fault", app, `${ends}`);
  if (ends === "binary") return ended(client, "1008 unscannable-stream", app, "1001");
  return ended(client, "1011 unscannable-stream", app, "1001");
}

function ended(client, clientEnd, app, appEnd) {
  return { client, clientEnd, app, appEnd };
}

/** The messages, pings and pongs of a row that count: those before its end. */
function shown({ frames, before }, ends) {
  const fails = ends !== OPEN && ends !== CLOSED;
  const last = fails ? (before ?? frames.lastIndexOf(ANSWERED)) : frames.findIndex(({ opcode }) => opcode === CLOSE);
  const counting = last < 0 && !fails ? frames : frames.slice(0, Math.max(last, 0));
  const items = [];
  let open = null;
  for (const { opcode, isLast, ...frame } of counting.filter((next) => next !== ANSWERED)) {
    const payload = Buffer.from(frame.plain ?? frame.payload);
    if (opcode === PING || opcode === PONG) {
      items.push([opcode, payload]);
      continue;
    }
    if (opcode === CONTINUATION) open.pieces.push(payload);
    else open = { opcode, pieces: [payload] };
    if (isLast) items.push([open.opcode, Buffer.concat(open.pieces)]);
  }
  return items;
}

function closes({ frames }) {
  const { payload } = frames.find(({ opcode }) => opcode === CLOSE);
  return payload.length === 0 ? "1005" : said(payload.readUInt16BE(0), payload.subarray(2));
}

const WORDS = { [TEXT]: "text", [BINARY]: "binary", [PING]: "ping", [PONG]: "pong" };

/** The runs of the table: a name, how it is run at a port, and what must be seen there. */
function runs(app) {
  const sent = (row, make, server, extensions = "") => cuts(row).map((cut) => ({
    row, name: `raw client, ${make}: ${row.name}, ${cut}`, group: `raw client to ${make}`,
    expected: (isDirect) => fromClient(row, isDirect),
    run: (port) => observe(app, server, (log, at) => rawClient(log, at, row, cut, extensions), { port, token: OPERATOR }),
  }));
  const received = (row, client, token, extensions = "") => cuts(row).map((cut) => ({
    row, name: `raw server, ws: ${row.name}, ${cut}`, group: "raw server to ws",
    expected: (isDirect) => fromServer(row, isDirect),
    run: (port) => observe(app, rawServer(row, cut, extensions), client, { port, token }),
  }));
  const reader = (row) => (hasBinary(row) ? WATCHER : OPERATOR);
  // The other library tells neither pings nor pongs as bytes, and has closes of its own.
  const plain = cases().filter((row) => row.ends === OPEN && !row.gateway && !hasPings(row));
  return [
    [...cases(), ...TOO_LONG].map((row) => sent(row, "ws", wsServer())),
    plain.map((row) => sent(row, "websocket-driver", driverServer())),
    frames().map((row) => sent(row, "ws", agreeing.server, NO_CONTEXTS)),
    cases().map((row) => received(row, wsClient, reader(row))),
    UNREADABLE.map((row) => received(row, wsClient, OPERATOR)),
    frames().map((row) => received(row, agreeing.client, reader(row), NO_CONTEXTS)),
    negotiations(app, OPERATOR),
    conversations(app, observe, OPERATOR),
    masked(app, observe, OPERATOR, WATCHER),
  ].flat(2);
}

function cuts({ frames, isCut }) {
  const length = frames.reduce((sum, { payload }) => sum + (payload?.length ?? 0), 0);
  return length <= SHORT && !isCut ? ["whole", "bytes"] : ["whole"];
}

function hasPings({ frames }) {
  return frames.some(({ opcode }) => opcode === PING || opcode === PONG);
}

function hasBinary({ frames }) {
  return frames.some(({ opcode }) => opcode === BINARY);
}

/** Opens a connection, and gives what both ends have heard when it is over. */
async function observe(app, server, client, { port, token }) {
  const { target, log } = app.expect(server);
  const near = new Log();
  await client(near, { port, target, token });
  await app.over(log);
  return { ...ended(near.heard, near.end, log.heard, log.end), extensions: near.extensions };
}

/** Runs a row at both ports, and tells what is not as it should be. */
async function compare({ row, run, expected }, ports) {
  const faults = [];
  for (const [way, port] of Object.entries(ports)) {
    const isDirect = way === "direct";
    if (isDirect && row.ends === null) continue;
    const wanted = expected(isDirect);
    const seen = await run(port);
    for (const what of ["client", "clientEnd", "app", "appEnd"]) {
      // A message right before a fault may be answered or not.
      if (what === "client" && row.before !== undefined) continue;
      const [left, right] = [wanted[what], seen[what]].map((value) => JSON.stringify(value));
      if (left !== right) faults.push(`${way}, ${what}: ${brief(right)}, and not ${brief(left)}`);
    }
  }
  return faults;
}

function brief(text) {
  return text?.length > 300 ? `${text.slice(0, 300)}…` : text;
}

/** Does `work` for all items, some at once. */
async function each(items, work) {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
}

async function table(app, ports, printsAll) {
  const wrong = [];
  const groups = new Map();
  const differing = new Map();
  await each(runs(app), async (item) => {
    const comparing = item.compare ? item.compare(ports) : compare(item, ports);
    const faults = await comparing.catch((error) => [error.stack]);
    if (faults.length > 0) wrong.push({ name: item.name, faults });
    const group = `${item.row.name.split(/[. ]/)[0].padStart(2)}  ${item.group}`;
    const counts = groups.get(group) ?? { same: 0, differ: 0, wrong: 0 };
    counts[faults.length > 0 ? "wrong" : item.row.why ? "differ" : "same"] += 1;
    if (item.row.why) differing.set(item.row.name, item.row);
    groups.set(group, counts);
    if (printsAll) console.log(`  ${faults.length > 0 ? "WRONG" : "as it should be"}  ${item.name}`);
  });
  console.log("class, ends: runs that were the same through the gateway as direct");
  for (const [group, { same, differ, wrong }] of [...groups].sort()) {
    const others = [differ && `, ${differ} that differ on purpose`, wrong && `, ${wrong} THAT ARE WRONG`];
    console.log(`  ${group}: ${same}${others.filter(Boolean).join("")}`);
  }
  console.log("A client who breaks the protocol hears the same code, and the app that he has gone: 1001, or 1006 where");
  console.log("frames are malformed.");
  console.log("What an app breaks it with does not reach a client: he is told 1011. Beside that, on purpose:");
  for (const { name, why } of differing.values()) console.log(`  ${name}: ${why}`);
  return wrong;
}

const app = await App.start();
let gateway = null;

/** Ends all whatever has happened, once. */
async function end(code) {
  for (const event of ENDS) process.on(event, () => {});
  await gateway?.stop();
  app.stop();
  process.exit(code);
}

const ENDS = ["SIGINT", "SIGTERM", "uncaughtException", "unhandledRejection"];
for (const event of ENDS) {
  process.once(event, (cause) => {
    console.error(`${event}: ${cause?.stack ?? cause}`);
    end(1);
  });
}

gateway = await Gateway.start(resolve(process.argv[2]), app.port);
const wrong = await table(app, { direct: app.port, gateway: gateway.port }, process.argv.includes("--all"));
for (const { name, faults } of wrong) console.error(`WRONG  ${name}\n    ${faults.join("\n    ")}`);
if (wrong.length > 0) {
  console.error(`--- the gateway, its last lines\n${gateway.lines.slice(-20).join("\n")}`);
  console.error(`${wrong.length} runs are not as they should be`);
}
await end(wrong.length > 0 ? 1 : 0);
