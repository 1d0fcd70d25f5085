import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { World } from "./gateway-world.ts";
import { auth, recorder, world } from "./gateway-world.ts";

/** Every test here ends with a gateway that still works: nothing that comes in may bring it down. */
describe("bad input", () => {
  const log = recorder();
  let edge: World;
  let url: string;
  beforeAll(async () => {
    edge = await world({ auth }, { log });
    url = await edge.listen();
  });
  afterAll(() => edge[Symbol.asyncDispose]());

  const post = (
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    type = "application/json",
  ): Promise<Response> => fetch(url + path, { method: "POST", body, headers: { "content-type": type } });

  async function refused(
    answer: Response | Promise<Response>,
    status: number,
    code: string,
  ): Promise<Record<string, unknown>> {
    const response = await answer;
    const problem = (await response.json()) as Record<string, unknown>;
    expect(problem).toMatchObject({ status, code, type: `urn:warren:fault:${code}` });
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(problem.instance).toBe(`urn:warren:request:${response.headers.get("x-request-id")}`);
    expect(JSON.stringify(problem)).not.toMatch(/node_modules|\.ts:|at \w+ \(/);
    expect((await post("/echo", "1")).status).toBe(200);
    return problem;
  }

  test("§1.3 row 1: invalid JSON is a 400 that does not repeat the body", async () => {
    const problem = await refused(post("/echo", '{"password":"hunter2"'), 400, "BAD_REQUEST");
    expect(problem.detail).toBe("The body is not valid JSON: it cannot be parsed.");
  });

  test("§1.3 row 1: a __proto__ key in JSON is a 400, at any depth", async () => {
    await refused(post("/echo", '{"__proto__":{"admin":true}}'), 400, "BAD_REQUEST");
    const problem = await refused(post("/echo", '{"a":[{"__proto__":{"admin":true}}]}'), 400, "BAD_REQUEST");
    const refusedAnywhere = "That is refused wherever it stands: leave it out.";
    expect(problem.detail).toBe(`The body has a key "__proto__". ${refusedAnywhere}`);
    const other = await refused(
      post("/echo", '{"a":{"constructor":{"prototype":{"admin":true}}}}'),
      400,
      "BAD_REQUEST",
    );
    expect(other.detail).toBe(`The body has a key "constructor" that holds "prototype". ${refusedAnywhere}`);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  test("§1.3 row 1: a __proto__ name in the query or a form is a 400", async () => {
    await refused(post("/shops/x/orders?__proto__=1", "{}"), 400, "BAD_REQUEST");
    await refused(
      post("/shops/x/orders", "__proto__=1&quantity=1", "application/x-www-form-urlencoded"),
      400,
      "BAD_REQUEST",
    );
  });

  test("§1.3 row 2: constructor, toString and hasOwnProperty are names like others", async () => {
    const answer = await post(
      "/shops/constructor/orders?constructor=1&toString=2&hasOwnProperty=3",
      '{"quantity":1,"constructor":5}',
    );
    expect([answer.status, await answer.json()]).toEqual([200, { shop: "constructor", quantity: 1 }]);
    for (const path of ["/constructor", "/__proto__", "/toString", "/value/constructor/x"])
      await refused(fetch(url + path), 404, "UNKNOWN_ROUTE");
  });

  test("§1.3 row 1: a body that is no object of fields is a 422 where fields are needed", async () => {
    for (const body of ["[]", "1", "null", '"text"'])
      await refused(post("/shops/x/orders", body), 422, "INVALID_INPUT");
  });

  test("bytes that are not UTF-8 are a 400", async () => {
    await refused(post("/echo", new Uint8Array([0x22, 0xff, 0xfe, 0x22])), 400, "BAD_REQUEST");
  });

  test("a content type that is not understood is a 415", async () => {
    for (const type of [
      "text/plain",
      "application/xml",
      "multipart/form-data; boundary=x",
      "garbage",
      "application/jsonp",
    ])
      await refused(post("/echo", "<a/>", type), 415, "UNSUPPORTED_MEDIA_TYPE");
  });

  test("JSON is JSON, whatever its header says beside", async () => {
    for (const type of [
      "application/json",
      "application/json; charset=utf-8",
      "Application/JSON;charset=UTF-8",
      "application/merge-patch+json; a=b",
    ]) {
      const answer = await post("/echo", '{"a":1}', type);
      expect([type, answer.status, await answer.json()]).toEqual([type, 200, { a: 1 }]);
    }
  });

  test("§1.3 row 1: a body of 20 MB is a 413 before it is read", async () => {
    const problem = await refused(post("/echo", `"${"x".repeat(20_000_000)}"`), 413, "TOO_LARGE");
    expect(problem.detail).toMatch(/^The body is larger than \d{5,} bytes\.$/);
  });

  test("a body of 20 MB whose length is not announced is a 413", async () => {
    const chunk = new Uint8Array(64 * 1024).fill(0x31);
    const status = await new Promise<number>((resolve, reject) => {
      const request = httpRequest(
        `${url}/echo`,
        { method: "POST", headers: { "content-type": "application/json" } },
        (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
          request.destroy();
        },
      );
      request.on("error", reject);
      for (let sent = 0; sent < 20_000_000; sent += chunk.length) request.write(chunk);
      request.end();
    });
    expect(status).toBe(413);
  });

  test("§1.3 row 6: an unknown route is a 404 at once", async () => {
    await refused(fetch(`${url}/nothing/here`), 404, "UNKNOWN_ROUTE");
    await refused(post("/nothing/here", "{broken"), 404, "UNKNOWN_ROUTE");
  });

  test("a known path with another verb is a 405 that says which are allowed", async () => {
    const answer = await fetch(`${url}/shops/x/orders`, { method: "PUT" });
    expect(answer.headers.get("allow")).toBe("POST");
    await refused(answer, 405, "METHOD_NOT_ALLOWED");
    const head = await fetch(`${url}/who`, { method: "POST" });
    expect(head.headers.get("allow")).toBe("GET, HEAD");
    await head.body?.cancel();
  });

  test("a slash behind a path makes another one, unless the server ignores it", async () => {
    await using strict = await world({ auth });
    await using lenient = await world({ auth, ignoreTrailingSlash: true });
    const status = async ({ server }: World, method: "GET" | "POST", path: string) =>
      (await server.inject({ method, url: path })).statusCode;
    expect(await status(strict, "GET", "/who/")).toBe(404);
    expect(await status(strict, "POST", "/who/")).toBe(404);
    expect(await status(lenient, "GET", "/who/")).toBe(200);
    expect(await status(lenient, "POST", "/who/?a=/")).toBe(405);
    expect(await status(lenient, "GET", "/")).toBe(404);
  });

  test("a path that is not percent-encoded right is a 400", async () => {
    for (const path of ["/value/%E0%A4%A", "/value/%zz"]) {
      const problem = await refused(fetch(url + path), 400, "BAD_REQUEST");
      expect(problem.detail).toMatch(/^The path cannot be decoded: each "%" /);
    }
  });

  test("input that does not fit is a 422 naming every field", async () => {
    const problem = await refused(
      post("/shops/x/orders", '{"quantity":-1,"gift":"yes"}'),
      422,
      "INVALID_INPUT",
    );
    expect((problem.issues as { path: string }[]).map(({ path }) => path)).toEqual(["quantity", "gift"]);
  });

  test("text that is not exactly a number stays text, and is refused", async () => {
    for (const text of ["12px", "", "0x10", "1e999", "NaN", "Infinity", "9007199254740993", " 1", "1,5"]) {
      const problem = await refused(
        post(
          "/shops/x/orders",
          new URLSearchParams({ quantity: text }).toString(),
          "application/x-www-form-urlencoded",
        ),
        422,
        "INVALID_INPUT",
      );
      expect((problem.issues as { path: string }[])[0]?.path).toBe("quantity");
    }
  });

  test("§1.3 row 3: a handler that throws is a 500 whose details only the log has", async () => {
    const problem = await refused(fetch(`${url}/fails`), 500, "INTERNAL");
    expect(JSON.stringify(problem)).not.toContain("secret detail");
    expect(problem.errorId).toEqual(expect.any(String));
    expect(
      log.lines.some((line) => line.includes(String(problem.errorId)) && line.includes("secret detail")),
    ).toBe(true);
  });

  test("§1.3 row 10: a handler that never returns is a 504 at its deadline", async () => {
    await refused(fetch(`${url}/hangs`), 504, "TIMEOUT");
  });

  test("§1.3 row 2: a service that nobody runs is a 503 at once, and says when to come again", async () => {
    const answer = await fetch(`${url}/nowhere`);
    expect(answer.headers.get("retry-after")).toBe("1");
    const problem = await refused(answer, 503, "UNAVAILABLE");
    expect(problem.detail).not.toContain("nowhere");
  });

  test("bytes that are not HTTP are a 400 problem, and the connection is closed", async () => {
    const { port, hostname } = new URL(url);
    const text = await new Promise<string>((resolve, reject) => {
      let received = "";
      const socket = connect(Number(port), hostname, () => socket.write("garbage\r\n\r\n"));
      socket.on("data", (data) => {
        received += data.toString();
      });
      socket.on("close", () => resolve(received));
      socket.on("error", reject);
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(text).toContain("urn:warren:fault:BAD_REQUEST");
  });

  test("§1.3 row 15: the log names the route's pattern, and no header or query that may be secret", async () => {
    await fetch(`${url}/value/zero?token=in-the-query`, { headers: { cookie: "session=in-the-cookie" } });
    const lines = log.lines.filter((line) => line.startsWith("request "));
    expect(lines.some((line) => line.includes('"/value/:kind"') && line.includes('"status":200'))).toBe(true);
    expect(log.lines.join("\n")).not.toMatch(/in-the-query|in-the-cookie|hunter2/);
  });
});
