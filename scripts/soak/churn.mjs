// Clients that come and go at length: after each round of 10,000 the server holds what it held at first. Arguments: [ROUNDS].
import { runChurn } from "../../tests/integration/oracle/churn.mjs";

/** What may remain of one connection: less than any object of ours weighs. */
const LEFT_BYTES_MAX = 200;

const connections = 10_000 * Number(process.argv[2] ?? "5");
const { base, end } = await runChurn({ connections, tell: (line) => console.log(line) });
const leftBytes = (end.memory.heapUsedBytes - base.memory.heapUsedBytes) / connections;
const isEmpty = [base, end].every(({ held }) => Object.values(held).every((count) => count === 0));
console.log(
  `${leftBytes.toFixed(1)} bytes of heap left per connection; ${isEmpty ? "nothing else is held" : "something is still held"}`,
);
process.exit(isEmpty && leftBytes < LEFT_BYTES_MAX ? 0 : 1);
