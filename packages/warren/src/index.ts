// For those who write services.

export { app } from "./app.ts";
export type { App, AppOptions, EmitOptions, Limits, Subscription } from "./application.ts";
export { type AsyncApiOptions, asyncApi } from "./asyncapi/async-api.ts";
export type { AsyncApiDocument } from "./asyncapi/document.ts";
export { type AnyContract, type Contract, contract, type Event } from "./contract/contract.ts";
export type { CookieBinding, HttpBinding, HttpReply, HttpRoute, Route } from "./contract/http.ts";
export {
  type Access,
  type ErrorDetails,
  type ErrorSpec,
  type Method,
  type MethodSpec,
  rpc,
} from "./contract/method.ts";
export type { Issue, Schema } from "./contract/schema.ts";
export { Fault, isFault, type SystemCode, type SystemFault } from "./fault.ts";
export { type FromEnvOptions, fromEnv } from "./from-env.ts";
export type { Check, Health } from "./health/health.ts";
export { type Logger, silent } from "./log.ts";
export { mapMermaid } from "./map/map-mermaid.ts";
export { type MapOptions, mapOf } from "./map/map-of.ts";
export { mapText } from "./map/map-text.ts";
export type {
  MappedCall,
  MappedEvent,
  MappedReaction,
  MappedSaga,
  MappedService,
  MappedStep,
  MapWarning,
  SystemMap,
} from "./map/system-map.ts";
export type { Later, Send } from "./outbox/sending.ts";
export type { Joined, Sends, StoreTransaction } from "./outbox/sends.ts";
export type { InLane, SendOptions } from "./outbox/writer.ts";
export type { Principal } from "./principal.ts";
export type { Serialised, Undo, Undoing } from "./reaction/undo-types.ts";
export { type BulkheadOptions, bulkhead } from "./resilience/bulkhead.ts";
export {
  type CircuitBreakerOptions,
  type CircuitChange,
  type CircuitState,
  circuitBreaker,
  isOutage,
} from "./resilience/circuit-breaker.ts";
export type { Guard, GuardOptions } from "./resilience/guard.ts";
export { type RateLimitOptions, rateLimit } from "./resilience/rate-limit.ts";
export type { Guarded } from "./resilience/work.ts";
export type { RetryPolicy } from "./retry/policy.ts";
export { type RetryAfterOptions, retryAfter } from "./retry/retry-after.ts";
export {
  type Answer,
  attempt,
  type Call,
  type CallOptions,
  type Client,
  type EveryClient,
  type EveryOptions,
} from "./rpc/client.ts";
export type { CallMiddleware, MakeCall, OutgoingCall } from "./rpc/outgoing.ts";
export { type RunOptions, runUntilSignal } from "./run-until-signal.ts";
export type { SagaContext, StepContext, StepOptions, UndoContext } from "./saga/context.ts";
export type { BeginOptions } from "./saga/host.ts";
export { type RunFilter, type SagaRun, type SagaRunStep, sagaRuns } from "./saga/looking.ts";
export type { RunState, StepState } from "./saga/run.ts";
export {
  type ParallelBuilder,
  type Saga,
  type SagaBuilder,
  type SagaDefinition,
  type SagaInput,
  type SagaOutput,
  saga,
  type WaitOptions,
} from "./saga/saga.ts";
export type { SagaRuns } from "./saga/sagas.ts";
export type { WaitingOptions } from "./saga/waiting.ts";
export type { Schedule, Tick } from "./schedule/schedule.ts";
export type { Clients, Context, Emit, HandlerContext, Operation, Raise } from "./service/context.ts";
export type { Handler, Middleware, Place } from "./service/middleware.ts";
export {
  type On,
  type React,
  type Reaction,
  type ReactionOptions,
  type Service,
  type ServiceDefinition,
  service,
} from "./service/service.ts";
export type { Retention } from "./store/retention.ts";

// For those who write transports, edges and tools.

export type { Codec } from "./codec/codec.ts";
export { json } from "./codec/json.ts";
export { eventsOf, methodsOf } from "./contract/contract.ts";
export {
  type JsonSchema,
  type JsonSchemaDialect,
  jsonSchemaOf,
  resolvedSchema,
} from "./contract/json-schema.ts";
export { errorDetails } from "./contract/method.ts";
export { type SchemaComponents, schemaComponents } from "./contract/schema-components.ts";
export type { Unanswered } from "./conversations/asking.ts";
export {
  type Conversation,
  type ConversationAnswer,
  type ConversationFilter,
  type ConversationList,
  type Conversations,
  type ConversationsOptions,
  conversations,
} from "./conversations/conversations.ts";
export { type ConversationState, type ConversationStep, conversationStates } from "./conversations/step.ts";
export type { LetterGroup } from "./dead-letters/cause.ts";
export {
  type DeadLetters,
  type DeadLettersOptions,
  deadLetters,
  type LetterGroups,
  type LetterList,
  type LookOptions,
} from "./dead-letters/dead-letters.ts";
export type { DecisionOptions, ReplayOptions } from "./dead-letters/decision.ts";
export type { LetterFilter } from "./dead-letters/filter.ts";
export { type DeadLetter, type LetterBody, letterBody } from "./dead-letters/letter.ts";
export type { LetterEdit } from "./dead-letters/republish.ts";
export type { Seen } from "./dead-letters/see.ts";
export type { Decision, DecisionPart, StayedLetter } from "./dead-letters/tally.ts";
export { isSystemCode, systemFaults } from "./fault.ts";
export { alive, type HealthDocument, healthDocument } from "./health/health.ts";
export { type Random, randomId, systemRandom } from "./id.ts";
export type { Headers, HeaderValue, Incoming, Outgoing, Properties } from "./message.ts";
export { headers, names } from "./names.ts";
export { retryAfterOf } from "./retry/retry-after.ts";
export {
  type Dialect,
  inTransaction,
  OutcomeUnknown,
  type Query,
  type QueryResult,
  type Row,
  type Sql,
  type SqlValue,
  type Store,
  StoreUnreachable,
  type Transaction,
} from "./store.ts";
export { type Clock, delay, systemClock, type Timer } from "./time.ts";
export type { Trail } from "./trail.ts";
export type * from "./transport.ts";
