import { Fault } from "../fault.ts";
import type { Outgoing } from "../message.ts";
import type { AmqpError } from "./amqp.ts";
import type { Settings } from "./options.ts";
import { type SteadyChannel, steadyChannel } from "./steady-channel.ts";

/** Messages that nobody waits for the broker's word on. */
export interface Sender {
  readonly steady: SteadyChannel;
  send(message: Outgoing, returned: (() => void) | undefined): boolean;
}

interface Sent {
  readonly exchange: string;
  readonly returned: () => void;
}

/** How many bytes may wait for the network before sends are refused: a peer that reads nothing is as good as away. */
const refusedAboveBytes = 64 * 2 ** 20;

/**
 * The broker never says that a message has not come back, but it returns one before it reads far beyond it. So sent
 * messages are remembered in two generations of this many, and forgotten with the older one.
 */
const generation = 8_192;

/** What to do about an exchange that is gone. */
export interface RestoreHooks {
  /** This process declared it. */
  declared(exchange: string): boolean;
  /** Makes everything that was declared exist again, as far as that can be had now. */
  restore(): Promise<void>;
}

export function sender(
  settings: Settings,
  nextId: () => string,
  hooks: RestoreHooks & { changed(): void },
): Sender {
  let gone = false;
  let young = new Map<string, Sent>();
  let old = new Map<string, Sent>();
  const steady = steadyChannel(settings, {
    purpose: "send",
    changed: hooks.changed,
    async open(connection) {
      if (gone) await hooks.restore();
      gone = false;
      return connection.channel();
    },
    opened: (channel) => channel.onReturn(({ messageId }) => tell(take(messageId))),
    lost(_channel, error) {
      const missing = error ? exchangeInError(error) : undefined;
      if (missing !== undefined && hooks.declared(missing)) gone = true;
      const lost = [...old.values(), ...young.values()];
      old = new Map();
      young = new Map();
      // Sending to an exchange that does not exist ends the channel instead of returning the message.
      for (const one of lost) if (one.exchange === missing) tell(one);
    },
  });

  /** What the sender does about it must not cost the channel. */
  function tell(sent: Sent | undefined): void {
    try {
      sent?.returned();
    } catch (error) {
      settings.log.error({ err: error }, "a callback for a returned message threw");
    }
  }

  function take(id: string): Sent | undefined {
    const sent = young.get(id) ?? old.get(id);
    young.delete(id);
    old.delete(id);
    return sent;
  }

  function remember(id: string, sent: Sent): void {
    if (young.size >= generation) {
      old = young;
      young = new Map();
    }
    young.set(id, sent);
  }

  return {
    steady,
    send(message, returned) {
      checkSize(settings, message);
      const { channel } = steady;
      if (!channel?.open || channel.connection.backlogBytes > refusedAboveBytes) return false;
      if (returned && message.mandatory) {
        const id = message.messageId ?? nextId();
        channel.publish(message, id);
        remember(id, { exchange: message.exchange, returned });
      } else {
        channel.publish(message, message.messageId);
      }
      return true;
    },
  };
}

/** @throws Fault TOO_LARGE */
export function checkSize({ maxMessageBytes: limit }: Settings, message: Outgoing): void {
  const bytes = message.body.length;
  if (bytes <= limit) return;
  const text = `A message of ${bytes} bytes to "${message.exchange}" "${message.key}" exceeds the limit of ${limit} (maxMessageBytes).`;
  throw new Fault("TOO_LARGE", { bytes, limit }, { message: text });
}

/** The exchange that a channel was closed for: it does not exist, or we may not write to it. */
export function exchangeInError(error: AmqpError): string | undefined {
  if (error.code !== 404 && error.code !== 403) return undefined;
  return /exchange '([^']*)'/.exec(error.message)?.[1];
}
