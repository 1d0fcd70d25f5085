import { inSession, type Session } from "../session.ts";

/**
 * As `inSession`, on RabbitMQ only: the answers come from services that run, and those on an embedded broker are reached by
 * nobody outside of their process.
 * @throws Error where no RabbitMQ is named
 */
export async function inRunningSystem(run: (session: Session) => Promise<boolean>): Promise<void> {
  if (!process.env.AMQP_URL)
    throw new Error(
      "AMQP_URL is not set, such as amqp://user:password@host:5672: running services are asked, over their RabbitMQ. " +
        "Services on an embedded broker are reached by their own process alone: " +
        'call conversations(transport) of "warren" there, with the transport of its app.',
    );
  await inSession(run);
}
