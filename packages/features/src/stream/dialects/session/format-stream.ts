import type { Position } from "@plexline/protocol";
import type { EndpointSession, ReadResult } from "@plexline/server";
import { HttpRefusal } from "../../../http/failure.ts";
import { OWN_TYPES, type ToldEvent, toRunEvent } from "../../run/run-event.ts";
import { type Rendering, Renderings, type RunRenderer } from "../run/rendering.ts";
import { isOver } from "../run/standing.ts";
import { RunTail } from "../run/tail.ts";
import { openEventStream } from "./event-stream.ts";
import type { StreamExchange } from "./exchange.ts";
import { chunkOf, type FormatName, type FormatRun, type PlacedChunk, type StreamFormat } from "./format.ts";
import { agUiFormat } from "./formats/ag-ui.ts";
import { aiSdkFormat } from "./formats/ai-sdk.ts";
import { rawFormat } from "./formats/raw.ts";
import { sseEvent } from "./sse.ts";

const FORMATS: Readonly<Record<FormatName, StreamFormat>> = {
  raw: rawFormat,
  "ai-sdk": aiSdkFormat,
  "ag-ui": agUiFormat,
};

/** What a late joiner is given at once: entries that are read for it, and characters after they have been merged. */
const ENTRIES_MAX = 100_000;
const LENGTH_MAX = 4 * 1024 * 1024;
const PAGE_BYTES = 1024 * 1024;
/** Entries before a cursor that are looked at for the end of a run. */
const LOOK_BACK = 16;

/** A run in one format. */
interface FormatRenderer extends RunRenderer {
  readonly run: FormatRun;
}

/** A format and the renderings of the runs that are read in it. */
export interface ServedFormat {
  readonly format: StreamFormat;
  readonly renderings: Renderings<FormatRenderer>;
}

/** All formats, for one endpoint. */
export function serveFormats(): Readonly<Record<FormatName, ServedFormat>> {
  const served = (format: StreamFormat): ServedFormat => ({
    format,
    renderings: new Renderings(() => rendererOf(format)),
  });
  return { raw: served(FORMATS.raw), "ai-sdk": served(FORMATS["ai-sdk"]), "ag-ui": served(FORMATS["ag-ui"]) };
}

export function isFormat(name: string): name is FormatName {
  return Object.hasOwn(FORMATS, name);
}

/** A run for a client that knows only its chunks: without a cursor from its beginning, merged where that is the same [SE14]. */
export function streamFormat(
  exchange: StreamExchange,
  { format, renderings }: ServedFormat,
  since: Position | null,
): Promise<Response> {
  const { sessionId, topic } = exchange;
  let tail: RunTail | null = null;
  let held: Rendering<FormatRenderer> | null = null;
  return openEventStream(exchange, {
    headers: format.headers,
    onClose() {
      tail?.close();
      held?.release();
    },
    async begin(session) {
      const end = () => queueMicrotask(() => session.close(1000, ""));
      // These clients take no word that is not a chunk: whoever comes back is told by a status.
      const quietly = () => {
        end();
        return null;
      };
      tail = new RunTail(session, { topic, runId: sessionId }, renderings, {
        finished: end,
        lost: quietly,
        ended: quietly,
      });
      if (since !== null && (await isOver(session, topic, since))) return false;
      const { position } = await session.read(topic, { since: "head" });
      if (position.offset === 0 && !format.waits) return false;
      held = renderings.take(sessionId, since?.epoch ?? position.epoch);
      const { run } = held.renderer;
      if (since !== null) {
        await lookBack(session, topic, since, run);
        if (await tail.follow(since)) return true;
        throw gone("What follows the cursor is not kept any more.");
      }
      const history = await readHistory(session, topic, format, run);
      if (history.text !== "") session.send(history.text);
      if (history.isEnd || !(await tail.follow(history.position))) end();
      return true;
    },
  });
}

/** Makes sure that what follows a cursor is there, and notes what stands just before it. */
async function lookBack(
  session: EndpointSession,
  topic: string,
  since: Position,
  run: FormatRun,
): Promise<void> {
  const { gap } = await session.read(topic, { since, entriesMax: 1 });
  if (gap !== null) throw gone("What follows the cursor is not kept any more.");
  const before = { epoch: since.epoch, offset: Math.max(0, since.offset - LOOK_BACK) };
  const { events } = await session.read(topic, { since: before, entriesMax: LOOK_BACK });
  for (const event of events) {
    const told = event.offset <= since.offset ? toRunEvent(event, since.epoch) : null;
    if (told) note(run, told);
  }
}

interface History {
  readonly text: string;
  readonly position: Position;
  /** The run is closed, or its producer was lost and nobody has come instead. */
  readonly isEnd: boolean;
}

/** All of a run so far as events, merged. Refuses what is not there as a whole, and what is too much. */
async function readHistory(
  session: EndpointSession,
  topic: string,
  format: StreamFormat,
  run: FormatRun,
): Promise<History> {
  const merged = new MergedChunks(format);
  let since: Position | "start" = "start";
  let ending: string | null = null;
  for (let entries = 0; ; ) {
    const { events, position, window, gap }: ReadResult = await session.read(topic, {
      since,
      bytesMax: PAGE_BYTES,
    });
    if (gap !== null || (since === "start" && window.floor > 0))
      throw gone("The beginning of the run is not kept any more.");
    for (const event of events) {
      const told = toRunEvent(event, position.epoch);
      if (told === null) continue;
      note(run, told);
      if (isChunk(told)) merged.add({ value: chunkOf(told), cursor: told.cursor });
      ending = endingOf(run, told, ending);
    }
    entries += events.length;
    if (entries > ENTRIES_MAX || merged.length > LENGTH_MAX)
      throw gone("The run is too long to be given from its beginning in this format.");
    since = position;
    if (position.offset < window.head) continue;
    const text = merged.text() + (ending ?? "");
    return { text, position, isEnd: ending !== null };
  }
}

/** Chunks one after the other, those that say more of the same as one. */
class MergedChunks {
  readonly #format: StreamFormat;
  readonly #events: string[] = [];
  #last: PlacedChunk | null = null;
  /** Characters so far. */
  length = 0;

  constructor(format: StreamFormat) {
    this.#format = format;
  }

  add({ value, cursor }: PlacedChunk): void {
    const merged = this.#last === null ? null : this.#format.merge(this.#last.value, value);
    if (merged === null) this.#flush();
    this.#last = { value: merged ?? value, cursor };
  }

  text(): string {
    this.#flush();
    return this.#events.join("");
  }

  #flush(): void {
    if (this.#last === null) return;
    const event = sseEvent(JSON.stringify(this.#last.value), this.#last.cursor);
    this.#events.push(event);
    this.length += event.length;
    this.#last = null;
  }
}

function rendererOf(format: StreamFormat): FormatRenderer {
  const run = format.open();
  return {
    run,
    isEnd: (told) => endingOf(run, told, null) !== null,
    render(told) {
      note(run, told);
      if (isChunk(told)) return sseEvent(JSON.stringify(chunkOf(told)), told.cursor);
      return endingOf(run, told, null) || null;
    },
  };
}

/** What ends the body at this event, "" for nothing but the end; `before` if the event neither ends it nor takes that back. */
function endingOf(run: FormatRun, told: ToldEvent, before: string | null): string | null {
  if (told.type === "close") return run.atClose(told.cursor) ?? "";
  if (isChunk(told)) return null;
  if (told.type !== "producer") return before;
  return told.data.state === "lost" ? run.atLoss(told.cursor) : null;
}

function note(run: FormatRun, told: ToldEvent): void {
  if (isChunk(told)) run.note({ value: chunkOf(told), cursor: told.cursor });
}

/** Whether it is a chunk of the run, and not the stream's own. */
function isChunk({ type }: ToldEvent): boolean {
  return type === "chunk" || !OWN_TYPES.has(type);
}

function gone(message: string): HttpRefusal {
  const fix = "Read the run without a format: its snapshot says where it stands.";
  return new HttpRefusal(410, "RESYNC", { message, fix });
}
