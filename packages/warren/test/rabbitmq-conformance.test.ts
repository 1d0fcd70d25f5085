import { describe, it } from "vitest";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import { transportConformance } from "../src/testing/index.ts";

transportConformance({
  name: "rabbitmq",
  describe,
  it,
  create: () => rabbitmq({ url: amqpUrl(), name: "conformance" }),
});
