import type { Client, WireEvent } from "@plexline/client";
import type { BinaryMessage, ClientMessage, ServerMessage, SubscribeResult } from "@plexline/protocol";
import type { History } from "./history.ts";

/** What a client knows of one topic on its present connection. */
interface Line {
  /** Ref of the latest subscribe. */
  askedRef: number;
  /** A subscribe has been answered, and no unsubscribe since: the server may push. */
  isOpen: boolean;
  /** Stands for the topic in binary messages; not there until the server has told it. */
  alias?: number;
}

/**
 * Watches the messages of a client: notes how publications fare on their way, and what the server must not send. On each
 * connection a topic is silent until its subscribe has been answered and after its unsubscribe has been, and each
 * request has one reply.
 */
export function watchWire(client: Client, name: string, history: History): void {
  let lines = new Map<string, Line>();
  let requests = new Map<number, ClientMessage>();

  const onSent = (message: ClientMessage): void => {
    if (message.type === "hello") {
      lines = new Map();
      requests = new Map();
    }
    if ("ref" in message && message.ref !== undefined) requests.set(message.ref, message);
    if (message.type === "publish") {
      const { content } = message.payload as { content: number };
      const publication = history.publications[content - 1];
      if (publication !== undefined) publication.timesSent += 1;
    } else if (message.type === "subscribe") {
      const line = lines.get(message.topic);
      if (line === undefined) lines.set(message.topic, { askedRef: message.ref, isOpen: false });
      else line.askedRef = message.ref;
    }
  };
  const onReply = (reply: ServerMessage & { type: "reply" }): void => {
    const request = requests.get(reply.ref);
    requests.delete(reply.ref);
    if (request === undefined)
      history.note({ kind: "unbidden", client: name, what: `a reply to ${reply.ref}` });
    else if (request.type === "publish" && !reply.ok) {
      const publication = history.publications[(request.payload as { content: number }).content - 1];
      if (publication !== undefined) publication.wasPutOff = true;
    } else if (request.type === "subscribe" && reply.ok) {
      const line = lines.get(request.topic);
      if (line === undefined) return;
      line.isOpen = true;
      line.alias = (reply.result as SubscribeResult).alias;
    } else if (request.type === "unsubscribe" && reply.ok) {
      const line = lines.get(request.topic);
      if (line === undefined) return;
      line.isOpen = false;
      if (line.askedRef < request.ref) lines.delete(request.topic);
    }
  };
  const onReceived = (message: ServerMessage | BinaryMessage): void => {
    if (!("type" in message) || message.type === "committed") {
      const { alias } = message;
      const what = "type" in message ? message.type : `a binary message of kind ${message.kind}`;
      if (![...lines.values()].some((line) => line.isOpen && line.alias === alias))
        history.note({ kind: "unbidden", client: name, what: `${what} of alias ${alias}` });
    } else if (message.type === "reply") onReply(message);
    else if (message.type === "push" || message.type === "gap" || message.type.startsWith("presence")) {
      const { topic } = message as { topic: string };
      if (!lines.get(topic)?.isOpen)
        history.note({ kind: "unbidden", client: name, what: `${message.type} of ${topic}` });
    }
  };
  client.on("wire", ({ direction, message }: WireEvent) => {
    if (direction === "in") onReceived(message as ServerMessage | BinaryMessage);
    else if ("type" in message) onSent(message as ClientMessage);
  });
}
