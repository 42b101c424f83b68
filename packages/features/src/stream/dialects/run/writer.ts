import { PlexlineError, type Position } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { formatCursor } from "../../cursor.ts";
import { type AppendOutput, STREAM_COMMAND, STREAM_EVENT } from "../../protocol.ts";
import type { Order } from "./order.ts";

/** What became of an order. */
export interface Done {
  /** The client's, or that of a request which the server named. */
  readonly id?: string;
  /** Where the log is after it. */
  readonly cursor: string;
  readonly repeated?: true;
}

/** What the outputs of a stream's commands have in common. */
interface Output {
  readonly id?: string;
  readonly position: Position;
  readonly repeated?: true;
}

/** Writes into one run for one session, in the order of the calls. */
export class RunWriter {
  readonly #ws: EndpointSession;
  readonly #topic: string;
  /** All that was begun. */
  #begun: Promise<unknown> = Promise.resolve();
  /** The last command: chunks may be under way together, as the stream keeps their order, but not beside a command. */
  #command: Promise<unknown> = Promise.resolve();
  /** Answers come in the order of the calls, also that to what had been done before. */
  #answered: Promise<unknown> = Promise.resolve();

  constructor(ws: EndpointSession, topic: string) {
    this.#ws = ws;
    this.#topic = topic;
  }

  /** Carries out an order; rejects with a PlexlineError. */
  write(order: Order): Promise<Done> {
    const isCommand = order.kind === "command";
    const done = (isCommand ? this.#begun : this.#command).then(() =>
      isCommand ? this.#call(order) : this.#publish(order),
    );
    const settled = done.then(nothing, nothing);
    this.#begun = Promise.all([this.#begun, settled]);
    if (isCommand) this.#command = settled;
    const answer = this.#answered.then(() => done);
    this.#answered = answer.then(nothing, nothing);
    return answer;
  }

  async #publish({ chunk, id }: Order & { kind: "chunk" }): Promise<Done> {
    const key = id === undefined ? {} : { key: id };
    const { position, repeated } = await this.#ws.publish(this.#topic, STREAM_EVENT.chunk, chunk, key);
    return doneOf({ position: position as Position, ...(repeated ? { repeated } : {}) }, id);
  }

  async #call({ command, input, id, isKeyed }: Order & { kind: "command" }): Promise<Done> {
    const key = id === undefined || isKeyed ? {} : { key: id };
    const { output, repeated } = await this.#ws.call(this.#topic, command, input, key);
    if (command === STREAM_COMMAND.append) assertAccepted(output as AppendOutput);
    // The stream's commands answer with what PROTOCOL.md says.
    const answered = output as Output;
    return doneOf(repeated ? { ...answered, repeated: true } : answered, id);
  }
}

/** Appends several chunks in one commit; the cursor of each. */
export async function appendAll(
  ws: EndpointSession,
  topic: string,
  values: readonly unknown[],
): Promise<readonly Done[]> {
  const { output } = await ws.call(topic, STREAM_COMMAND.append, { values });
  const { epoch, offset } = assertAccepted(output as AppendOutput);
  return values.map((_, index) => ({
    cursor: formatCursor({ epoch, offset: offset - (values.length - 1 - index) }),
  }));
}

function assertAccepted(output: AppendOutput): Position {
  if (output.accepted) return output.position;
  if (output.reason === "closed") throw new PlexlineError("STREAM_CLOSED");
  throw new PlexlineError("PAYLOAD_INVALID", { message: `The append was refused: ${output.reason}.` });
}

function doneOf({ id, position, repeated }: Output, asked: string | undefined): Done {
  const known = id ?? asked;
  return {
    ...(known === undefined ? {} : { id: known }),
    cursor: formatCursor(position),
    ...(repeated ? { repeated } : {}),
  };
}

function nothing(): void {}
