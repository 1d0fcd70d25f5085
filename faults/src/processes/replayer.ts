import { deadLetters } from "warren";
import { rabbitmq } from "warren/rabbitmq";
import { workerName } from "./message.ts";
import { type CommonSettings, settings } from "./settings.ts";

// A process that sends all dead letters back to where they failed, as somebody at a terminal would, and ends.

const { run, urls } = settings<CommonSettings>();
const transport = rabbitmq({ urls });
const { done, stayed } = await deadLetters(transport).replay({ services: [workerName(run)] });
await transport.close({ drainMs: 5_000 });
process.stdout.write(`${done} dead letters replayed, ${stayed.length} stayed\n`);
