import { type ErrorBody, PlexlineError } from "@plexline/protocol";
import { type ReadonlySignal, signal } from "@preact/signals";
import type { Side } from "../../../session/identity.ts";
import type { Person } from "../../../session/person.ts";
import { clearWire, EMPTY_WIRE, type WireRows } from "../../../session/wire-rows.ts";
import { createNativeSource } from "./native-source.ts";
import { createReaderSource } from "./reader-source.ts";
import { NOTHING_READ, type Reading, read } from "./reading.ts";
import type { LineState, RunSource, SourceListener } from "./run-source.ts";
import { storedWay, storeWay, type Way } from "./transports.ts";

/** What arrives within this time is shown together. */
const SHOWN_AFTER_MS = 33;

/** One user who watches a run: everything a pane shows, as signals, and everything it can do. */
export interface RunSession {
  readonly person: Person;
  readonly reading: ReadonlySignal<Reading>;
  /** Each status is a new object, also when the state is the same. */
  readonly status: ReadonlySignal<{ readonly state: LineState }>;
  /** What was chosen. */
  readonly way: ReadonlySignal<Way>;
  /** What it is read over now; null before anything came. */
  readonly wayInUse: ReadonlySignal<Way | null>;
  /** What is wrong with the line. */
  readonly trouble: ReadonlySignal<ErrorBody | null>;
  /** Why the last thing that the user wanted did not happen. */
  readonly refusal: ReadonlySignal<ErrorBody | null>;
  readonly wire: ReadonlySignal<WireRows>;
  readonly canDrop: ReadonlySignal<boolean>;
  switchTo(way: Way): void;
  drop(): void;
  /** Begins again where it stands, after the line has failed. */
  reopen(): void;
  cancel(): void;
  steer(text: string): void;
  respond(ask: string, data: unknown): void;
  clearWire(): void;
  close(): void;
}

/** Opens a run for a user, over the way that this side's pane used last. */
export function createRunSession(person: Person, run: string, side: Side, otherwise: Way): RunSession {
  const storageKey = `plexline.way.${side}`;
  const reading = signal(NOTHING_READ);
  const wire = signal(EMPTY_WIRE);
  const status = signal<{ readonly state: LineState }>({ state: "connecting" });
  const way = signal(storedWay(storageKey, otherwise));
  const wayInUse = signal<Way | null>(null);
  const trouble = signal<ErrorBody | null>(null);
  const refusal = signal<ErrorBody | null>(null);
  const canDrop = signal(false);
  // What came and is not shown yet: tokens come faster than anybody reads.
  let present = reading.peek();
  let presentWire = wire.peek();
  let showing: ReturnType<typeof setTimeout> | null = null;
  const show = () => {
    showing = null;
    reading.value = present;
    wire.value = presentWire;
  };
  const showSoon = () => {
    showing ??= setTimeout(show, SHOWN_AFTER_MS);
  };

  const open = (): RunSource => {
    let isOpen = true;
    const whileOpen =
      <Values extends readonly unknown[]>(act: (...values: Values) => void) =>
      (...values: Values) => {
        if (isOpen) act(...values);
      };
    const listener: SourceListener = {
      onTold: whileOpen((told) => {
        present = read(present, told);
        showSoon();
      }),
      onState: whileOpen((state) => {
        status.value = { state };
      }),
      onWay: whileOpen((inUse) => {
        wayInUse.value = inUse;
      }),
      onTrouble: whileOpen((error) => {
        trouble.value = error;
      }),
      onWire: whileOpen((add) => {
        presentWire = add(presentWire);
        showSoon();
      }),
    };
    const chosen = way.peek();
    const { position } = present;
    const made =
      chosen === "native"
        ? createNativeSource(person, run, position, listener)
        : createReaderSource(person, run, position, chosen, listener);
    canDrop.value = made.drop !== null;
    return {
      ...made,
      close() {
        isOpen = false;
        made.close();
      },
    };
  };
  let source = open();

  /** The next one begins where this one stood: nothing is lost or told twice. */
  const reopen = () => {
    source.close();
    refusal.value = null;
    trouble.value = null;
    source = open();
  };
  const ask = (work: Promise<unknown>) => {
    refusal.value = null;
    work.catch((reason: unknown) => {
      refusal.value = PlexlineError.from(reason).toBody();
    });
  };

  return {
    person,
    reading,
    status,
    way,
    wayInUse,
    trouble,
    refusal,
    wire,
    canDrop,
    switchTo(next) {
      if (next === way.peek()) return;
      way.value = next;
      storeWay(storageKey, next);
      if (present.ended) return;
      const isUp = status.peek().state !== "failed";
      const within = isUp ? source.switchTo(next) : null;
      if (within) {
        // Where it did not work the choice is what it was.
        within.catch(() => {
          way.value = wayInUse.peek() ?? next;
        });
        return ask(within);
      }
      reopen();
    },
    reopen,
    drop: () => source.drop?.(),
    cancel: () => ask(source.cancel(`${person.name} cancelled it.`)),
    steer: (text) => ask(source.steer(text)),
    respond: (id, data) => ask(source.respond(id, data)),
    clearWire() {
      presentWire = clearWire(presentWire);
      wire.value = presentWire;
    },
    close() {
      if (showing !== null) clearTimeout(showing);
      source.close();
    },
  };
}
