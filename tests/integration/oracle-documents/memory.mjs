// What a server still holds of documents that nobody has open any more.
import { createClient } from "@plexline/features/client";
import { WebSocket } from "ws";
import { runChurn, USERS } from "../oracle/churn.mjs";

const EDITS = 10;

/** Opens, edits and leaves so many documents after as many others, and returns what is left of each, in bytes of heap. */
export async function measureDocumentMemory({ documents, tell = () => {} }) {
  const { base, end, peakRooms } = await runChurn({
    connections: documents,
    warmUp: documents,
    visit: visitDocument,
    tell,
  });
  const leftBytes = (end.memory.heapUsedBytes - base.memory.heapUsedBytes) / documents;
  tell(
    `${Math.round(leftBytes)} bytes of heap are left of each of ${documents} documents; ${peakRooms} were open at once`,
  );
  return { leftBytes, peakRooms, held: [base.held, end.held] };
}

/** One visit, each to a document of its own: somebody writes, waits until it is saved, and leaves. */
async function visitDocument(url, number, round) {
  const client = createClient({ url, WebSocket, token: () => `user-${number % USERS}` });
  const page = client.doc(`page:${round}-${number}`, { broadcast: false });
  await page.whenSynced();
  page.awareness?.setLocalState({ number });
  const text = page.doc.getText("content");
  for (let edit = 0; edit < EDITS; edit += 1)
    text.insert(text.length, `This is edit ${edit} of page ${number}. `);
  text.delete(0, 5);
  await page.whenSaved();
  // Cut as by a network failure, every other time: the session then ends by itself.
  if (number % 2 === 1) client.disconnect();
  client.close();
}
