// What one reader was told, as it was told it.
import { offsetOf, tokenOfMessage } from "../tokens.mjs";

const BACKOFF_MS = 40;

/** `isChunksOnly`: its wire, or its way of reading, knows nothing of a run but its chunks. */
export function createRecord(name, { isChunksOnly = false, onChange = () => {} } = {}) {
  return {
    name,
    isChunksOnly,
    /** Offset after which it was told everything; undefined until it is known. */
    began: undefined,
    /** `{ token, cursor? }` one after the other. */
    seen: [],
    folds: [],
    /** What must not happen, in words. */
    faults: [],
    isEnded: false,
    /** Where it goes on. */
    cursor: null,
    take(token, cursor) {
      this.seen.push(cursor === undefined ? { token } : { token, cursor });
      if (cursor !== undefined) this.move(cursor);
    },
    /** It has been given everything up to here. */
    move(cursor) {
      if (this.cursor !== null && offsetOf(cursor) < offsetOf(this.cursor))
        this.faults.push(`the cursor went from ${this.cursor} back to ${cursor}`);
      this.cursor = cursor;
      onChange();
    },
    end() {
      this.isEnded = true;
      onChange();
    },
    /** Takes a message of agent sessions; whoever comes without a cursor is told the fold at first. */
    hear({ type: prefixed, sessionId: _, ...fields }) {
      const type = prefixed.replace(/^agent:/, "");
      const { cursor, ...data } = fields;
      if (type === "connected" || type === "ack" || type === "transport-policy") return;
      if (type === "gap" || prefixed === "error")
        this.faults.push(`told ${JSON.stringify({ type, ...data })}`);
      else if (type === "snapshot") {
        if (this.began !== undefined) this.faults.push(`told a snapshot again, at ${cursor}`);
        this.began = offsetOf(cursor);
        this.folds.push({ offset: this.began, state: data });
        this.move(cursor);
      } else {
        this.take(tokenOfMessage({ type, ...data }), cursor);
        if (type === "close") this.end();
      }
    },
  };
}

/** Waits before somebody comes back whose connection was lost. */
export function backOff() {
  return new Promise((resolve) => {
    setTimeout(() => resolve(), BACKOFF_MS);
  });
}

export const bearer = (user) => ({ Authorization: `Bearer ${user}` });
