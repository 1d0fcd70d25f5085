/** Thrown where a message turns out to be done already: its transaction is undone, and the message is acknowledged. */
export class AlreadyDone extends Error {
  constructor(consumer: string, messageId: string) {
    super(`"${consumer}" has done message ${messageId} before.`);
    this.name = "AlreadyDone";
  }
}
