import { createClient } from "@plexline/features/client";
import { WebSocket } from "ws";

/** The texts of documents as a client reads them that has nothing of them yet. */
export async function readFresh(url, documents) {
  const client = createClient({ url: `${url.replace("http", "ws")}/ws`, WebSocket, token: () => "reader" });
  try {
    const pages = documents.map((address) => client.doc(`doc:${address}`, { broadcast: false }));
    await Promise.all(pages.map((page) => page.whenSynced()));
    return pages.map(({ doc }) => doc.getText("content").toString());
  } finally {
    client.close();
  }
}
