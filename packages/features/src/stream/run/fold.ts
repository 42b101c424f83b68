import type { FoldDefinition, FoldEvent } from "../options.ts";
import {
  type InputRequest,
  type ProducerChange,
  type RequestOutcome,
  STREAM_EVENT,
  type StreamRequest,
} from "../protocol.ts";
import { parseRunEvent, type RunEvent, type RunTool } from "./event.ts";

/** Text that has been output, by the message that it belongs to. */
export interface RunPart {
  readonly part: string;
  readonly content: string;
  /** How much of the content was there at the last `status`: what a `reset` without a part leaves. */
  readonly kept: number;
}

/** Where a run stands: the fold of RUN.md. */
export interface RunState {
  readonly status: string;
  readonly statusText: string | null;
  readonly parts: readonly RunPart[];
  readonly tools: readonly Omit<RunTool, "type">[];
  readonly progress: {
    readonly done: number;
    readonly total?: number;
    readonly step?: string;
    readonly text?: string;
  } | null;
  /** Input requests that have not been answered. */
  readonly asks: readonly InputRequest[];
  /** Ids of cancels without outcome. */
  readonly cancels: readonly string[];
  readonly result: unknown;
  readonly error: { readonly code?: string; readonly message: string } | null;
  /** The last that was heard of a producer. */
  readonly producer: ProducerChange["state"] | null;
  /** Something was too long to be kept whole. */
  readonly truncated: boolean;
}

/** Characters that the contents of all parts have together: the oldest go first. */
export const FOLD_TEXT_MAX = 256 * 1024;
const PARTS_MAX = 256;
const TOOLS_MAX = 64;
const ASKS_MAX = 64;
const CANCELS_MAX = 64;
/** A field of a tool, in characters of JSON; a longer one is left out. */
const TOOL_FIELD_MAX = 4 * 1024;
/** The result, in characters of JSON; a longer one is left out. */
const RESULT_MAX = 256 * 1024;

const INITIAL: RunState = {
  status: "queued",
  statusText: null,
  parts: [],
  tools: [],
  progress: null,
  asks: [],
  cancels: [],
  result: null,
  error: null,
  producer: null,
  truncated: false,
};

/** The fold of a run: its status, output, tools and progress in one value of bounded size [RN1 to RN4]. */
export const runFold: FoldDefinition<RunState> = {
  name: "run/1",
  initial: () => INITIAL,
  apply(state, entry) {
    if (entry.event !== STREAM_EVENT.chunk) return applyEntry(state, entry);
    const event = parseRunEvent(entry.payload);
    return event ? applyEvent(state, event) : state;
  },
};

/** What the stream itself logs. */
function applyEntry(state: RunState, { event, payload }: FoldEvent): RunState {
  switch (event) {
    case STREAM_EVENT.producer:
      return { ...state, producer: (payload as ProducerChange).state };
    case STREAM_EVENT.ask:
      return { ...state, asks: [...state.asks, payload as InputRequest].slice(-ASKS_MAX) };
    case STREAM_EVENT.request: {
      const { id, kind, ask } = payload as StreamRequest;
      if (kind === "cancel") return { ...state, cancels: [...state.cancels, id].slice(-CANCELS_MAX) };
      return ask === undefined ? state : { ...state, asks: state.asks.filter((each) => each.id !== ask) };
    }
    case STREAM_EVENT.outcome: {
      const { request, status } = payload as RequestOutcome;
      if (!state.cancels.includes(request)) return state;
      const cancels = state.cancels.filter((id) => id !== request);
      return { ...state, cancels, ...(status === "done" ? { status: "cancelled" } : {}) };
    }
    case STREAM_EVENT.close:
      return { ...state, asks: [], cancels: [] };
    default:
      return state;
  }
}

function applyEvent(state: RunState, event: RunEvent): RunState {
  switch (event.type) {
    case "status": {
      const parts = state.parts.map((part) => ({ ...part, kept: part.content.length }));
      return { ...state, status: event.status, statusText: event.text ?? null, parts };
    }
    case "partial":
      return appended(state, event.part ?? "", event.content);
    case "tool":
      return withTool(state, event);
    case "progress": {
      const { type: _, ...progress } = event;
      return { ...state, progress };
    }
    case "done": {
      const isKept = jsonLength(event.result) <= RESULT_MAX;
      return {
        ...state,
        status: "done",
        result: isKept ? (event.result ?? null) : null,
        truncated: state.truncated || !isKept,
      };
    }
    case "error": {
      const { type: _, ...error } = event;
      return { ...state, status: "failed", error };
    }
    case "reset":
      return {
        ...state,
        parts: event.part === undefined ? rewound(state.parts) : without(state, event.part),
      };
  }
}

/** The state with more content of a part, within the limits [RN1, RN3]. */
function appended(state: RunState, part: string, content: string): RunState {
  const isKnown = state.parts.some((each) => each.part === part);
  const parts = isKnown
    ? state.parts.map((each) => (each.part === part ? { ...each, content: each.content + content } : each))
    : [...state.parts, { part, content, kept: 0 }];
  let excess = parts.reduce((sum, each) => sum + each.content.length, 0) - FOLD_TEXT_MAX;
  if (excess <= 0 && parts.length <= PARTS_MAX) return { ...state, parts };
  const within = parts.slice(-PARTS_MAX).map((each) => {
    if (excess <= 0) return each;
    const short = shortened(each, excess);
    excess -= each.content.length - short.content.length;
    return short;
  });
  return { ...state, parts: within, truncated: true };
}

/** A part without its first characters; a surrogate pair goes as a whole. */
function shortened({ part, content, kept }: RunPart, excess: number): RunPart {
  let from = Math.min(content.length, excess);
  const unit = content.charCodeAt(from);
  if (unit >= 0xdc00 && unit <= 0xdfff) from += 1;
  return { part, content: content.slice(from), kept: Math.max(0, kept - from) };
}

/** The parts as they were at the last `status`. */
function rewound(parts: readonly RunPart[]): readonly RunPart[] {
  return parts
    .filter(({ kept }) => kept > 0)
    .map(({ part, content, kept }) => ({ part, content: content.slice(0, kept), kept }));
}

function without(state: RunState, part: string): readonly RunPart[] {
  return state.parts.filter((each) => each.part !== part);
}

function withTool(state: RunState, { type: _, ...tool }: RunTool): RunState {
  if (tool.id.length + tool.name.length > TOOL_FIELD_MAX) return { ...state, truncated: true };
  let isWhole = true;
  const kept = Object.fromEntries(
    Object.entries(tool).filter(([name, value]) => {
      if (name === "id" || name === "name" || name === "state" || jsonLength(value) <= TOOL_FIELD_MAX)
        return true;
      isWhole = false;
      return false;
    }),
  ) as Omit<RunTool, "type">;
  const isKnown = state.tools.some(({ id }) => id === tool.id);
  const tools = isKnown
    ? state.tools.map((each) => (each.id === tool.id ? kept : each))
    : [...state.tools, kept];
  return {
    ...state,
    tools: tools.slice(-TOOLS_MAX),
    truncated: state.truncated || !isWhole || tools.length > TOOLS_MAX,
  };
}

function jsonLength(value: unknown): number {
  return value === undefined ? 0 : JSON.stringify(value).length;
}
