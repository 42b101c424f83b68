import type { ServerMessage } from "@plexline/protocol";
import type { Actor } from "./actor.ts";
import type { History } from "./history.ts";
import { TOPICS } from "./topics.ts";
import { tokenOf, type World } from "./world.ts";

const THIEF = "mallory";
/** How long a thief stays. */
const STAY_MS = 400;

/**
 * Somebody with a token of their own and the resume token of somebody else says hello with both, listens for what does
 * not belong to them, and tries to take the victim's subscriptions away.
 */
export function sendThief(world: World, history: History, victim: Actor): void {
  const resume = victim.client.welcome?.resumeToken;
  if (resume === undefined) return;
  const socket = new world.network.WebSocket("ws://server.test/ws", ["plexline.v1"]);
  const send = (message: object): void => socket.send(JSON.stringify(message));
  socket.onopen = () => send({ type: "hello", token: tokenOf(THIEF), resume });
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data as string) as ServerMessage;
    if (message.type === "welcome") {
      history.note({
        kind: "theft",
        user: THIEF,
        victim: victim.settings.name,
        resumed: message.resumed,
        welcomedAs: message.user,
      });
      for (const [ref, topic] of TOPICS.entries()) send({ type: "unsubscribe", ref, topic });
    } else if ("topic" in message || (message.type === "reply" && message.ok)) {
      history.note({ kind: "stolen", user: THIEF, message: message.type });
    }
  };
  world.clock.setTimer(() => socket.close(1000), STAY_MS);
}
