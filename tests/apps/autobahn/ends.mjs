// The two ends of a connection, each of several makes, and what each of them hears.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";

import deflate from "permessage-deflate";
import driver from "websocket-driver";
import { WebSocket, WebSocketServer } from "ws";

import { ANSWERED, CLOSED, OPEN } from "./cases.mjs";
import { BINARY, CLOSE, CONTINUATION, PING, PONG, Reader, TEXT, close, encode, frame } from "./frames.mjs";
import { until, within } from "./wait.mjs";

/** The longest message that the app takes: as long as the gateway's. */
const MAX_MESSAGE = 16 * 1024 * 1024;
const KINDS = { [TEXT]: "text", [BINARY]: "binary", [PING]: "ping", [PONG]: "pong" };

/** What one end hears, in words, and how its connection ends. */
export class Log {
  heard = [];
  end = null;

  hear(opcode, payload) {
    this.heard.push(`${KINDS[opcode]} ${show(payload)}`);
  }

  /** Notes the end, once: what a library says of a fault comes before what it says of the connection. */
  finish(end) {
    this.end ??= end;
  }
}

/** A payload in words, short enough to print. */
export function show(payload) {
  const bytes = Buffer.from(payload);
  if (bytes.length <= 60) return JSON.stringify(bytes.toString("latin1"));
  return `${bytes.length} bytes, ${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}`;
}

/** What a close frame says. */
export function said(code, reason) {
  return `${code} ${reason}`.trim();
}

function read(payload) {
  return payload.length < 2 ? "1005" : said(payload.readUInt16BE(0), payload.subarray(2));
}

/** What the app answers to a message: the text itself, and of bytes what they are. */
export function answer(opcode, payload) {
  return opcode === TEXT ? payload.toString() : JSON.stringify(["binary", payload.length, show(payload)]);
}

/** The app: each connection is answered by the make that its target names. */
export class App {
  /** By run. */
  #runs = new Map();
  #server = createServer();

  static async start() {
    const app = new App();
    app.#server.on("upgrade", (request, socket, head) => {
      const query = new URL(request.url, "http://app").searchParams;
      const run = app.#runs.get(query.get("run"));
      socket.on("error", () => {});
      socket.setNoDelay(true);
      run.serve(run.log, { request, socket, head });
    });
    app.#server.listen(0, "127.0.0.1");
    await once(app.#server, "listening");
    app.port = app.#server.address().port;
    return app;
  }

  /** A target, behind which `serve` answers and hears into the log. */
  expect(serve) {
    const id = `${this.#runs.size}`;
    const log = new Log();
    this.#runs.set(id, { log, serve });
    return { target: `/live?run=${id}`, log };
  }

  /** Waits for the app's end of a run. */
  async over(log) {
    await until(() => log.end !== null, "the app's end of the connection", 20_000);
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** The server of `ws`. */
export function wsServer(perMessageDeflate = false, { isDeaf = false } = {}) {
  return (log, { request, socket, head }) => {
    if (isDeaf) forget(request);
    const server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE, perMessageDeflate });
    server.handleUpgrade(request, socket, head, (peer) => {
      listen(peer, log);
      peer.on("message", (data, isBinary) => peer.send(answer(isBinary ? BINARY : TEXT, data)));
    });
  };
}

/** Makes an app not see what it is asked of contexts, so that it keeps them. */
function forget(request) {
  const name = "sec-websocket-extensions";
  const offer = request.headers[name];
  if (offer) request.headers[name] = offer.replaceAll(/; (server|client)_no_context_takeover/g, "");
}

/** The server of `websocket-driver`. */
export function driverServer(options = null) {
  return (log, { request, socket, head }) => {
    const peer = driver.http(request, { maxLength: MAX_MESSAGE });
    if (options) peer.addExtension(deflate.configure({ ...options }));
    drive(peer, log, (opcode, data) => peer.text(answer(opcode, data)));
    peer.on("close", () => socket.end());
    peer.io.write(head);
    socket.pipe(peer.io).pipe(socket);
    peer.start();
  };
}

/** A server that sends frames as they are, well-formed or not. `extensions` is what it accepts. */
export function rawServer(row, cut, extensions = "") {
  return async (log, { request, socket, head }) => {
    const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    const lines = [
      "HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket", `Sec-WebSocket-Accept: ${accept}`,
    ];
    if (extensions) lines.push(`Sec-WebSocket-Extensions: ${extensions}`);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    await speak(socket, head, row, cut, log, { isClient: false, answers: (opcode) => opcode === PING });
  };
}

/** The client of `ws`. It closes when it has talked, or the app does. */
export async function wsClient(log, { port, target, token }, perMessageDeflate = false, talk = null) {
  const headers = { authorization: `Bearer ${token}` };
  const peer = new WebSocket(`ws://127.0.0.1:${port}${target}`, { headers, perMessageDeflate, maxPayload: MAX_MESSAGE });
  listen(peer, log);
  const gone = new Promise((resolve) => peer.on("close", resolve));
  if (talk) {
    await within(once(peer, "open"), "the handshake");
    log.extensions = peer.extensions;
    const say = (message) => peer.send(message);
    await talk({ log, text: say, binary: say, pieces: (pieces) => send(peer, pieces) });
    peer.close(1000);
  }
  await within(gone, "the client's end", 20_000);
}

/** Sends a message in fragments. */
function send(peer, pieces) {
  pieces.forEach((piece, at) => peer.send(piece, { fin: at === pieces.length - 1 }));
}

/** The client of `websocket-driver`. */
export async function driverClient(log, { port, target, token }, options = null, talk) {
  const peer = driver.client(`ws://127.0.0.1:${port}${target}`, { maxLength: MAX_MESSAGE });
  peer.setHeader("Authorization", `Bearer ${token}`);
  if (options) peer.addExtension(deflate.configure({ ...options }));
  const gone = new Promise((resolve) => peer.on("close", resolve));
  const open = new Promise((resolve, reject) => peer.on("open", resolve).on("error", reject));
  drive(peer, log, () => {});
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.on("close", () => log.finish("1006"));
  socket.pipe(peer.io).pipe(socket);
  await once(socket, "connect");
  peer.start();
  await within(open, "the handshake");
  log.extensions = peer.headers["sec-websocket-extensions"] ?? "";
  const pieces = (all) => peer.text(all.join(""));
  await talk({ log, text: (text) => peer.text(text), binary: (bytes) => peer.binary(bytes), pieces });
  peer.close("", 1000);
  await within(gone, "the client's end", 20_000);
  socket.destroy();
}

/** A client that sends frames as they are, well-formed or not. It gives the head of the answer to its handshake. */
export async function rawClient(log, { port, target, token }, row, cut, extensions = "") {
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  socket.on("error", () => {});
  const lines = [
    `GET ${target} HTTP/1.1`, "Host: app.example", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", `Authorization: Bearer ${token}`,
  ];
  if (extensions) lines.push(`Sec-WebSocket-Extensions: ${extensions}`);
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  const { answerHead, rest } = await within(headOf(socket), "the answer to a handshake");
  if (row && answerHead.startsWith("HTTP/1.1 101 ")) {
    await speak(socket, rest, row, cut, log, { isClient: true, answers: (opcode) => opcode !== PONG && opcode !== CLOSE });
  }
  socket.destroy();
  return answerHead;
}

async function headOf(socket) {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const ends = bytes.indexOf("\r\n\r\n");
    if (ends >= 0) return { answerHead: bytes.subarray(0, ends).toString("latin1"), rest: bytes.subarray(ends + 4) };
    const [chunk] = await once(socket, "data");
    socket.pause();
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.indexOf("\r\n\r\n") < 0) socket.resume();
  }
}

/** Sends the frames of a row, and hears what comes until the connection ends. `answers`: what the peer does to a frame. */
async function speak(socket, head, row, cut, log, { isClient, answers }) {
  const reader = new Reader();
  const hear = messages(log);
  // A close frame that breaks the protocol closes nothing.
  const closes = row.ends === CLOSED;
  let isClosed = false;
  const write = (opcode, bytes) => {
    isClosed ||= opcode === CLOSE;
    if (socket.writable) socket.write(bytes);
  };
  const take = (chunk) => {
    for (const got of reader.take(chunk)) {
      if (got.isMasked === isClient) log.finish("masked by the wrong side");
      if (got.reserved !== 0) log.finish("reserved bits");
      if (log.end !== null) return;
      hear(got);
      if (got.opcode === PING) write(PONG, encode(frame(PONG, got.payload), isClient));
      if (got.opcode !== CLOSE) continue;
      log.finish(read(got.payload));
      if (!isClosed) write(CLOSE, encode(frame(CLOSE, got.payload.subarray(0, 2)), isClient));
      // A peer that has failed the connection may wait for its end.
      if (isClient) setTimeout(() => socket.end(), 100);
      else socket.end();
    }
  };
  const gone = new Promise((resolve) => socket.on("close", resolve));
  socket.on("end", () => socket.end());
  socket.on("data", take);
  take(head);
  socket.resume();

  let expected = 0;
  const answered = () => until(() => log.heard.length >= expected || log.end !== null, "an answer", 20_000);
  const bytes = [];
  for (const next of row.frames) {
    if (next === ANSWERED) {
      await pour(socket, bytes.splice(0), cut);
      await answered();
    } else {
      isClosed ||= closes && next.opcode === CLOSE;
      const odd = next.isWronglyMasked ? { ...next, masked: !isClient } : next;
      bytes.push(encode(odd, isClient));
      if (next.isLast && answers(next.opcode)) expected += 1;
    }
  }
  await pour(socket, bytes, cut);
  if (row.ends === OPEN) {
    await answered();
    write(CLOSE, encode(close(1000), isClient));
  }
  await within(gone, "the end of the connection", 20_000);
  log.finish("1006");
}

/** Puts messages together. */
function messages(log) {
  let open = null;
  return ({ opcode, payload, isLast }) => {
    if (opcode === PING || opcode === PONG) log.hear(opcode, payload);
    if (opcode >= CLOSE) return;
    if (opcode === CONTINUATION) open.pieces.push(payload);
    else open = { opcode, pieces: [payload] };
    if (isLast) log.hear(open.opcode, Buffer.concat(open.pieces));
  };
}

/** Writes all at once, or each byte by itself. */
async function pour(socket, frames, cut) {
  const bytes = Buffer.concat(frames);
  if (cut === "whole") {
    if (socket.writable && bytes.length > 0) socket.write(bytes);
    return;
  }
  for (let at = 0; at < bytes.length && socket.writable; at += 1) {
    await new Promise((resolve) => socket.write(bytes.subarray(at, at + 1), resolve));
  }
}

function listen(peer, log) {
  peer.on("message", (data, isBinary) => log.hear(isBinary ? BINARY : TEXT, data));
  peer.on("ping", (data) => log.hear(PING, data));
  peer.on("pong", (data) => log.hear(PONG, data));
  peer.on("error", () => log.finish("fault"));
  peer.on("close", (code, reason) => log.finish(said(code, reason)));
}

function drive(peer, log, reply) {
  peer.on("message", ({ data }) => {
    const opcode = typeof data === "string" ? TEXT : BINARY;
    log.hear(opcode, data);
    reply(opcode, Buffer.from(data));
  });
  peer.on("error", () => log.finish("fault"));
  peer.on("close", ({ code, reason }) => log.finish(said(code, reason)));
}
