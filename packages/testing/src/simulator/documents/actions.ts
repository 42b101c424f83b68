import type { Action, Stage } from "../workload.ts";
import { sendForger } from "./forger.ts";
import type { DocumentSeat } from "./seat.ts";

/** What is done to documents, where there are any. */
export const DOCUMENT_ACTIONS: readonly Action[] = [
  { name: "edit", weight: 45, act: (stage) => edit(stage, 1) },
  { name: "edit much", weight: 4, act: (stage) => edit(stage, 2 + stage.random.integer(12)) },
  {
    name: "open document",
    weight: 8,
    act: (stage) => eachDocument(stage, (document) => document.open()),
  },
  {
    name: "close document",
    weight: 4,
    act: (stage) => eachDocument(stage, (document) => document.close()),
  },
  {
    name: "show",
    weight: 5,
    act(stage) {
      const state = stage.random.chance(0.2) ? null : stage.random.integer(1_000);
      return `${eachDocument(stage, (document) => document.show(state))} ${state}`;
    },
  },
  {
    name: "forger",
    weight: 2,
    act: ({ world, history, random }) => sendForger(world, history, random),
  },
];

function edit({ actors, random }: Stage, count: number): string {
  const document = random.pick(random.pick(actors).documents);
  const told = Array.from({ length: count }, () => document.edit(random));
  return `${document.name.client}/${document.name.topic} ${told.join(", ")}`;
}

function eachDocument({ actors, random }: Stage, act: (document: DocumentSeat) => void): string {
  const document = random.pick(random.pick(actors).documents);
  act(document);
  return `${document.name.client}/${document.name.topic}`;
}
