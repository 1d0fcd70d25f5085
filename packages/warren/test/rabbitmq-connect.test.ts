import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { expect, onTestFinished, test, vi } from "vitest";
import { amqpUrl } from "../../../test/amqp-url.ts";
import type { Logger } from "../src/log.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import { tcpProxy } from "../src/testing/tcp-proxy.ts";
import { durableQueue, message, outsider, proxied, transport, unique } from "./rabbit.ts";

test("nothing is connected before the first use, and the state says so", async () => {
  const own = transport();
  expect(own.state).toMatchObject({
    publishing: false,
    consuming: false,
    reason: expect.stringContaining("not connected yet"),
  });
  await own.declare({});
  expect(own.state).toEqual({ publishing: true, consuming: true });
});

test("options that make no sense are named, and the password never is", () => {
  expect(() => rabbitmq({ heartbeatSeconds: 0 })).toThrow("`heartbeatSeconds` is 0");
  expect(() => rabbitmq({ maxUnconfirmed: 1.5 })).toThrow("`maxUnconfirmed`");
  expect(() => rabbitmq({ urls: [] })).toThrow("`urls` is empty");
  for (const url of ["http://u:secret@h", "secret", "amqp://"]) {
    expect(() => rabbitmq(url)).toThrow(expect.not.stringContaining("secret"));
    expect(() => rabbitmq(url)).toThrow("amqp://user:password@host");
  }
});

test("a host that never answers leaves time for the others", async () => {
  const mute = createTcpServer(() => {});
  await once(mute.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void mute.close());
  const { port } = mute.address() as AddressInfo;
  const own = rabbitmq({
    urls: [`amqp://127.0.0.1:${port}`, amqpUrl()],
    connectTimeoutMs: 4_000,
    random: () => 0,
  });
  onTestFinished(() => own.close({ drainMs: 0 }));
  await own.declare({});
  expect(own.state.publishing).toBe(true);
});

test("no broker is UNAVAILABLE after the time to connect, naming where and why", async () => {
  const gone = await tcpProxy({ host: "127.0.0.1", port: 1 });
  await gone.close();
  const own = transport({ url: `amqp://u:secret@127.0.0.1:${gone.port}`, connectTimeoutMs: 200 });
  const text = new RegExp(`127\\.0\\.0\\.1:${gone.port} within 200 ms.*ECONNREFUSED`);
  await expect(own.declare({})).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringMatching(text),
  });
  await expect(own.consume("queue", () => "ack", { prefetch: 1 })).rejects.toMatchObject({
    code: "UNAVAILABLE",
  });
});

test("a publish waits for a broker that comes later", async () => {
  const { proxy, url } = await proxied();
  const queue = await durableQueue(transport());
  await proxy.set("refuse");
  const own = transport({ url });
  const published = own.publish(message(queue));
  await vi.waitFor(() => expect(own.state.reason).toContain("ECONNREFUSED"));
  await proxy.set("pass");
  await published;
});

test("a refused login fails at once, for publishes too, and shows no password", async () => {
  const lines: string[] = [];
  const write = (data: object, text: string): void => void lines.push(JSON.stringify(data) + text);
  const log: Logger = { debug: write, info: write, warn: write, error: write, child: () => log };
  const url = new URL(amqpUrl());
  url.username = "nobody";
  url.password = "wrong-secret";
  const own = transport({ url: url.href, log });
  const refused = {
    code: "UNAVAILABLE",
    message: expect.stringMatching(/refused the login.*ACCESS_REFUSED/),
  };
  await expect(own.declare({})).rejects.toMatchObject(refused);
  await expect(own.publish(message("queue"))).rejects.toMatchObject(refused);
  expect(own.state.reason).toContain("refused the login");
  expect(lines.join("\n")).toContain("refused the login");
  expect(lines.join("\n")).not.toContain("wrong-secret");
});

test("an unknown virtual host fails at once too", async () => {
  const url = new URL(amqpUrl());
  url.pathname = unique("vhost");
  await expect(transport({ url: url.href }).declare({})).rejects.toMatchObject({
    message: expect.stringContaining("virtual host"),
  });
});

test("a queue or exchange that exists with other settings is named, with what differs", async () => {
  const own = transport();
  const name = await durableQueue(own);
  const classic = own.declare({ queues: [{ name, type: "classic", lifetime: "durable" }] });
  await expect(classic).rejects.toThrow(
    new RegExp(`Queue "${name}" exists .* other settings: .*x-queue-type.*Delete it`),
  );
  const exchange = unique("exchange");
  await own.declare({ exchanges: [{ name: exchange, type: "topic" }] });
  await expect(own.declare({ exchanges: [{ name: exchange, type: "fanout" }] })).rejects.toThrow(
    `Exchange "${exchange}" exists`,
  );
  await expect(
    own.declare({ bindings: [{ queue: name, exchange: unique("none"), key: "" }] }),
  ).rejects.toThrow("does not exist");
  await (await outsider()).deleteExchange(exchange);
  // Nothing of this cost the connection.
  await own.publish(message(name));
});

test("amqps:// with an authority and a client certificate", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-tls-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = (name: string): Buffer => readFileSync(join(folder, name));
  const openssl = (command: string): void =>
    void execFileSync("openssl", command.split(" "), { cwd: folder, stdio: "pipe" });
  openssl(
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -keyout ca.key -out ca.pem -subj /CN=authority",
  );
  for (const name of ["localhost", "client"]) {
    openssl(
      `req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ${name}.key -out ${name}.csr -subj /CN=${name}`,
    );
    openssl(`x509 -req -in ${name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -out ${name}.pem`);
  }
  // The broker of the tests listens without TLS, so TLS ends in front of it.
  const broker = new URL(amqpUrl());
  const names: string[] = [];
  const tls = { key: file("localhost.key"), cert: file("localhost.pem"), ca: file("ca.pem") };
  const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (socket) => {
    names.push(String(socket.getPeerCertificate().subject.CN));
    const upstream = connect(Number(broker.port || 5672), broker.hostname);
    socket.pipe(upstream).pipe(socket);
    socket.on("error", () => upstream.destroy());
    upstream.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const url = new URL(broker);
  url.protocol = "amqps:";
  url.username ||= "guest";
  url.password ||= "guest";
  url.port = String((server.address() as AddressInfo).port);
  url.hostname = "127.0.0.1";
  const client = {
    ca: file("ca.pem"),
    cert: file("client.pem"),
    key: file("client.key"),
    servername: "localhost",
  };

  const own = transport({ url: url.href, tls: client });
  const queue = await durableQueue(own);
  await own.publish(message(queue, { body: Buffer.alloc(300_000) }));
  expect(await own.inspect(queue)).toMatchObject({ messages: 1 });
  expect(names).toEqual(["client", "client"]);

  const stranger = transport({ url: url.href, tls: { servername: "localhost" }, connectTimeoutMs: 300 });
  await expect(stranger.declare({})).rejects.toMatchObject({ message: expect.stringMatching(/certificate/) });
  const external = transport({ url: url.href.replace(/\/\/.*@/, "//"), tls: client });
  // Whether the broker offers EXTERNAL is its own affair; the one of the tests does not.
  await expect(external.declare({})).rejects.toMatchObject({ message: expect.stringContaining("EXTERNAL") });
});

test("a closed transport keeps no process alive, though the broker does not answer the goodbye", async () => {
  const { proxy, url } = await proxied();
  const program = `
    import { rabbitmq } from ${JSON.stringify(new URL("../src/rabbitmq/index.ts", import.meta.url).href)};
    const own = rabbitmq(${JSON.stringify(url)});
    await own.declare({});
    process.send("connected");
    process.once("message", async () => { process.disconnect(); await own.close({ drainMs: 0 }); });
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exited = once(child, "exit");
  await once(child, "message");
  await proxy.set("blackhole");
  const since = performance.now();
  child.send("close");
  expect(await exited).toEqual([0, null]);
  expect(performance.now() - since).toBeLessThan(8_000);
}, 60_000);

test("no more than 1,000 operations wait for a connection; the next is OVERLOADED at once", async () => {
  const own = transport({ url: "amqp://127.0.0.1:1", connectTimeoutMs: 60_000 });
  const waiting = Array.from({ length: 1_000 }, () => own.inspect("queue").catch((fault) => fault.code));
  await expect(own.inspect("queue")).rejects.toMatchObject({ code: "OVERLOADED", data: { limit: 1_000 } });
  await own.close({ drainMs: 0 });
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(["STOPPED"]));
});
