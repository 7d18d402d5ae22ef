// Frames (RFC 6455 §5.2) as data: written as a row has them, well-formed or not, and read as they come.

import { randomBytes } from "node:crypto";

export const CONTINUATION = 0x0, TEXT = 0x1, BINARY = 0x2, CLOSE = 0x8, PING = 0x9, PONG = 0xa;

/** A frame: what is not given is as it should be. `head` is its length where that is spelled wrongly. */
export function frame(opcode, payload = "", odd = {}) {
  return { opcode, payload: Buffer.from(payload), isLast: true, reserved: 0, ...odd };
}

/** A frame that others continue. */
export function part(opcode, payload, odd = {}) {
  return frame(opcode, payload, { isLast: false, ...odd });
}

/** A message in fragments of so many bytes. */
export function chopped(opcode, payload, size) {
  const bytes = Buffer.from(payload);
  const frames = [];
  for (let at = 0; at < bytes.length; at += size) {
    const isLast = at + size >= bytes.length;
    frames.push(frame(at === 0 ? opcode : CONTINUATION, bytes.subarray(at, at + size), { isLast }));
  }
  return frames;
}

export function close(code, reason = "") {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return frame(CLOSE, Buffer.concat([head, Buffer.from(reason)]));
}

/** The bytes of a frame, masked if a client sends it, unless the frame itself says what it is. */
export function encode({ opcode, payload, isLast, reserved, head, masked }, isClient) {
  const isMasked = masked ?? isClient;
  const first = (isLast ? 0x80 : 0) | (reserved << 4) | opcode;
  const key = isMasked ? randomBytes(4) : Buffer.alloc(0);
  const body = Buffer.from(payload);
  if (isMasked) for (let at = 0; at < body.length; at += 1) body[at] ^= key[at % 4];
  const length = Buffer.from(head ?? lengthOf(body.length));
  length[0] |= isMasked ? 0x80 : 0;
  return Buffer.concat([Buffer.of(first), length, key, body]);
}

function lengthOf(length) {
  if (length < 126) return [length];
  const long = Buffer.alloc(9);
  long.writeBigUInt64BE(BigInt(length), 1);
  if (length < 65536) return [126, ...long.subarray(7)];
  return [127, ...long.subarray(1)];
}

/** Reads well-formed frames of either side. */
export class Reader {
  #bytes = [];
  #length = 0;

  /** The frames that a chunk completes. */
  take(chunk) {
    this.#bytes.push(chunk);
    this.#length += chunk.length;
    const frames = [];
    while (this.#length >= 2) {
      const all = this.#bytes.length === 1 ? this.#bytes[0] : Buffer.concat(this.#bytes);
      this.#bytes = [all];
      const found = read(all);
      if (!found) break;
      frames.push(found.frame);
      this.#bytes = [all.subarray(found.size)];
      this.#length -= found.size;
    }
    return frames;
  }
}

function read(bytes) {
  const short = bytes[1] & 0x7f;
  const lengthEnds = short === 126 ? 4 : short === 127 ? 10 : 2;
  const isMasked = (bytes[1] & 0x80) !== 0;
  const begins = lengthEnds + (isMasked ? 4 : 0);
  if (bytes.length < begins) return null;
  const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  if (bytes.length < begins + length) return null;
  const payload = Buffer.from(bytes.subarray(begins, begins + length));
  if (isMasked) for (let at = 0; at < length; at += 1) payload[at] ^= bytes[lengthEnds + (at % 4)];
  const frame = { opcode: bytes[0] & 0x0f, isLast: (bytes[0] & 0x80) !== 0, reserved: (bytes[0] >> 4) & 7, isMasked, payload };
  return { frame, size: begins + length };
}
