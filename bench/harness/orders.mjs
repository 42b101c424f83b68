// A process that plays clients, as something to give orders to.
import { start, stop } from "./scratch.mjs";

/** Starts `program` on `core`. `order` resolves with what came of an order, and rejects if it failed. */
export async function startClients(program, core) {
  const child = start(core, [process.execPath, program], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  let waiting;
  const nextMessage = () =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
    });
  child.on("message", (message) => waiting.resolve(message));
  child.on("exit", () => waiting?.reject(new Error("The generator ended.")));
  await nextMessage();
  return {
    pid: child.pid,
    async order(order, details = {}) {
      const answer = nextMessage();
      child.send({ order, ...details });
      const { result, error } = await answer;
      if (error !== undefined) throw new Error(`${order}: ${error}`);
      return result;
    },
    stop: () => stop(child),
  };
}

/** The other side: does what it is told over IPC, one order at a time, until the benchmark ends. */
export function takeOrders(orders) {
  process.on("disconnect", () => process.exit(0));
  process.on("message", async ({ order, ...details }) => {
    try {
      process.send({ result: (await orders[order](details)) ?? null });
    } catch (error) {
      process.send({ error: error.message });
    }
  });
  process.send({ ready: true });
}
