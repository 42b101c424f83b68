// Documents that are opened, edited and left, at length: 10,000 instead of the 1,000 of `npm test`. Arguments: [DOCUMENTS].
import { measureDocumentMemory } from "../../tests/integration/oracle-documents/memory.mjs";

const LEFT_BYTES_MAX = 2_048;

const { leftBytes } = await measureDocumentMemory({
  documents: Number(process.argv[2] ?? "10000"),
  tell: (line) => console.log(line),
});
process.exit(leftBytes < LEFT_BYTES_MAX ? 0 : 1);
