import { encodeBinaryMessage, type ServerMessage, varintBytes, writeVarint } from "@plexline/protocol";
import { applyUpdate, Doc, encodeStateAsUpdate, encodeStateVector, getState } from "yjs";
import type { SeededRandom } from "../../random.ts";
import type { History } from "../history.ts";
import { tokenOf, type World } from "../world.ts";

const FORGER = "mallory";
/** How long a forger stays. */
const STAY_MS = 400;
const UPDATE = 0;
const SYNC_RESPONSE = 2;

/** Somebody with a token of their own writes into a document as if it were another's edit. Tells whose, or why not. */
export function sendForger(world: World, { documents }: History, random: SeededRandom): string {
  const topic = random.pick(world.documents);
  const doc = new Doc();
  for (const { update } of world.documentLog(topic)()) applyUpdate(doc, update);
  const victims = [...doc.store.clients.keys()];
  if (victims.length === 0) return "nobody to be";
  const victim = random.pick(victims);
  const hides = random.chance(0.5);
  const token = documents.tokens(1);
  documents.forged.add(token);
  const payload = hides ? forgeFiller(doc, victim, 1 + random.integer(20)) : forgeText(doc, victim, token);
  const socket = new world.network.WebSocket("ws://server.test/ws", ["plexline.v1"]);
  const send = (message: object): void => socket.send(JSON.stringify(message));
  socket.onopen = () => send({ type: "hello", token: tokenOf(FORGER) });
  socket.onmessage = ({ data }) => {
    if (typeof data !== "string") return;
    const message = JSON.parse(data) as ServerMessage;
    if (message.type === "welcome") send({ type: "subscribe", ref: 1, topic });
    if (message.type !== "reply" || !message.ok) return;
    const { alias } = message.result as { alias: number };
    // An update says who wrote it; an answer to sync-request may bring what others wrote, but not that it is gone.
    const kind = hides ? SYNC_RESPONSE : UPDATE;
    socket.send(encodeBinaryMessage({ alias, kind, payload }) as Uint8Array<ArrayBuffer>);
  };
  world.clock.setTimer(() => socket.close(1000), STAY_MS);
  return `${topic} as ${victim}, ${hides ? "hiding" : "writing"}`;
}

/** What the victim's client would send next if it wrote the token. */
function forgeText(doc: Doc, victim: number, token: string): Uint8Array {
  const before = encodeStateVector(doc);
  doc.clientID = victim;
  doc.getText("text").insert(0, token);
  return encodeStateAsUpdate(doc, before);
}

/** Says that what the victim writes next is gone: one section with one struct, which is a GC, and no deletions. */
function forgeFiller(doc: Doc, victim: number, length: number): Uint8Array {
  const numbers = [1, 1, victim, getState(doc.store, victim), 0, length, 0];
  const update = new Uint8Array(numbers.reduce((bytes, number) => bytes + varintBytes(number), 0));
  let at = 0;
  for (const number of numbers) at = writeVarint(update, at, number);
  return update;
}
