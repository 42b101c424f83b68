import type { EventEmitter } from "node:events";
import type { WebSocket } from "ws";
import type { CloseReason } from "./close-reason.ts";

/** Bytes of a message for each of which one more fragment, or one more network chunk, is tolerated. */
const BYTES_PER_FRAGMENT = 16 * 1024;
const BYTES_PER_CHUNK = 512;

export interface ReceiverLimitsOptions {
  readonly messageBytesMax: number;
  readonly fragmentsMax: number;
  readonly chunksMax: number;
  /** The receiver refused what the peer sent: close with this. Called before `ws` closes with its own code. */
  onRefused(close: CloseReason): void;
  /** The peer's close frame has arrived. Called before `ws` answers it. */
  onPeerClosing(): void;
}

/** Sets what the receiver of one connection accepts. */
export interface ReceiverLimits {
  /** From the next frame on. What is on its way when the limit is lowered still arrives: it was allowed when it was sent. */
  setMessageBytesMax(bytes: number): void;
  /** Whether `onRefused` and `onPeerClosing` are ever called. */
  readonly isKnown: boolean;
  /** Whether the receiver refuses larger messages by itself. */
  readonly isLimited: boolean;
}

/**
 * The one place that knows the inside of `ws`, which fixes its limits per server and names its own codes: here they
 * follow the connection's state, and too large a message becomes 4413, because stock Yjs clients retry 1009 for ever.
 * Each property is used only if it looks as expected; otherwise the limits of the whole server stay.
 */
export function limitReceiver(ws: WebSocket, options: ReceiverLimitsOptions): ReceiverLimits {
  const receiver = receiverOf(ws);
  let messageBytesMax = options.messageBytesMax;
  /** The limit of chunks is still that of an earlier, higher one. */
  let isLowering = false;

  function apply(): void {
    if (receiver === null) return;
    setNumber(receiver, "_maxPayload", messageBytesMax);
    setNumber(
      receiver,
      "_maxFragments",
      Math.max(options.fragmentsMax, Math.ceil(messageBytesMax / BYTES_PER_FRAGMENT)),
    );
    for (const inflater of inflatersOf(ws)) setNumber(inflater, "_maxPayload", messageBytesMax);
    if (!isLowering) applyChunks();
  }

  function applyChunks(): void {
    isLowering = false;
    const chunksMax = Math.max(options.chunksMax, Math.ceil(messageBytesMax / BYTES_PER_CHUNK));
    if (receiver !== null) setNumber(receiver, "_maxBufferedChunks", chunksMax);
  }

  /** The size of a frame is looked at when it begins, the number of its chunks while it arrives. */
  function lowerAfterMessage(): void {
    if (isLowering) return;
    isLowering = true;
    ws.once("message", applyChunks);
  }

  // First in line: the close frame that is sent is ours, and the closing that `ws` goes on with finds it under way.
  receiver?.prependListener("error", (error: unknown) =>
    options.onRefused(closeOfError(error, messageBytesMax)),
  );
  receiver?.prependListener("conclude", () => options.onPeerClosing());
  apply();
  return {
    isKnown: receiver !== null,
    isLimited: typeof receiver?._maxPayload === "number",
    setMessageBytesMax(bytes) {
      if (bytes < messageBytesMax) lowerAfterMessage();
      messageBytesMax = bytes;
      apply();
    },
  };
}

/** The close that says a message had more than `messageBytesMax` bytes. */
export function messageTooLarge(messageBytesMax: number): CloseReason {
  return {
    code: 4413,
    reason: `MESSAGE_TOO_LARGE: a message may have at most ${messageBytesMax} bytes here.`,
  };
}

function closeOfError(error: unknown, messageBytesMax: number): CloseReason {
  const { code, message } = error as { code?: unknown; message?: unknown };
  switch (code) {
    case "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH":
    case "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH":
      return messageTooLarge(messageBytesMax);
    case "WS_ERR_TOO_MANY_BUFFERED_PARTS":
      return { code: 1008, reason: "The message came in too many parts." };
    case "WS_ERR_INVALID_UTF8":
      return { code: 1007, reason: "Text was not valid UTF-8." };
    default:
      return { code: 1002, reason: typeof message === "string" ? message : "The frame was not valid." };
  }
}

type Inside = Record<string, unknown>;

function receiverOf(ws: WebSocket): (Inside & EventEmitter) | null {
  const receiver = (ws as unknown as Inside)._receiver;
  if (!isObject(receiver) || typeof receiver.prependListener !== "function") return null;
  return receiver as Inside & EventEmitter;
}

/** What inflates for this connection: it must not unpack more than the receiver would take. */
function inflatersOf(ws: WebSocket): Inside[] {
  const extensions = (ws as unknown as Inside)._extensions;
  return isObject(extensions) ? Object.values(extensions).filter(isObject) : [];
}

function setNumber(inside: Inside, name: string, value: number): void {
  if (typeof inside[name] === "number") inside[name] = value;
}

function isObject(value: unknown): value is Inside {
  return typeof value === "object" && value !== null;
}
