import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "data/**"],
    globalSetup: ["store/testing-server.ts"],
    setupFiles: ["seeded-properties.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Waiting for what comes: how long it takes is not what is tested.
    expect: { poll: { timeout: 50_000, interval: 100 } },
  },
});
