import { defineConfig } from "vitest/config";

// Workspace packages resolve to their TypeScript sources, so unit tests need no build.
const source = { ssr: { resolve: { conditions: ["source", "node", "import", "default"] } } };

// One group after the other: what starts servers and kills them should not compete with the rest for two cores.
export default defineConfig({
  test: {
    projects: [
      {
        ...source,
        test: {
          name: "unit",
          setupFiles: ["scripts/fixed-seed.ts"],
          include: ["packages/*/src/**/*.test.ts", "apps/*/src/**/*.test.ts", "scripts/**/*.test.ts"],
          testTimeout: 60_000,
          maxWorkers: 2,
          // These import eventsource-parser, which has a condition "source" of its own, in TypeScript.
          server: { deps: { inline: [/node_modules\/(?:ai|@ai-sdk|eventsource|eventsource-parser)\//] } },
          sequence: { groupOrder: 0 },
        },
      },
      {
        ...source,
        test: {
          name: "simulation",
          include: ["tests/simulation/**/*.test.ts"],
          testTimeout: 240_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        ...source,
        test: {
          name: "integration",
          include: ["tests/integration/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
