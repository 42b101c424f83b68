import type { RawClient, SeededRandom, TestServer } from "@plexline/testing";
import { collab, getVersion, receiveTransaction, sendableSteps } from "prosemirror-collab";
import { schema } from "prosemirror-schema-basic";
import { EditorState, TextSelection, type Transaction } from "prosemirror-state";
import { Step } from "prosemirror-transform";
import { join, since, TOPIC } from "./document.fixture.ts";
import type { StepsRun, SubmitInput, SubmitOutput } from "./protocol.ts";

/** Characters that nobody types twice, so that a doubled or lost insertion shows. */
const FIRST_CHARACTER = 0x4e00;

/** Gives out each character once. */
export function createKeyboard() {
  const typed: string[] = [];
  return {
    typed,
    press(): string {
      const character = String.fromCodePoint(FIRST_CHARACTER + typed.length);
      typed.push(character);
      return character;
    },
  };
}

export type Keyboard = ReturnType<typeof createKeyboard>;

/** A ProseMirror editor without a view and without a connection, with the published collab plugin. */
export class CollabEditor {
  state: EditorState;

  constructor(clientID: string | number) {
    this.state = EditorState.create({ schema, plugins: [collab({ clientID })] });
  }

  get version(): number {
    return getVersion(this.state);
  }

  /** Changes the document as somebody at the keyboard does. */
  edit(random: SeededRandom, keyboard: Keyboard, mayDelete: boolean): void {
    const { doc, tr } = this.state;
    const at = () => TextSelection.near(doc.resolve(random.integer(doc.content.size + 1))).from;
    const [from, to] = [at(), at()].sort((one, other) => one - other) as [number, number];
    const kind = random.integer(mayDelete ? 8 : 6);
    if (kind === 4) tr.split(from);
    else if (kind === 5) tr.addMark(from, to, schema.mark("strong"));
    else if (kind >= 6) tr.delete(from, Math.min(to, from + 5));
    else tr.insertText(keyboard.press(), from);
    this.#apply(tr);
  }

  /** What a submit of all that is unconfirmed looks like; null when there is nothing. */
  submission(): SubmitInput | null {
    const sendable = sendableSteps(this.state);
    if (!sendable) return null;
    const { version, steps, clientID } = sendable;
    return { version, steps: steps.map((step) => step.toJSON()), clientID };
  }

  /** Applies what is new of a run; false if something before it is missing. */
  take({ version, steps, clientIDs }: StepsRun): boolean {
    const known = this.version - version;
    if (known < 0) return false;
    const fresh = steps.slice(known).map((step) => Step.fromJSON(schema, step));
    if (fresh.length > 0) this.#apply(receiveTransaction(this.state, fresh, clientIDs.slice(known)));
    return true;
  }

  #apply(tr: Transaction): void {
    this.state = this.state.apply(tr);
  }
}

/** An editor with a native connection of its own. */
export class TestEditor extends CollabEditor {
  readonly user: string;
  client: RawClient | null = null;
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
    this.client = await join(server, this.user);
    await this.pull();
  }

  /** Loses the connection, with whatever is under way in it. */
  cut(): void {
    if (this.client) this.#server?.linkOf(this.client).cut({ clientAfterMs: 0, serverAfterMs: 0 });
    this.client = null;
  }

  /** Submits, and tells what became of it. */
  async submit(input: SubmitInput): Promise<"accepted" | "refused" | "repeated" | "failed"> {
    const body = { type: "call", topic: TOPIC, command: "submit", input };
    const reply = await this.client?.request(body);
    if (reply?.ok === false && reply.error.code === "STORAGE_UNAVAILABLE") return "failed";
    if (!reply?.ok) throw new Error(`The submit was refused: ${JSON.stringify(reply)}`);
    const { accepted, repeated } = (reply.result as { output: SubmitOutput }).output;
    if (repeated) return "repeated";
    return accepted ? "accepted" : "refused";
  }

  /** Sends a submit and loses the connection: before the server has it, or before its answer comes. */
  async submitAndLose(input: SubmitInput, isTaken: boolean): Promise<void> {
    this.client?.send({ type: "call", ref: 999_999, topic: TOPIC, command: "submit", input });
    if (isTaken) await this.#server?.settle();
    this.cut();
  }

  /** Takes what was pushed since the last time [SP10]. */
  async receive(): Promise<void> {
    const messages = this.client?.received.slice(this.#seen) ?? [];
    this.#seen += messages.length;
    let isBehind = false;
    for (const message of messages)
      if (!(message instanceof Uint8Array) && message.type === "push")
        isBehind = !this.take(message.payload as StepsRun) || isBehind;
    if (isBehind) await this.pull();
  }

  /** Fetches what is missing, page by page. */
  async pull(): Promise<void> {
    while (this.client) {
      const page = await since(this.client, this.version);
      this.take(page);
      if (this.version >= page.head) return;
    }
  }
}
