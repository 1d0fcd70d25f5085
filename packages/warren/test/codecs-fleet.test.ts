import { gunzipSync, gzipSync, zstdDecompressSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { type Codec, contract, isFault, type Outgoing, rpc, service } from "../src/index.ts";
import { fleet } from "./codec-fleet.ts";
import { type CodecName, codecs, type Outcome, table } from "./codec-values.ts";
import { faultOf, transports } from "./shape-world.ts";

const names = Object.keys(codecs) as CodecName[];
const directions = names.flatMap((who) => names.map((whom) => [who, whom] as const));

const isRefused = (outcome: Outcome): outcome is { readonly refused: RegExp } =>
  typeof outcome === "object" && "refused" in outcome;
const expected = (value: unknown, outcome: Outcome): unknown =>
  outcome === "same" || isRefused(outcome) ? value : outcome.as;

describe.each(transports)("a mixed fleet on %s", (transport) => {
  const f = fleet(transport);

  it.each(directions)("%s calls %s, with each value of the table", async (who, whom) => {
    for (const { title, value, [who]: outcome } of table) {
      if (isRefused(outcome)) {
        // The caller is told nothing of what its own service did wrong; the service is.
        expect((await faultOf(f().ask(who, whom, { value }))).code, title).toMatch(/INVALID_INPUT|INTERNAL/);
        continue;
      }
      expect(await f().ask(who, whom, { value }), title).toEqual({ value: expected(value, outcome) });
    }
    const asked = f().messages.filter(({ type }) => type === `${f().members[whom].name}.echo`);
    expect(new Set(asked.map(({ contentType }) => contentType))).toEqual(new Set([codecs[who].contentType]));
  });

  it.each(names)("what %s says is heard by all, with each value of the table", async (who) => {
    for (const { title, value, [who]: outcome } of table) {
      f().heard.length = 0;
      if (isRefused(outcome)) {
        expect((await faultOf(f().announce(who, { value }))).code, title).toBe("INTERNAL");
        continue;
      }
      await f().announce(who, { value });
      await vi.waitFor(() => expect(new Set(f().heard.map(({ by }) => by))).toEqual(new Set(names)));
      for (const { value: came } of f().heard)
        expect(came, title).toEqual({ value: expected(value, outcome) });
    }
    const said = f().messages.filter(({ type }) => type === `${f().members[who].name}.said`);
    expect(new Set(said.map(({ contentType }) => contentType))).toEqual(new Set([codecs[who].contentType]));
  });

  it("answers and faults come in what was asked in", async () => {
    const value = { big: 2n ** 60n, at: new Date(5) };
    for (const who of ["messagePack", "bson"] as const)
      for (const whom of names) {
        const before = f().messages.length;
        expect(await f().ask(who, whom, value)).toEqual(value);
        const fault = await f()
          .ask(who, whom, value, true)
          .catch((error) => error);
        // A fault of another service that is not declared here is this service's failure.
        expect(fault).toMatchObject({ code: "INTERNAL" });
        const replies = f()
          .messages.slice(before)
          .filter(({ correlationId }) => correlationId !== undefined);
        expect(replies.map(({ contentType }) => contentType)).toContain(codecs[who].contentType);
      }
    const app = await f().start({ codec: codecs.bson });
    const fault = await faultOf(app.client(f().members.json).refuse(value));
    expect(fault).toMatchObject({ code: "NO", data: value, from: f().members.json.name });
    expect(await app.client(f().members.json).echo(value)).toEqual(value);
  });

  it("an answer that the asker's codec cannot hold is a failure of the service", async () => {
    const { members } = f();
    const odd = service(
      contract(`odd-${members.json.name}`, { methods: { big: rpc({ output: z.any() }) } }),
      {
        methods: { big: () => ({ n: 5n }) },
        codec: codecs.messagePack,
      },
    );
    const app = await f().start({ services: [odd] });
    expect((await faultOf(app.client(odd.contract).big())).code).toBe("INTERNAL");
    const able = await f().start({ codec: codecs.messagePack });
    expect(await able.client(odd.contract).big()).toEqual({ n: 5n });
  });
});

describe.each(transports)("content types, on %s", (transport) => {
  const f = fleet(transport);

  function event(codec: Codec | undefined, value: unknown, more: Partial<Outgoing>): Outgoing {
    const { name } = f().members.json;
    return {
      exchange: "warren.events",
      key: `${name}.said`,
      type: `${name}.said`,
      body: (codec ?? codecs.json).encode(value),
      persistent: true,
      mandatory: false,
      ...more,
    };
  }

  it.each([
    [undefined, "json"],
    ["", "json"],
    ["application/json; charset=utf-8", "json"],
    ["Application/JSON", "json"],
    ["text/json", "json"],
    ["application/vnd.shop+json", "json"],
    ["application/x-msgpack", "messagePack"],
    ["application/vnd.msgpack; v=1", "messagePack"],
    ["application/x-bson", "bson"],
  ] as const)("%s is read", async (contentType, codec) => {
    const away = f().transport();
    await away.publish(event(codecs[codec], { n: 1.5 }, { contentType }));
    await vi.waitFor(() => expect(f().heard).toHaveLength(3));
    expect(f().heard.map(({ value }) => value)).toEqual([{ n: 1.5 }, { n: 1.5 }, { n: 1.5 }]);
    await away.close({ drainMs: 100 });
  });

  it.each(["utf-8", "identity", "UTF8"])("the content encoding %s is none", async (contentEncoding) => {
    const away = f().transport();
    await away.publish(event(undefined, 1, { contentEncoding }));
    await vi.waitFor(() => expect(f().heard).toHaveLength(3));
    await away.close({ drainMs: 100 });
  });

  it("what nothing reads is answered with BAD_MESSAGE that says what can be read", async () => {
    const away = f().transport();
    const got: { body: Uint8Array; headers?: object | undefined }[] = [];
    const replies = await away.replies((message) => got.push(message));
    const request = (contentType: string, body: Uint8Array, contentEncoding?: string): Promise<void> =>
      away.publish({
        exchange: "",
        key: `${f().members.json.name}.requests`,
        type: `${f().members.json.name}.echo`,
        messageId: "m",
        replyTo: replies.address,
        persistent: false,
        mandatory: true,
        contentType,
        contentEncoding,
        body,
      });
    await request("text/xml", Buffer.from("<a/>"));
    await request("application/msgpack", Buffer.from("c1", "hex"));
    await request("application/json", Buffer.from("{}"), "lzma");
    await request("application/json", Buffer.from("no gzip at all"), "gzip");
    await request("application/json", gzipSync(Buffer.alloc(32 * 2 ** 20, " ")), "gzip");
    await vi.waitFor(() => expect(got).toHaveLength(5));
    const faults = got.map(({ body, headers }) => {
      const codec = (["json", "messagePack"] as const).find(
        (each) => tried(codecs[each], body) !== undefined,
      )!;
      return [headers, codecs[codec].decode(body)];
    });
    const said = faults.map(([, fault]) => (fault as { message: string }).message);
    for (const [headers] of faults) expect(headers).toMatchObject({ "warren-fault": "BAD_MESSAGE" });
    expect(said.join("\n")).toMatch(
      /nothing reads "text\/xml"; what is read is application\/json, application\/msgpack, application\/bson/,
    );
    expect(said.join("\n")).toMatch(/application\/msgpack: it has the byte 0xc1/);
    expect(said.join("\n")).toMatch(/content encoding is "lzma"; gzip, zstd, br are read/);
    expect(said.join("\n")).toMatch(/incorrect header check/);
    expect(said.join("\n")).toMatch(/unpacked it is larger than \d+ bytes \(maxMessageBytes/);
    await away.close({ drainMs: 100 });
  });
});

describe.each(transports)("compression, on %s", (transport) => {
  const f = fleet(transport, { aboveBytes: 1_000 });
  const large = { text: "all work and no play ".repeat(5_000) };

  it.each(directions)("%s calls %s: what is large is small on the way, both ways", async (who, whom) => {
    expect(await f().ask(who, whom, large)).toEqual(large);
    const echoed = f().messages.filter(
      ({ type, body, contentEncoding }) =>
        type === `${f().members[whom].name}.echo` || (contentEncoding !== undefined && body.length > 0),
    );
    expect(echoed.length).toBeGreaterThanOrEqual(2);
    for (const { body, contentEncoding } of echoed) {
      expect(contentEncoding).toBe("gzip");
      expect(body.length).toBeLessThan(2_000);
      expect(codecs[who].decode(gunzipSync(body))).toEqual(large);
    }
  });

  it("events too; what is small, or would not be smaller, stays as it is", async () => {
    const chaos = {
      text: Array.from({ length: 400 }, (_, at) => ((at * 7919) % 65_521).toString(36)).join(""),
    };
    for (const value of [large, { a: 1 }, chaos]) {
      f().heard.length = 0;
      await f().announce("messagePack", value);
      await vi.waitFor(() => expect(f().heard.map((each) => each.value)).toEqual([value, value, value]));
    }
    const said = f().messages.filter(({ type }) => type?.endsWith(".said"));
    for (const { body, contentEncoding } of said)
      expect(contentEncoding).toBe(body.length < 100 || body.length > 1_000 ? undefined : "gzip");
    expect(said.filter(({ contentEncoding }) => contentEncoding === "gzip").length).toBeGreaterThanOrEqual(3);
  });

  it.each(["zstd", "br"] as const)("%s is read by those who send something else", async (encoding) => {
    const app = await f().start({ compression: { aboveBytes: 100, encoding } });
    expect(await app.client(f().members.bson).echo(large)).toEqual(large);
    const request = f().messages.find(({ contentEncoding }) => contentEncoding === encoding)!;
    if (encoding === "zstd") expect(codecs.json.decode(zstdDecompressSync(request.body))).toEqual(large);
  });

  it("who does not say that it reads compressed answers gets none", async () => {
    const transport = f().transport();
    const got: { contentEncoding?: string | undefined; body: Uint8Array }[] = [];
    const replies = await transport.replies((message) => got.push(message));
    await transport.publish({
      exchange: "",
      key: `${f().members.json.name}.requests`,
      type: `${f().members.json.name}.echo`,
      messageId: "m",
      replyTo: replies.address,
      persistent: false,
      mandatory: true,
      body: codecs.json.encode(large),
    });
    await vi.waitFor(() => expect(got).toHaveLength(1));
    expect(got[0]!.contentEncoding).toBeUndefined();
    expect(codecs.json.decode(got[0]!.body)).toEqual(large);
    await transport.close({ drainMs: 100 });
  });

  it("larger than the limit when unpacked is TOO_LARGE, however small it would be", async () => {
    const fault = await faultOf(
      f()
        .apps.json.client(f().members.bson)
        .echo("a".repeat(17 * 2 ** 20)),
    );
    expect(fault.code).toBe("TOO_LARGE");
  });
});

function tried(codec: Codec, body: Uint8Array): unknown {
  try {
    return codec.decode(body);
  } catch (error) {
    if (isFault(error)) throw error;
    return undefined;
  }
}
