import { WebSocket } from "ws";
import { backOff, createRecord } from "./record.mjs";

/** Reads over a plain WebSocket with the messages of agent sessions, back with the last cursor whenever it is lost. */
export function readSocket({ url, run, name, onChange }) {
  return follow({
    name,
    onChange,
    address: `${url.replace("http", "ws")}/api/ws?type=agent&sessionId=${run}&token=${name}`,
  });
}

/** The same with the messages of `/ws/agent`, whose fields are in `data`. */
export function readAgentSocket({ url, run, name, onChange }) {
  const address = `${url.replace("http", "ws")}/ws/agent?runId=${run}`;
  return follow({ name, onChange, address, unwrap: ({ data, ...rest }) => ({ ...data, ...rest }) });
}

function follow({ name, onChange, address, unwrap = (message) => message }) {
  const record = createRecord(name, { onChange });
  let socket;
  let isStopped = false;
  const connect = () => {
    const cursor = record.cursor === null ? "" : `&cursor=${record.cursor}`;
    socket = new WebSocket(address + cursor, { headers: { Authorization: `Bearer ${name}` } });
    const own = socket;
    own.on("message", (data) => {
      if (!isStopped) record.hear(unwrap(JSON.parse(data.toString())));
      if (record.isEnded) stop();
    });
    own.on("error", () => {}); // the close that follows says all
    own.on("close", () => isStopped || backOff().then(() => isStopped || connect()));
  };
  const stop = () => {
    isStopped = true;
    socket.close();
  };
  connect();
  return { record, stop };
}
