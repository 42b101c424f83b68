/// <reference types="node" />
import { getPriority, setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import { PlexlineError } from "@plexline/protocol";
import { scanUpdate } from "../update/scan.ts";
import { fold } from "./fold.ts";
import { render } from "./render.ts";
import type { ThreadAnswer, ThreadRequest } from "./thread-message.ts";

// What runs in a worker thread: carries out one request after the other.

/** Of nice: about a tenth of a processor that the main thread wants too, and all of one that nobody wants. */
const BACKGROUND_PRIORITY = 10;

// Where threads share a processor, whoever waits for the main thread must not wait for a long check as well. Only Linux
// has priorities of threads: elsewhere it would be that of the whole process.
if (process.platform === "linux" && getPriority() < BACKGROUND_PRIORITY) setPriority(0, BACKGROUND_PRIORITY);

parentPort?.on("message", (request: ThreadRequest) => {
  const transfer: ArrayBuffer[] = [];
  const answer = answerTo(request, transfer);
  parentPort?.postMessage(answer, transfer);
});

function answerTo(request: ThreadRequest, transfer: ArrayBuffer[]): ThreadAnswer {
  try {
    if (request.type === "scan") return { ok: true, result: scanUpdate(request.update, request.limits) };
    if (request.type === "render") return { ok: true, result: render(request.job) };
    const result = fold(request.job);
    transfer.push(result.update.buffer);
    return { ok: true, result };
  } catch (error) {
    if (error instanceof PlexlineError) {
      return { ok: false, error: { code: error.code, message: error.message, fix: error.fix } };
    }
    return { ok: false, error: { message: error instanceof Error ? error.message : String(error) } };
  }
}
