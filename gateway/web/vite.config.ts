import { defineConfig } from "vite";

const gateway = process.env["TANDEM_GATEWAY"] ?? "http://127.0.0.1:8090";

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    // A data: URL would need a wider Content-Security-Policy than 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: { agent: "agent.html", call: "call.html", console: "console.html" } },
  },
  server: { proxy: { "/v1": { target: gateway, ws: true } } },
});
