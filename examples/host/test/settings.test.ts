import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { type Choices, type Settings, settingsOf } from "../src/settings.ts";

const names = ["market", "notifications", "gateway"];
const AMQP_URL = "amqp://user:secret@rabbit:5673/shop";
const one: Choices = { command: "npm start", partNames: names, ways: [] };
const two: Choices = { ...one, ways: ["choreography", "saga"] };
const settings = (args: string[], env: Record<string, string> = {}, choices = one): Settings =>
  settingsOf(args, env, choices) as Settings;

describe("settings", () => {
  test("without any, everything runs on port 8080 of this machine alone, on the embedded broker", () => {
    expect(settings([])).toEqual({
      as: "",
      names,
      host: "127.0.0.1",
      port: 8080,
      healthPort: undefined,
      dataDir: resolve("data"),
      metricsPort: undefined,
      hasCollector: false,
      databaseUrl: undefined,
      jwtSecret: undefined,
      failures: { share: 0, seed: "1" },
      logLevel: "warn",
      broker: undefined,
    });
  });

  test("--only names parts, each once", () => {
    expect(settings(["--only", "market, gateway,market"], { AMQP_URL }).names).toEqual(["market", "gateway"]);
  });

  test("a folder is looked for where npm was started, which itself goes into that of a workspace", () => {
    expect(settings([], { INIT_CWD: "/home/ann" }).dataDir).toBe("/home/ann/data");
    expect(settings([], { INIT_CWD: "/home/ann", DATA_DIR: "../bob" }).dataDir).toBe("/home/bob");
    expect(settings([], { INIT_CWD: "/home/ann", DATA_DIR: "/tmp/x" }).dataDir).toBe("/tmp/x");
  });

  test("--as takes one of the ways there are, the first unless it is said", () => {
    expect(settings([], {}, two).as).toBe("choreography");
    expect(settings(["--as", "saga"], {}, two).as).toBe("saga");
    expect(settingsOf(["--as", "luck"], {}, two)).toEqual({
      refused: '--as: there is no "luck". An order can go as choreography or as saga.',
    });
    expect(settingsOf(["--as", "saga"], {}, one)).toMatchObject({ refused: expect.stringContaining("--as") });
  });

  test("a broker is shown without its credentials", () => {
    expect(settings([], { AMQP_URL: `${AMQP_URL},amqps://u:secret@other` }).broker).toBe(
      "rabbit:5673, other",
    );
  });

  test("variables that are set to nothing count as not set", () => {
    expect(settings([], { PORT: "", AMQP_URL: " " })).toEqual(settings([]));
  });

  test.each([
    [
      "an unknown part",
      ["--only", "marked"],
      { AMQP_URL },
      'there is no "marked". There are: market, notifications, gateway',
    ],
    ["no part", ["--only", ""], { AMQP_URL }, "There are: market"],
    ["a part alone without a broker", ["--only", "market"], {}, "--only needs AMQP_URL"],
    ["an unknown option", ["--olny", "market"], {}, "--olny"],
    ["a word too many", ["market"], {}, "market"],
    ["a port that is none", [], { PORT: "http" }, 'PORT is "http"'],
    ["a port beyond the last", [], { PORT: "65536" }, 'PORT is "65536"'],
    ["a port for probes that is none", [], { HEALTH_PORT: "yes" }, 'HEALTH_PORT is "yes"'],
    ["a port for metrics that is none", [], { METRICS_PORT: "on" }, 'METRICS_PORT is "on"'],
    [
      "an address of something else",
      [],
      { AMQP_URL: "http://user:secret@rabbit" },
      "AMQP_URL is not an address",
    ],
    ["a short secret", [], { JWT_SECRET: "secret" }, "JWT_SECRET is shorter than 32 bytes"],
    ["an unknown log level", [], { LOG_LEVEL: "loud" }, 'LOG_LEVEL is "loud"'],
  ])("%s is refused in words, without a secret in them", (_what, args, env, words) => {
    const { refused } = settingsOf(args, env, two) as { refused: string };
    expect(refused).toContain(words);
    expect(refused).not.toContain("user:secret");
  });
});
