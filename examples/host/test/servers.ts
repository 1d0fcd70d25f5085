import { randomBytes } from "node:crypto";
import { connect } from "amqplib";
import pg from "pg";
import { inject, onTestFinished } from "vitest";
import { names } from "warren";
import { amqpUrl } from "../../../test/amqp-url.ts";

/** A database of one test in the PostgreSQL of the tests, deleted behind it. */
export async function freshDatabase(): Promise<string> {
  const name = `examples_${randomBytes(6).toString("hex")}`;
  await asAdmin(`create database ${name}`);
  onTestFinished(() => asAdmin(`drop database if exists ${name} with (force)`));
  const url = new URL(inject("databaseUrl"));
  url.pathname = `/${name}`;
  return url.href;
}

async function asAdmin(statement: string): Promise<void> {
  const client = new pg.Client(inject("databaseUrl"));
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** The RabbitMQ of the tests, without what an earlier test has left in the queues of these services. */
export async function emptyBroker(services: readonly string[]): Promise<string> {
  const url = amqpUrl();
  const connection = await connect(url);
  const channel = await connection.createChannel();
  const own = [names.requests, names.events, names.quarantine, names.dead];
  for (const service of services) for (const nameOf of own) await channel.deleteQueue(nameOf(service));
  await connection.close();
  return url;
}
