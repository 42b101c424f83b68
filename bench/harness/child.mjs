// The server's side of the talk with the benchmark: where it listens, and what it is asked while it runs.
import { Session } from "node:inspector/promises";
import { startWatching, stopWatching } from "./watch.mjs";

let profiler = null;

async function answer(request) {
  switch (request) {
    case "memory":
      // The second collection takes what finalizers of the first let go of.
      globalThis.gc?.();
      globalThis.gc?.();
      return process.memoryUsage();
    case "cpu":
      return process.cpuUsage();
    case "watch":
      return startWatching();
    case "watched":
      return stopWatching();
    case "profile":
      profiler = new Session();
      profiler.connect();
      await profiler.post("Profiler.enable");
      await profiler.post("Profiler.setSamplingInterval", { interval: 500 });
      await profiler.post("Profiler.start");
      return true;
    case "profiled": {
      const { profile } = await profiler.post("Profiler.stop");
      profiler.disconnect();
      return profile;
    }
    default:
      return null;
  }
}

/** Tells the benchmark that the server is ready, with `facts` about it, and answers it until it goes away. */
export function reportTo(parent, facts) {
  parent.send(facts);
  parent.on("message", (request) => void answer(request).then((reply) => parent.send({ reply })));
  parent.on("disconnect", () => process.exit(0));
}
