import type { Binary, TopicContext } from "@plexline/server";
import { payloadWithHeadroom } from "./headroom.ts";
import { bytesOfPieces, partsOf, partsOfPieces } from "./parts.ts";
import { PART_BYTES_MAX } from "./protocol.ts";
import { turnOf } from "./stored-segment.ts";

/** Bytes that are copied before other work has its turn. */
const COPIED_PER_TURN = 4 * 1024 * 1024;

/** One message of pieces that may be shared: as `part`s if it is long and they are understood, else as one payload. */
export async function* messagesOf(
  topic: Pick<TopicContext, "clock">,
  kind: number,
  pieces: readonly Uint8Array[],
  parts: boolean,
): AsyncGenerator<Binary> {
  if (pieces.length === 1) {
    const message = { kind, payload: pieces[0]! };
    if (parts) yield* partsOf(message);
    else yield message;
  } else if (parts && bytesOfPieces(pieces) > PART_BYTES_MAX) {
    yield* partsOfPieces(kind, pieces);
  } else {
    yield { kind, payload: await joined(topic, pieces) };
  }
}

const wholes = new WeakMap<readonly Uint8Array[], Promise<Uint8Array>>();

/** The pieces as one, made once for all who share them. */
function joined(topic: Pick<TopicContext, "clock">, pieces: readonly Uint8Array[]): Promise<Uint8Array> {
  const whole = wholes.get(pieces) ?? join(topic, pieces);
  wholes.set(pieces, whole);
  return whole;
}

async function join(topic: Pick<TopicContext, "clock">, pieces: readonly Uint8Array[]): Promise<Uint8Array> {
  const whole = payloadWithHeadroom(bytesOfPieces(pieces));
  let at = 0;
  let since = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
    since += piece.length;
    if (since < COPIED_PER_TURN) continue;
    since = 0;
    await turnOf(topic);
  }
  return whole;
}
