// The servers to compare with have a lock file of their own; they are installed when they are first needed.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PEERS = fileURLToPath(new URL("../peers", import.meta.url));

/** Installs the peers, unless all of them are there. */
export function installPeers(print) {
  if (
    ["ws", "socket.io", "@hocuspocus/server", "@durable-streams/server"].every((name) =>
      existsSync(`${PEERS}/node_modules/${name}`),
    )
  )
    return;
  print("Installing the servers to compare with: npm ci --prefix bench/peers");
  const { status } = spawnSync("npm", ["ci", "--prefix", PEERS, "--no-audit", "--no-fund"], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("npm ci --prefix bench/peers failed: see above.");
}
