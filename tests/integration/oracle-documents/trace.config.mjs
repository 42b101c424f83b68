// What `plexline dev` serves while an editing trace runs through it: everything at its default, except how fast one connection
// may send, because a trace holds weeks of typing.
import { doc } from "@plexline/features/server";
import { authenticateWith } from "@plexline/server";

export const RAISED = { messagesPerSecondMax: 1_000_000, messagesBurstMax: 1_000_000 };

export default {
  topics: { doc: doc("doc:{name}") },
  auth: authenticateWith(({ token }) => ({ id: token })),
  limits: RAISED,
};
