// The case classes of the Autobahn suite as data: what one side sends, and how the connection has to end.
//
// Texts are JSON, as a masked caller's have to be: what no framing begins is refused, as nobody knows what stands in it.

import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, chopped, close, frame, part } from "./frames.mjs";

/** Between frames: what was sent is to be answered before more is. */
export const ANSWERED = Symbol("answered");

/** How a connection stands behind a row: open, closed by its close frame, or failed with a code. */
export const OPEN = "open", CLOSED = "closed";

/**
 * All rows. `gateway` says how the connection ends through the gateway where that differs on purpose, and `why`. `masks` is
 * what it makes of a close frame. `isLost` says whether no close frame can be read behind the fault; `before`, how many
 * frames count of a row that fails without a wait; `isCut`, that it is a cut of a row which is sent byte by byte as well.
 */
export function cases() {
  const rows = [framing(), pings(), reserved(), opcodes(), fragments(), utf8(), closing(), limits()];
  return rows.flat().map((row) => ({ ...row, frames: [row.frames].flat(Infinity) }));
}

function row(name, ends, frames, differs = {}) {
  return { name, ends, frames, ...differs };
}

/** A JSON text of so many bytes. */
export function text(length) {
  if (length < 2) return "1".repeat(length);
  return length < 4 ? `"${"*".repeat(length - 2)}"` : `["${"*".repeat(length - 4)}"]`;
}

const HELLO = frame(TEXT, '["Hello"]');
const LENGTHS = [0, 1, 2, 125, 126, 127, 128, 65535, 65536, 65537, 200_000];
const PROTOCOL = 1002, INVALID = 1007, TOO_BIG = 1009;
const STRICT = { gateway: PROTOCOL, why: "what RFC 6455 forbids and this library takes is refused" };
const MALFORMED = { gateway: PROTOCOL, why: "it is malformed before it is long" };
const EARLY = { gateway: INVALID, why: "this library reads a text when it is whole; the gateway knows of a fault at its first byte" };
const UNREAD = { gateway: "unreadable", why: "of a masked caller: a text that cannot be read is not shown" };
const UNREAD_BYTES = { gateway: "binary", why: "of a masked caller: binary messages are files, and no plan reads them" };

function framing() {
  const texts = LENGTHS.map((length) => row(`1.1 a text of ${length} bytes`, OPEN, frame(TEXT, text(length))));
  const binaries = LENGTHS.map((length) => row(`1.2 ${length} binary bytes`, OPEN, frame(BINARY, Buffer.alloc(length, 0xfe))));
  const long = (head) => frame(TEXT, "[1]", { head });
  return [
    ...texts,
    ...binaries,
    row("1 a length of 3 in two bytes", OPEN, long([126, 0, 3]), STRICT),
    row("1 a length of 3 in eight bytes", OPEN, long([127, 0, 0, 0, 0, 0, 0, 0, 3]), STRICT),
    row("1 a length of 64 bits", TOO_BIG, [HELLO, ANSWERED, long([127, 0x80, 0, 0, 0, 0, 0, 0, 3])], MALFORMED),
    row("1 masked by the wrong side", PROTOCOL, [HELLO, ANSWERED, frame(TEXT, "[1]", { isWronglyMasked: true })]),
  ];
}

function pings() {
  const ping = (payload) => frame(PING, payload);
  const pong = (payload) => frame(PONG, payload);
  return [
    row("2.1 a ping without payload", OPEN, ping("")),
    row("2.2 a ping with payload", OPEN, ping("Hello, world!")),
    row("2.3 a ping of bytes", OPEN, ping(Buffer.of(0, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0, 0xff))),
    row("2.4 the longest ping", OPEN, ping(Buffer.alloc(125, 0xfe))),
    row("2.5 a ping that is too long", PROTOCOL, [HELLO, ANSWERED, ping(Buffer.alloc(126, 0xfe))]),
    row("2.5 a pong that is too long", PROTOCOL, [HELLO, ANSWERED, pong(Buffer.alloc(126, 0xfe))]),
    row("2.7 a pong that nobody asked for", OPEN, pong("")),
    row("2.8 the same with payload", OPEN, pong("unsolicited")),
    row("2.9 a pong, then a ping", OPEN, [pong("a"), ping("b")]),
    row("2.10 ten pings", OPEN, Array.from({ length: 10 }, (_, n) => ping(`ping ${n}`))),
    row("2 pings and texts in turn", OPEN, Array.from({ length: 10 }, (_, n) => [ping(`ping ${n}`), frame(TEXT, `[${n}]`)])),
  ];
}

function reserved() {
  const rows = [];
  const all = { text: [TEXT, "[1]"], binary: [BINARY, "\x01"], close: [CLOSE, [3, 232]], ping: [PING, ""], pong: [PONG, ""] };
  for (const [what, [opcode, payload]] of Object.entries(all)) {
    for (let bits = 1; bits < 8; bits += 1) {
      const wrong = frame(opcode, payload, { reserved: bits });
      rows.push(row(`3 reserved bits ${bits} on a ${what} frame`, PROTOCOL, [HELLO, ANSWERED, wrong, frame(PING)]));
    }
  }
  const continued = (bits) => [part(TEXT, "[1"), frame(CONTINUATION, "]", { reserved: bits })];
  rows.push(row("3 a reserved bit on a continuation", PROTOCOL, continued(1)));
  rows.push(row("3 the bit of compression on a continuation", PROTOCOL, continued(4)));
  const behind = [HELLO, frame(TEXT, "[1]", { reserved: 2 }), frame(PING)];
  rows.push(row("3.2 a reserved bit right behind a text", PROTOCOL, behind, { before: 1 }));
  return rows;
}

function opcodes() {
  const numbers = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15];
  return [
    ...numbers.map((number) => row(`4 the opcode ${number}`, PROTOCOL, [HELLO, ANSWERED, frame(number), frame(PING)])),
    ...numbers.map((number) => row(`4 the opcode ${number} with payload`, PROTOCOL, [HELLO, ANSWERED, frame(number, "[1]")])),
    row("4 an unknown opcode within a message", PROTOCOL, [part(TEXT, "[1"), frame(3, ""), frame(CONTINUATION, "]")]),
  ];
}

function fragments() {
  const begin = (payload) => part(TEXT, payload);
  const more = (payload) => part(CONTINUATION, payload);
  const end = (payload) => frame(CONTINUATION, payload);
  const ping = frame(PING, "ping");
  return [
    row("5.1 a ping in fragments", PROTOCOL, [part(PING, "a"), end("b")]),
    row("5.2 a pong in fragments", PROTOCOL, [part(PONG, "a"), end("b")]),
    row("5 a close frame in fragments", PROTOCOL, [part(CLOSE, ""), end("")]),
    row("5.3 a text in two fragments", OPEN, [begin('["frag'), end('ment"]')]),
    row("5.6 a ping between fragments", OPEN, [begin('["frag'), ping, end('ment"]')]),
    row("5.7 the same, with a wait", OPEN, [begin('["frag'), ping, ANSWERED, end('ment"]')]),
    row("5.9 a continuation of nothing", PROTOCOL, [end("[1]"), frame(TEXT, "[2]")]),
    row("5.10 a first fragment of nothing", PROTOCOL, [more("[1"), end("]")]),
    row("5.12 the same behind a message", PROTOCOL, [HELLO, ANSWERED, more("[1"), end("]")]),
    row("5.15 a fragment behind the last one", PROTOCOL, [begin('["frag'), end('ment"]'), ANSWERED, more("[1"), end("]")]),
    row("5.18 a text within a text", PROTOCOL, [begin("[1"), frame(TEXT, "[2]")]),
    row("5 a binary message within a text", PROTOCOL, [begin("[1"), part(BINARY, "2")]),
    row("5.19 pings all over", OPEN, [begin('["1'), more("2"), ping, more("3"), more("4"), ping, ANSWERED, end('5"]'), ping]),
    row("5 empty fragments", OPEN, [begin(""), more(""), more("[1"), more(""), end("]")]),
    row("5 three empty fragments", OPEN, [begin(""), more(""), end("")]),
    row("5 a text byte by byte", OPEN, chopped(TEXT, '["héllo 😀"]', 1)),
    row("5 binary fragments", OPEN, [part(BINARY, [0xff]), more([0]), end([1])]),
    row("5 messages one after another", OPEN, [chopped(TEXT, text(1000), 99), HELLO, chopped(BINARY, Buffer.alloc(1000), 300), HELLO]),
  ];
}

function utf8() {
  const quoted = (bytes) => Buffer.concat([Buffer.from('["'), Buffer.from(bytes), Buffer.from('"]')]);
  const rows = [];
  for (const [what, bytes] of VALID) {
    const whole = quoted(bytes);
    rows.push(row(`6 valid: ${what}`, OPEN, frame(TEXT, whole)));
    rows.push(row(`6 valid, byte by byte: ${what}`, OPEN, chopped(TEXT, whole, 1)));
    for (let cut = 3; cut < whole.length - 2; cut += 1) {
      const frames = [part(TEXT, whole.subarray(0, cut)), frame(PING), frame(CONTINUATION, whole.subarray(cut))];
      rows.push(row(`6 valid, cut at ${cut}: ${what}`, OPEN, frames, { isCut: true }));
    }
  }
  for (const [what, bytes] of INVALID_TEXTS) {
    const whole = quoted(bytes);
    rows.push(row(`6 invalid: ${what}`, INVALID, frame(TEXT, whole)));
    rows.push(row(`6 invalid, byte by byte: ${what}`, INVALID, chopped(TEXT, whole, 1)));
    const [left, right] = [whole.subarray(0, -3), whole.subarray(-3)];
    rows.push(row(`6 invalid, in two fragments: ${what}`, INVALID, [part(TEXT, left), frame(CONTINUATION, right)]));
  }
  rows.push(row("6.4 invalid text that does not end", null, part(TEXT, quoted([0xf4, 0x90])), EARLY));
  const half = part(TEXT, quoted([0xff]), { head: [126, 1, 0] });
  rows.push(row("6.4 the same in the middle of a frame", null, half, { ...EARLY, isLost: true }));
  rows.push(row("6 a character that is cut off", INVALID, frame(TEXT, [0x5b, 0x22, 0xce])));
  rows.push(row("6 the same in the last fragment", INVALID, [part(TEXT, '["'), frame(CONTINUATION, [0xf0, 0x9f, 0x98])]));
  rows.push(row("6 what is not text", OPEN, frame(BINARY, [0xff, 0xfe, 0xc0, 0x80])));
  return rows;
}

const VALID = [
  ["German", Buffer.from("Hello-µ@ßöäüàá-UTF-8!!")],
  ["Greek", Buffer.from("κόσμε")],
  ["Japanese", Buffer.from("日本語")],
  ["emoji", Buffer.from("😀👩‍🚀")],
  ["the first of each length", [0xc2, 0x80, 0xe0, 0xa0, 0x80, 0xf0, 0x90, 0x80, 0x80]],
  ["the last of each length", [0x7f, 0xdf, 0xbf, 0xef, 0xbf, 0xbf, 0xf4, 0x8f, 0xbf, 0xbf]],
  ["around the surrogates", [0xed, 0x9f, 0xbf, 0xee, 0x80, 0x80, 0xef, 0xbf, 0xbd]],
  ["noncharacters", [0xef, 0xbf, 0xbe, 0xef, 0xb7, 0x90, 0xf0, 0x9f, 0xbf, 0xbe]],
];

const INVALID_TEXTS = [
  ["a surrogate", [0xce, 0xba, 0xed, 0xa0, 0x80, 0x65]],
  ["a pair of surrogates", [0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80]],
  ["beyond the last character", [0xf4, 0x90, 0x80, 0x80]],
  ["five bytes", [0xf8, 0x88, 0x80, 0x80, 0x80]],
  ["six bytes", [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80]],
  ["the byte fe", [0xfe]],
  ["the byte ff", [0xff]],
  ["a continuation alone", [0x80]],
  ["six continuations", [0x80, 0xbf, 0x80, 0xbf, 0x80, 0xbf]],
  ["a first byte of two alone", [0xc3, 0x20]],
  ["a first byte of three alone", [0xe2, 0x82, 0x20]],
  ["a first byte of four alone", [0xf0, 0x9f, 0x98, 0x20]],
  ["a slash in two bytes", [0xc0, 0xaf]],
  ["a slash in three bytes", [0xe0, 0x80, 0xaf]],
  ["a slash in four bytes", [0xf0, 0x80, 0x80, 0xaf]],
  ["the longest overlong in two", [0xc1, 0xbf]],
  ["the longest overlong in three", [0xe0, 0x9f, 0xbf]],
  ["the longest overlong in four", [0xf0, 0x8f, 0xbf, 0xbf]],
  ["zero in two bytes", [0xc0, 0x80]],
];

function closing() {
  const empty = frame(CLOSE);
  const rows = [
    row("7.1.1 a text, then a close frame", CLOSED, [HELLO, ANSWERED, empty]),
    row("7.1.2 two close frames", CLOSED, [empty, empty]),
    row("7.1.3 a ping behind it", CLOSED, [empty, frame(PING)]),
    row("7.1.4 a text behind it", CLOSED, [empty, HELLO]),
    row("7.1.5 within a message", CLOSED, [part(TEXT, "[1"), empty, frame(CONTINUATION, "]")]),
    row("7.1.6 right behind a long text", CLOSED, [frame(TEXT, text(256 * 1024)), ANSWERED, HELLO, ANSWERED, close(1000)]),
    row("7 what is malformed behind it", CLOSED, [close(1000), frame(15, "", { reserved: 7 })]),
    row("7.3.1 an empty close frame", CLOSED, empty),
    row("7.3.2 one of a byte", PROTOCOL, frame(CLOSE, "a")),
    row("7.3.3 a code", CLOSED, close(1000)),
    row("7.3.4 a code and a reason", CLOSED, close(1000, "bye")),
    row("7.3.5 the longest reason", CLOSED, close(1000, "a".repeat(123))),
    row("7.3.6 a longer one", PROTOCOL, close(1000, "a".repeat(124))),
    row("7.5.1 a reason that is not UTF-8", INVALID, frame(CLOSE, [3, 232, 0xce, 0xba, 0xed, 0xa0, 0x80]), { isLost: true }),
    row("7 a reason in words", CLOSED, close(3000, "Ask +37061234567"), {
      masks: "3000",
      why: "the reason of a close frame is free text: of the app's only plain words pass",
    }),
  ];
  for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]) {
    rows.push(row(`7.7 the code ${code}`, CLOSED, close(code)));
    rows.push(row(`7.7 the code ${code} with a reason`, CLOSED, close(code, "reason")));
  }
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
    rows.push(row(`7.9 the code ${code}`, PROTOCOL, close(code)));
    rows.push(row(`7.9 the code ${code} with a reason`, PROTOCOL, close(code, "reason")));
  }
  return rows;
}

function limits() {
  const KIB = 1024, MIB = 1024 * 1024;
  const rows = [];
  for (const [what, size] of [["64 KiB", 64 * KIB], ["256 KiB", 256 * KIB], ["1 MiB", MIB], ["4 MiB", 4 * MIB]]) {
    rows.push(row(`9.1 a text of ${what}`, OPEN, frame(TEXT, text(size))));
    rows.push(row(`9.2 ${what} of bytes`, OPEN, frame(BINARY, Buffer.alloc(size, 0xfe))));
  }
  for (const size of [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB]) {
    const all = Math.min(MIB, size * 2000);
    rows.push(row(`9.3 a text of ${all} bytes in fragments of ${size}`, OPEN, chopped(TEXT, text(all), size)));
    rows.push(row(`9.4 ${all} bytes in fragments of ${size}`, OPEN, chopped(BINARY, Buffer.alloc(all, 0xfe), size)));
  }
  for (const size of [0, 16, 64, 256, KIB]) {
    rows.push(row(`9.7 200 texts of ${size} bytes`, OPEN, Array.from({ length: 200 }, () => frame(TEXT, text(size)))));
    rows.push(row(`9.8 200 messages of ${size} bytes`, OPEN, Array.from({ length: 200 }, () => frame(BINARY, Buffer.alloc(size)))));
  }
  for (const size of [64, 1300]) {
    rows.push(row(`10.1 a text of 64 KiB in fragments of ${size}`, OPEN, chopped(TEXT, text(64 * KIB), size)));
  }
  return rows;
}

/** What only an app may not send to a masked operator, in whose messages nothing may pass unread. */
export const UNREADABLE = [
  row("1 a text that no framing begins", OPEN, [HELLO, ANSWERED, frame(TEXT, "Hello")], UNREAD),
  row("1 JSON that is cut short", OPEN, [HELLO, ANSWERED, frame(TEXT, '{"phone":"+37061234567"')], UNREAD),
  row("1 bytes", OPEN, [HELLO, ANSWERED, frame(BINARY, "+37061234567")], UNREAD_BYTES),
];

/** The first bytes of such a length, up to the last one. */
const SIXTEEN_MIB = [127, 0, 0, 0, 0, 1, 0, 0];

/** More than either side takes of a client, by a byte: `limits.message` is 16 MiB, and so is the app's. */
export const TOO_LONG = [
  row("9 a text over the limit", TOO_BIG, [HELLO, ANSWERED, frame(TEXT, "[", { head: [...SIXTEEN_MIB, 1] })]),
  row("9 the same in fragments", TOO_BIG, [part(TEXT, "["), part(CONTINUATION, "", { head: [...SIXTEEN_MIB, 0] })]),
];
