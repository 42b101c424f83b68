import { createClient } from "@plexline/client";
import { type RunState, runFold } from "@plexline/features/client";
import type { StreamFold } from "@plexline/features/stream";
import { createStreamHandle, createTransports, type StreamObserver } from "@plexline/features/stream/client";
import type { Position } from "@plexline/protocol";
import type { Person } from "../../../session/person.ts";
import { fetchPlaygroundToken } from "../../../session/playground-token.ts";
import { SOCKET_URL } from "../../../session/user-client.ts";
import { appendWire } from "../../../session/wire-rows.ts";
import type { RunSource, SourceListener } from "./run-source.ts";

/** Reads a run over the native protocol, after `since` or from its fold on. */
export function createNativeSource(
  person: Person,
  run: string,
  since: Position | null,
  listener: SourceListener,
): RunSource {
  const client = createClient({
    url: SOCKET_URL,
    name: "plexline-playground",
    token: async () => (await fetchPlaygroundToken(person, undefined)).token,
  });
  const transport = createTransports({ client })(`run:${run}`);
  let stop = () => {};
  /** Where it stands: what is in the fold that was told is not told again. */
  let place: Position | null = since;

  const finish = () => {
    listener.onTold({ kind: "end" });
    listener.onState("ended");
    stop();
  };
  const observer: StreamObserver = {
    onStart: ({ position, snapshot: { info, fold } }) => {
      if (place === null) {
        const nothing = { state: info === null ? runFold.initial() : null, position };
        const told = (fold as StreamFold<RunState> | undefined) ?? nothing;
        place = told.position;
        listener.onTold({ kind: "snapshot", ...told });
      }
      const end = info?.closed ? info.position : null;
      if (end && end.epoch === place.epoch && place.offset >= end.offset) finish();
    },
    onEvent: ({ event, payload, position, atMs }) => {
      if (place?.epoch === position.epoch && position.offset <= place.offset) return;
      place = position;
      const entry = { event, payload, ...(atMs === undefined ? {} : { atMs }) };
      listener.onTold({ kind: "event", event: entry, position });
      if (event === "close") finish();
    },
    onGap: ({ reason }) => {
      // Whoever stood before the first entry has missed nothing: an empty log may come back under another name.
      const hasMissed = reason !== "reset" || place?.offset !== 0;
      if (hasMissed) listener.onTold({ kind: "gap" });
      place = null;
      stop();
      // With the fold of now in place of what is gone.
      stop = transport.follow({ fold: true }, observer);
    },
    onEnd: (error) => {
      listener.onTrouble(error.toBody());
      listener.onState("failed");
    },
  };
  const offs = [
    client.on("wire", (event) => listener.onWire((wire) => appendWire(wire, event))),
    client.on("status", (status) => {
      if (status.state !== "closed") listener.onState(status.state);
      const isLost = status.state === "disconnected" || status.state === "failed";
      listener.onTrouble(isLost ? (status.reason ?? null) : null);
    }),
  ];
  stop = transport.follow({ ...(since === null ? {} : { since }), fold: since === null }, observer);
  listener.onState("connecting");
  listener.onWay("native");
  // It only sends: nobody listens to it, so that it subscribes to nothing.
  const requests = createStreamHandle(transport);

  return {
    cancel: (reason) => requests.cancel(reason),
    steer: (text) => requests.steer(text),
    respond: (ask, data) => requests.respond(ask, data),
    switchTo: () => null,
    drop: () => client.drop(),
    close() {
      for (const off of offs) off();
      stop();
      client.close();
    },
  };
}
