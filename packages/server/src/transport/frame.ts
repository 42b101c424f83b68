/** Above this a payload is not copied behind its header: two buffers are written instead. */
const COPY_BYTES_MAX = 4096;
const TEXT = 0x81;
const BINARY = 0x82;

/** The bytes of one whole, unmasked WebSocket message: header and payload in one buffer, or one each. */
export type Frame = readonly [Buffer] | readonly [Buffer, Uint8Array];

/** Frames one message as a server sends it (RFC 6455 §5.2): a single frame, FIN set, no mask, no extension. */
export function encodeFrame(data: string | Uint8Array): Frame {
  const opcode = typeof data === "string" ? TEXT : BINARY;
  const payload = typeof data === "string" ? Buffer.from(data) : data;
  const headerBytes = payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10;
  const copied = payload.length <= COPY_BYTES_MAX;
  const head = Buffer.allocUnsafe(copied ? headerBytes + payload.length : headerBytes);
  head[0] = opcode;
  if (headerBytes === 2) {
    head[1] = payload.length;
  } else if (headerBytes === 4) {
    head[1] = 126;
    head.writeUInt16BE(payload.length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  if (!copied) return [head, payload];
  head.set(payload, headerBytes);
  return [head];
}

let lastData: string | Uint8Array | null = null;
let lastFrame: Frame | null = null;
let lastMessages: readonly (string | Uint8Array)[] | null = null;
let lastBytes: Buffer | null = null;
let willForget = false;

/** What is shared is remembered for as long as deliveries of one tick may need it, so at most one batch stays alive. */
function forgetLater(): void {
  if (willForget) return;
  willForget = true;
  setImmediate(forget);
}

function forget(): void {
  willForget = false;
  lastData = null;
  lastFrame = null;
  lastMessages = null;
  lastBytes = null;
}

/**
 * As `encodeFrame`, but a message that goes to many connections one after the other is framed once and its bytes are
 * shared. The last frame is remembered until the tick ends. What was handed over must not change afterwards.
 */
export function encodeSharedFrame(data: string | Uint8Array): Frame {
  if (lastFrame !== null && data === lastData) return lastFrame;
  forgetLater();
  lastData = data;
  lastFrame = encodeFrame(data);
  return lastFrame;
}

/** The frames of several messages in one buffer; the same array to many connections is framed once. */
export function encodeSharedFrames(messages: readonly (string | Uint8Array)[]): Buffer {
  if (messages === lastMessages) return lastBytes as Buffer;
  const parts: Uint8Array[] = [];
  for (const message of messages) parts.push(...encodeSharedFrame(message));
  lastMessages = messages;
  lastBytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  return lastBytes;
}
