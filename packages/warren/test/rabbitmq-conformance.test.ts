import { describe, inject, it } from "vitest";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import { transportConformance } from "../src/testing/index.ts";

transportConformance({
  name: "rabbitmq",
  describe,
  it,
  create: () => rabbitmq({ url: inject("amqpUrl"), name: "conformance" }),
});
