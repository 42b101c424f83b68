// One reader with one cursor that takes another transport again and again.
import { WebSocket } from "ws";
import { tokenOf } from "../tokens.mjs";
import { eventsOf, takeChunks } from "./fetched.mjs";
import { backOff, bearer, createRecord } from "./record.mjs";

/** Messages that it takes on one transport. */
const STAY = 20;

export function readHopping({ url, client, run, name, onChange }) {
  const record = createRecord(name, { isChunksOnly: true, onChange });
  record.began = 0;
  let isStopped = false;
  const place = { url, client, run, record, isOver: () => isStopped || record.isEnded };
  const legs = [onDurable, onSocket, onPoll, onSse, onNative];
  const loop = async () => {
    for (let leg = 0; !place.isOver(); leg += 1) {
      try {
        await (record.cursor === null ? onDurable : legs[leg % legs.length])(place);
      } catch {
        await backOff();
      }
    }
  };
  void loop();
  return {
    record,
    stop() {
      isStopped = true;
    },
  };
}

/** What counts of a message is its cursor, and its chunk if it is one. */
function take(record, message) {
  const type = message.type.replace(/^agent:/, "");
  if (["snapshot", "gap"].includes(type) || message.type === "error") {
    record.faults.push(`told ${JSON.stringify(message)}`);
    throw new Error(type);
  }
  if (message.cursor === undefined || type === "connected") return;
  if (type === "partial") record.take(message.content, message.cursor);
  else if (type === "done") record.take(type, message.cursor);
  else record.move(message.cursor);
  if (type === "close") record.end();
}

async function onDurable({ url, run, record }) {
  const address = `${url}/v1/stream/runs/${run}?offset=${record.cursor ?? -1}`;
  const response = await fetch(address, { headers: bearer(record.name) });
  if (!response.ok) throw new Error(`${response.status}`);
  const { headers } = response;
  const isEnd = headers.get("stream-closed") === "true";
  takeChunks(record, await response.json(), headers.get("stream-next-offset"), isEnd);
}

async function onSocket({ url, run, record }) {
  const address = `${url.replace("http", "ws")}/api/ws?type=agent&sessionId=${run}&cursor=${record.cursor}`;
  const socket = new WebSocket(`${address}&token=${record.name}`);
  try {
    await new Promise((resolve, reject) => {
      let taken = 0;
      socket.on("message", (data) => {
        if (taken === STAY || record.isEnded) return;
        try {
          take(record, JSON.parse(data.toString()));
        } catch (error) {
          reject(error);
        }
        taken += 1;
        if (taken === STAY || record.isEnded) resolve();
      });
      socket.on("error", reject);
      socket.on("close", resolve);
    });
  } finally {
    socket.terminate();
  }
}

async function onSse({ url, run, record }) {
  const control = new AbortController();
  try {
    const address = `${url}/api/stream?sessionId=${run}&cursor=${record.cursor}`;
    const response = await fetch(address, { headers: bearer(record.name), signal: control.signal });
    if (!response.ok) throw new Error(`${response.status}`);
    let taken = 0;
    for await (const { data } of eventsOf(response)) {
      take(record, JSON.parse(data));
      taken += 1;
      if (taken === STAY || record.isEnded) return;
    }
  } finally {
    control.abort();
  }
}

async function onPoll({ url, run, record }) {
  const address = `${url}/api/stream?sessionId=${run}&live=long-poll&cursor=${record.cursor}`;
  const response = await fetch(address, { headers: bearer(record.name) });
  if (!response.ok) throw new Error(`${response.status}`);
  const { events, cursor } = await response.json();
  for (const message of events) take(record, message);
  record.move(cursor);
}

/** Over our own client, which comes back by itself if it is lost on the way. */
async function onNative({ client, run, record, isOver }) {
  const handle = client.stream(`run:${run}`, { since: record.cursor });
  let taken = 0;
  for await (const { chunk, cursor } of handle.entries()) {
    if (isOver()) return;
    record.take(tokenOf("chunk", chunk), cursor);
    taken += 1;
    if (taken === STAY) return;
  }
  record.end();
}
