import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { expect, onTestFinished, test, vi } from "vitest";
import { amqpUrl } from "../../../test/amqp-url.ts";
import type { Logger } from "../src/log.ts";
import { tcpProxy } from "../src/testing/tcp-proxy.ts";
import { message, proxied, transport } from "./rabbit.ts";

interface Line {
  readonly level: string;
  readonly data: object;
  readonly text: string;
}

/** A logger that keeps its lines; `loud` are those that a log at level warn shows. */
function kept(): { log: Logger; lines: Line[]; loud(): string[] } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (data: object, text: string): void =>
      void lines.push({ level, data, text });
  const log: Logger = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: () => log,
  };
  const loud = (): string[] =>
    lines.filter(({ level }) => level === "warn" || level === "error").map(({ text }) => text);
  return { log, lines, loud };
}

const attemptsOf = (lines: readonly Line[]): number =>
  lines.filter(({ level, text }) => level === "debug" && text.startsWith("cannot connect")).length;

function expectNoStackNorSecret(lines: readonly Line[]): void {
  for (const { data, text } of lines) {
    expect(Object.values(data).filter((value) => value instanceof Error)).toEqual([]);
    expect(text).not.toContain("\n");
    expect(text + JSON.stringify(data)).not.toContain("secret");
  }
}

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A certificate for `localhost` that signed itself. */
function selfSigned(start: string, end: string): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), "warren-tls-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const openssl = (command: string): void =>
    void execFileSync("openssl", command.split(" "), { cwd: folder, stdio: "pipe" });
  // Only this command of openssl's takes dates in the past in every version.
  writeFileSync(
    join(folder, "ca.cnf"),
    "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n",
  );
  writeFileSync(join(folder, "index.txt"), "");
  writeFileSync(join(folder, "serial"), "01\n");
  openssl(
    "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out own.csr -subj /CN=localhost",
  );
  openssl(
    `ca -batch -notext -selfsign -config ca.cnf -keyfile key.pem -in own.csr -out cert.pem -startdate ${start} -enddate ${end}`,
  );
  return { key: readFileSync(join(folder, "key.pem")), cert: readFileSync(join(folder, "cert.pem")) };
}

const valid = (): { key: Buffer; cert: Buffer } => selfSigned("20200101000000Z", "20990101000000Z");

test("no broker is one warning for both connections, and one line when it comes", async () => {
  const { proxy, url } = await proxied();
  await proxy.set("refuse");
  const { log, lines, loud } = kept();
  const own = transport({ url, log });
  const declared = own.declare({});
  await vi.waitFor(() => expect(attemptsOf(lines)).toBeGreaterThan(10), 10_000);
  const label = `127.0.0.1:${proxy.port}`;
  expect(loud()).toEqual([
    `cannot connect to RabbitMQ at ${label} (connect ECONNREFUSED ${label}); trying again`,
  ]);
  expect(lines[0]!.data).toMatchObject({ broker: label, reason: expect.stringContaining("ECONNREFUSED") });
  await proxy.set("pass");
  await declared;
  expect(loud().slice(1)).toEqual([
    expect.stringMatching(new RegExp(`^connected to RabbitMQ at ${label} after \\d+ ms$`)),
  ]);
  expectNoStackNorSecret(lines);
});

test("credentials are in no line about a broker that is away", async () => {
  const gone = await tcpProxy({ host: "127.0.0.1", port: 1 });
  await gone.close();
  const { log, lines, loud } = kept();
  const own = transport({ url: `amqp://u:secret@127.0.0.1:${gone.port}`, log, connectTimeoutMs: 300 });
  await expect(own.declare({})).rejects.toThrow("ECONNREFUSED");
  expect(loud()).toHaveLength(1);
  expectNoStackNorSecret(lines);
});

test("a broker that goes away and returns is two warnings, each time", async () => {
  const { proxy, url } = await proxied();
  const { log, lines, loud } = kept();
  const own = transport({ url, log });
  await own.declare({});
  expect(loud()).toEqual([]);
  for (const outage of [1, 2]) {
    const before = attemptsOf(lines);
    await proxy.set("refuse");
    expect(proxy.cut()).toBe(2);
    await vi.waitFor(() => expect(attemptsOf(lines)).toBeGreaterThan(before + 10), 10_000);
    expect(loud()).toHaveLength(outage * 2 - 1);
    await proxy.set("pass");
    await vi.waitFor(() => expect(own.state).toEqual({ publishing: true, consuming: true }), 10_000);
    expect(loud().slice(outage * 2 - 2)).toEqual([
      expect.stringMatching(
        new RegExp(`^lost the connection to RabbitMQ at 127.0.0.1:${proxy.port} \\(.+\\); trying again$`),
      ),
      expect.stringMatching(/^connected to RabbitMQ at .* again after \d+ ms$/),
    ]);
  }
  expectNoStackNorSecret(lines);
});

test("a wrong password is one line without a stack, and the error", async () => {
  const url = new URL(amqpUrl());
  url.username = "nobody";
  url.password = "wrong-secret";
  const { log, lines, loud } = kept();
  const own = transport({ url: url.href, log });
  for (const occasion of [1, 2]) {
    await expect(own.declare({})).rejects.toThrow("refused the login");
    // Both connections are refused, one after the other.
    await vi.waitFor(() => expect(lines).toHaveLength(occasion * 2), 5_000);
  }
  expect(loud()).toEqual([expect.stringContaining("check user name, password and virtual host")]);
  expectNoStackNorSecret(lines);
});

test.each([
  ["AMQP", "AMQP\0\0\x09\x01"],
  ["HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n"],
])("amqps:// to a port that speaks plain %s fails at once and says so", async (_name, answer) => {
  const server = createServer((socket) => {
    socket.on("error", () => {
      // The client leaves as it likes.
    });
    socket.once("data", () => socket.end(answer, "latin1"));
  });
  const port = await listening(server);
  const { log, lines, loud } = kept();
  const own = transport({ url: `amqps://u:secret@127.0.0.1:${port}`, log });
  const text = `127.0.0.1:${port} does not speak TLS (use amqp://, or the TLS port, usually 5671).`;
  await expect(own.declare({})).rejects.toMatchObject({ code: "UNAVAILABLE", message: text });
  await expect(own.publish(message("queue"))).rejects.toMatchObject({ message: text });
  expect(loud()).toEqual([text]);
  expectNoStackNorSecret(lines);
});

test("amqps:// to the plain port of RabbitMQ itself fails at once", async () => {
  const url = new URL(amqpUrl());
  url.port ||= "5672";
  url.protocol = "amqps:";
  await expect(transport({ url: url.href }).declare({})).rejects.toThrow("does not speak TLS");
});

test.each([
  ["signed itself", selfSignedServer, {}, /self-signed certificate.*`tls\.ca`/],
  ["is for another name", trustedServer, { servername: "elsewhere" }, /elsewhere.*`tls\.servername`/],
  ["has expired", expiredServer, { servername: "localhost" }, /expired\. Renew it/],
])("a certificate that %s fails at once, with what to do", async (_name, serve, more, text) => {
  const { port, ca } = await serve();
  const { log, lines, loud } = kept();
  const tls = { servername: "localhost", ...more, ...(ca ? { ca } : {}) };
  const own = transport({ url: `amqps://u:secret@127.0.0.1:${port}`, tls, log });
  const explained = expect.stringMatching(text);
  await expect(own.declare({})).rejects.toMatchObject({ code: "UNAVAILABLE", message: explained });
  expect(loud()).toEqual([explained]);
  expect(loud()[0]).toContain(`127.0.0.1:${port}`);
  expectNoStackNorSecret(lines);
});

async function tlsServer(pair: { key: Buffer; cert: Buffer }): Promise<number> {
  const server = createTlsServer(pair);
  server.on("tlsClientError", () => {
    // It is the client that has to complain.
  });
  return listening(server);
}

async function selfSignedServer(): Promise<{ port: number; ca: Buffer | undefined }> {
  return { port: await tlsServer(valid()), ca: undefined };
}

async function trustedServer(): Promise<{ port: number; ca: Buffer | undefined }> {
  const pair = valid();
  return { port: await tlsServer(pair), ca: pair.cert };
}

async function expiredServer(): Promise<{ port: number; ca: Buffer | undefined }> {
  const pair = selfSigned("20200101000000Z", "20200102000000Z");
  return { port: await tlsServer(pair), ca: pair.cert };
}
