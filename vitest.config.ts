import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["**/node_modules/**", "data/**"],
    globalSetup: ["store/testing-server.ts"],
    setupFiles: ["seeded-properties.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
