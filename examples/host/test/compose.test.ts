import { expect, test } from "vitest";
import { app, contract, rpc, service, silent } from "warren";
import { embedded } from "warren/embedded";
import { openGateway } from "../src/gateway.ts";
import { compose, partNamesOf, type System } from "../src/index.ts";
import { http } from "./http.ts";
import { installation } from "./installation.ts";

/** A system of one service with one route. */
function system(name: string, route: `GET /${string}`, more: Partial<System> = {}): System {
  const own = contract(name, { methods: { get: rpc({ http: route }) } });
  return {
    title: name.toUpperCase(),
    parts: {
      [name]: { contract: own, open: async () => ({ service: service(own, { methods: { get() {} } }) }) },
    },
    hints: () => "",
    ...more,
  };
}

const composed = (systems: readonly System[]) =>
  compose({ systems, names: partNamesOf(systems), transport: embedded(), log: silent });

test("two systems with the same route do not start, and it is said which", async () => {
  await expect(composed([system("a", "GET /x"), system("b", "GET /x")])).rejects.toThrow(
    "a.get and b.get have the same route, GET /x: change one of them.",
  );
});

test("two systems with a part of the same name do not start, and it is said which", () => {
  expect(() => partNamesOf([system("a", "GET /x"), { ...system("a", "GET /y"), title: "B" }])).toThrow(
    'A and B both have a part "a": rename one of them.',
  );
  expect(() => partNamesOf([system("gateway", "GET /x")])).toThrow('a part "gateway"');
});

test("what was opened is closed again, where another part cannot be", async () => {
  const closed: string[] = [];
  const good = system("a", "GET /x", { edge: async () => ({ close: async () => void closed.push("a") }) });
  const bad = system("b", "GET /y", { edge: () => Promise.reject(new Error("no disk")) });
  await expect(composed([good, bad])).rejects.toThrow("no disk");
  expect(closed).toEqual(["a"]);
});

test("two systems that each say how callers prove who they are have no gateway in common", async () => {
  const edge = async () => ({ auth: { secret: "x".repeat(32) } });
  const of = app({ transport: embedded(), log: silent });
  await expect(
    openGateway(of, [system("a", "GET /x", { edge }), system("b", "GET /y", { edge })]),
  ).rejects.toThrow("Two systems say how callers prove who they are");
  await of.stop();
});

test("systems share a gateway with the routes of all", async () => {
  await using both = installation({
    systems: () => [system("a", "GET /x"), system("b", "GET /y")],
    transport: () => embedded(),
  });
  const { url } = await both.run();
  for (const path of ["/x", "/y/"]) expect((await http("GET", url + path)).status).toBe(204);
});
