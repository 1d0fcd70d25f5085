import { expect, test } from "vitest";
import { asyncApi, mapOf } from "warren";
import { openApi } from "warren/gateway";
import { services } from "../src/services.ts";

test("the map shows the chain, with nothing to warn of; the documents have routes and queues", () => {
  const { warnings, services: mapped } = mapOf(services);
  expect(warnings).toEqual([]);
  expect(mapped.map(({ name }) => name)).toEqual(["db", "pilot"]);
  const document = openApi(services.map(({ contract }) => contract));
  expect(Object.keys(document.paths)).toEqual(["/movies", "/movies/{id}"]);
  expect(JSON.stringify(asyncApi(services, { title: "Movies", version: "0.1.0" }))).toContain("db.requests");
});
