export { gateway } from "./gateway.ts";
export { type OpenApiDocument, type OpenApiOptions, openApi } from "./openapi/document.ts";
export type { AuthOptions, DocsOptions, GatewayOptions, ServerOptions, SessionOptions } from "./options.ts";
export type { Problem } from "./problem.ts";
export { type PushOptions, type PushRule, type PushTo, push } from "./push/rule.ts";
export { principalOf, sendFault } from "./send-fault.ts";
export { httpServer } from "./server.ts";
