// Who the clients of bench/documents.mjs are, and the process that plays them.
import { fileURLToPath } from "node:url";
import * as orders from "../harness/orders.mjs";
import { userTokens } from "../harness/tokens.mjs";

const PROGRAM = fileURLToPath(new URL("generator.mjs", import.meta.url));
const USERS = 1_000;

/** Starts the generator on `core`. */
export const startClients = (core) => orders.startClients(PROGRAM, core);

const tokens = userTokens(USERS);

/** Where clients go: for each name a client, with a user of its own. */
export const placesOf = (names) => names.map((name, index) => ({ name, token: tokens[index % USERS] }));
