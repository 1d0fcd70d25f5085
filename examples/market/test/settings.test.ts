import { describe, expect, test } from "vitest";
import { type Settings, settingsOf } from "../src/settings.ts";

const names = ["market", "notifications", "gateway"];
const AMQP_URL = "amqp://user:secret@rabbit:5673/shop";
const settings = (args: string[], env: Record<string, string> = {}): Settings =>
  settingsOf(args, env, names) as Settings;

describe("settings", () => {
  test("without any, everything runs on port 8080 of this machine alone, on the embedded broker", () => {
    expect(settings([])).toEqual({
      names,
      host: "127.0.0.1",
      port: 8080,
      dataDir: "data",
      jwtSecret: undefined,
      logLevel: "warn",
      broker: undefined,
    });
  });

  test("--only names parts, each once", () => {
    expect(settings(["--only", "market, gateway,market"], { AMQP_URL }).names).toEqual(["market", "gateway"]);
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
    [
      "an address of something else",
      [],
      { AMQP_URL: "http://user:secret@rabbit" },
      "AMQP_URL is not an address",
    ],
    ["a short secret", [], { JWT_SECRET: "secret" }, "JWT_SECRET is shorter than 32 bytes"],
    ["an unknown log level", [], { LOG_LEVEL: "loud" }, 'LOG_LEVEL is "loud"'],
  ])("%s is refused in words, without a secret in them", (_what, args, env, words) => {
    const { refused } = settingsOf(args, env, names) as { refused: string };
    expect(refused).toContain(words);
    expect(refused).not.toContain("user:secret");
  });
});
