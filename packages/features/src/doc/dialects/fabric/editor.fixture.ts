import type { Endpoint } from "@plexline/server";
import type { RawClient, TestServer } from "@plexline/testing";
import { CollabEditor } from "../../../steps/editor.fixture.ts";
import type { StepsRun, SubmitInput } from "../../../steps/protocol.ts";
import { fabric } from "./endpoint.ts";

export interface FabricFrame {
  readonly type: string;
  readonly [field: string]: unknown;
}

const shared = fabric();

/** The in-memory network has no queries: this says what a client's would be. */
export const endpointFor = (clientID: string, documentId = "1"): Endpoint => ({
  ...shared,
  onConnect: (ws, request) =>
    shared.onConnect?.(ws, { ...request, query: new URLSearchParams({ documentId, clientID }) }),
});

/** What a connection was sent. */
export const framesOf = (client: RawClient) => client.received as unknown as readonly FabricFrame[];

/** An editor with a fabric connection of its own. */
export class FabricEditor extends CollabEditor {
  readonly user: string;
  client: RawClient | null = null;
  /** How often something was told. */
  readonly tally: Record<string, number> = {};
  #server: TestServer | null = null;
  /** How many messages of the connection have been looked at. */
  #seen = 0;

  constructor(user: string, clientID: string | number) {
    super(clientID);
    this.user = user;
  }

  async connect(server: TestServer): Promise<void> {
    this.#server = server;
    this.#seen = 0;
    this.client = await server.open({ token: server.issue(this.user), endpoint: endpointFor(this.user) });
    await this.pull();
  }

  /** Loses the connection, with whatever is under way in it. */
  cut(): void {
    if (this.client) this.#server?.linkOf(this.client).cut({ clientAfterMs: 0, serverAfterMs: 0 });
    this.client = null;
  }

  send(type: string, data: unknown): void {
    this.client?.send({ type, documentId: "1", clientID: this.user, data });
  }

  submit(input: SubmitInput): void {
    this.send("update", input);
  }

  /** Sends a submit and loses the connection: before the server has it, or before its answer comes. */
  async submitAndLose(input: SubmitInput, isTaken: boolean): Promise<void> {
    this.submit(input);
    if (isTaken) await this.#server?.settle();
    this.cut();
  }

  /** Takes what has come since the last time; asks for what is missing. */
  async receive(): Promise<void> {
    await this.#server?.settle(5);
    if (this.#take()) await this.pull();
  }

  async pull(): Promise<void> {
    this.send("sync", { version: this.version });
    await this.#server?.settle(5);
    this.#take();
  }

  /** Whether something is missing. */
  #take(): boolean {
    const frames = this.client === null ? [] : framesOf(this.client).slice(this.#seen);
    this.#seen += frames.length;
    let isBehind = false;
    for (const { type, code, data } of frames) {
      const name = type === "error" ? String(code) : type;
      this.tally[name] = (this.tally[name] ?? 0) + 1;
      if (type === "steps") isBehind = !this.take(data as StepsRun) || isBehind;
    }
    return isBehind;
  }
}
