export type { RabbitmqOptions, RabbitmqTls } from "./options.ts";
export { rabbitmq } from "./rabbitmq.ts";
