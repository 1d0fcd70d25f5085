import { type Contract, contract, rpc } from "warren";
import { z } from "zod";

const document = z.object({ text: z.string() });

export const echo = contract("echo", {
  methods: { echo: rpc({ input: document, output: document }) },
}) satisfies Contract;
