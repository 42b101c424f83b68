// What `plexline dev` serves while its documents are put to the test: anybody's token is the id of a user, writers go as fast
// as the disk lets them, and documents are folded so often that kills fall on compactions too.
import { doc } from "@plexline/features/server";
import { authenticateWith } from "@plexline/server";

const connects = { ratePerSecond: 1_000, burst: 1_000 };

export default {
  topics: { doc: doc("doc:{name}", { compactAfterEntries: 20, compactAfterBytes: 16 * 1024 }) },
  auth: authenticateWith(({ token }) => ({ id: token })),
  limits: { messagesPerSecondMax: 100_000, messagesBurstMax: 100_000 },
  transportLimits: { connectsPerAddress: connects, connects },
};
