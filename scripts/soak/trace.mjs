// An editing trace in full: 180,000 insertions and 77,000 deletions, one update each, through a server. Arguments: [SEED] [PART].
// PART divides it: `npm run soak -- trace` runs all of it.
import { runTrace } from "../../tests/integration/oracle-documents/trace.mjs";

const [seed = "1", part = "1"] = process.argv.slice(2);
const { differences } = await runTrace({
  inserts: Math.round(180_000 / Number(part)),
  deletes: Math.round(77_000 / Number(part)),
  seed: Number(seed),
  tell: (line) => console.log(line),
});
for (const difference of differences) console.log(difference);
console.log(differences.length === 0 ? "everybody has the same document" : "SOMETHING DIFFERED");
process.exit(differences.length === 0 ? 0 : 1);
