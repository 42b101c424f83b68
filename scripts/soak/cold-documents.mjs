// What documents that nobody uses cost a server: 10,000 of them in its storage beside none. Arguments: [DOCUMENTS].
import {
  createDocuments,
  generateUpdates,
  startLargeServer,
  visit,
  withDirectory,
} from "../../tests/integration/large-documents/measure.mjs";

const DOCUMENTS = Number(process.argv[2] ?? "10000");
/** Of process memory, for each. An entry of the storage's index is on disk. */
const BYTES_MAX = 64;
const [update] = generateUpdates({ structs: 200, clients: 5, perUpdate: 200 });

/** The heap of a server on a storage with so many documents, one of which has been visited and left. */
async function heapWith(documents) {
  return withDirectory(async (directory) => {
    await createDocuments(directory, Math.max(1, documents), update);
    const server = await startLargeServer(directory);
    try {
      await (await visit(server.url, "wire", "cold-0")).leave();
      const { heapUsed, external, arrayBuffers } = await server.ask("memory");
      return heapUsed + external + arrayBuffers;
    } finally {
      await server.stop();
    }
  });
}

const without = await heapWith(0);
const held = await heapWith(DOCUMENTS);
const each = (held - without) / DOCUMENTS;
console.log(
  `${DOCUMENTS} documents of ${update.length} bytes: ${(without / 1e6).toFixed(2)} MB without them, ${(held / 1e6).toFixed(2)} MB with them, ${each.toFixed(1)} bytes each`,
);
process.exit(each < BYTES_MAX ? 0 : 1);
