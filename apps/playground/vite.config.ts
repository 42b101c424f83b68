import { defineConfig } from "vite";

// The server mounts the output at /playground/ under `default-src 'self'`: nothing inline, nothing from elsewhere.
export default defineConfig({
  base: "/playground/",
  // Workspace packages are bundled from their TypeScript sources, so the page needs no earlier build.
  resolve: { conditions: ["source", "module", "browser", "development|production"] },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2023",
    cssTarget: ["chrome123", "firefox121", "safari17.5"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
});
