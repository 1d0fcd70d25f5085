export type { Credentials, CredentialsProvider } from "./login.ts";
export type { RabbitmqOptions, RabbitmqTls } from "./options.ts";
export { rabbitmq } from "./rabbitmq.ts";
