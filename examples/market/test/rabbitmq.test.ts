import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { rabbitmq } from "warren/rabbitmq";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { program as anyProgram, type Program } from "../../host/test/program.ts";
import { listen, soldText } from "./listener.ts";
import { marketScenarios } from "./scenarios.ts";
import { http, newName } from "./system.ts";

const program = (args: string[], settings: Record<string, string>): Program =>
  anyProgram("market/src/main.ts", args, settings);

// One file, since queues are named after services: two systems on one broker at the same time would be one system.
describe("on RabbitMQ", () => {
  marketScenarios(() => () => rabbitmq({ urls: [amqpUrl()] }));

  test("three processes are the same system, and a killed one finds its messages when it is back", async () => {
    const folder = mkdtempSync(join(tmpdir(), "market-processes-"));
    const env = { DATA_DIR: folder, PORT: "0", AMQP_URL: amqpUrl() };
    await using market = program(["--only", "market"], env);
    await using gateway = program(["--only", "gateway"], env);
    await using first = program(["--only", "notifications"], env);
    const [url] = await Promise.all([gateway.ready(), market.ready(), first.ready()]);

    const json = { name: newName(), password: "correct horse battery" };
    const { token } = (await http("POST", `${url}/accounts`, { json })).body;
    const sell = async (): Promise<number> =>
      (await http("POST", `${url}/market/items`, { token, json: { title: "Kite", priceCents: 900 } })).body
        .id;
    const ids = [await sell(), await sell(), await sell()] as const;
    using told = await listen(url, { token });
    const buy = (id: number) => http("POST", `${url}/market/buy/${id}`);

    expect(await buy(ids[0])).toMatchObject({ status: 200, body: { ok: true } });
    expect(await told.next()).toBe(soldText(ids[0]));

    first.signal("SIGTERM");
    expect(await first.ended).toBe(0);
    expect((await buy(ids[1])).status).toBe(200);
    await using second = program(["--only", "notifications"], env);
    expect(await told.next()).toBe(soldText(ids[1]));

    await second.ready();
    second.signal("SIGKILL");
    await second.ended;
    expect((await buy(ids[2])).status).toBe(200);
    await using third = program(["--only", "notifications"], env);
    // What was told right before the kill may be told again: the killed process could not note that it had been.
    const next = await told.next();
    expect(next === soldText(ids[1]) ? await told.next() : next).toBe(soldText(ids[2]));

    for (const one of [market, third, gateway]) one.signal("SIGTERM");
    expect(await Promise.all([market.ended, third.ended, gateway.ended])).toEqual([0, 0, 0]);
    rmSync(folder, { recursive: true });
  });
});
