// What the events of a run are known by, whichever way they were read.

/** The n-th chunk of a writer. */
export function chunkOf(writer, n) {
  return { type: "partial", content: `${writer}.${n};` };
}

/** `<kind>-<life>.<n>;` as its parts; null for what no writer counted. */
export function readChunk(token) {
  const match = /^([a-z])-(\d+)\.(\d+);$/.exec(token);
  if (match === null) return null;
  return { writer: `${match[1]}-${match[2]}`, kind: match[1], life: Number(match[2]), n: Number(match[3]) };
}

/** An event as the log and our own client have it. */
export function tokenOf(event, payload) {
  switch (event) {
    case "chunk":
      return payload.type === "partial" ? payload.content : payload.type;
    case "request":
      return `request ${payload.id}`;
    case "outcome":
      return `outcome ${payload.request} ${payload.status}`;
    case "producer":
      return `producer ${payload.producer} ${payload.generation} ${payload.state}`;
    default:
      return event;
  }
}

/** The same event as a message of a dialect: its type, and its fields beside it. */
export function tokenOfMessage({ type, ...fields }) {
  const isOwn = ["request", "outcome", "producer", "close"].includes(type);
  return isOwn ? tokenOf(type, fields) : tokenOf("chunk", { type, ...fields });
}

/** The offset that a cursor names. */
export function offsetOf(cursor) {
  return Number(cursor.split("_", 1)[0]);
}
