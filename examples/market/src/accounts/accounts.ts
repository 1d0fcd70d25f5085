import { demoUser } from "../demo.ts";
import { openSqlite } from "../sqlite/open.ts";
import type { Passwords } from "./passwords.ts";

interface AccountTable {
  name: string;
  password: string;
}

/** Who may log in, in `<folder>/accounts.db`. */
export interface Accounts {
  /** @returns false when the name is taken. @throws Fault OVERLOADED */
  signUp(name: string, password: string): Promise<boolean>;
  /** @returns false for a wrong password and for a name nobody has alike. @throws Fault OVERLOADED */
  logIn(name: string, password: string): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * Accounts are a part of the edge and not a service: a password is hashed in the process that received it, and is in no
 * message ever. Gateways on several machines would share a database server here instead of a file.
 */
export function openAccounts(folder: string, passwords: Passwords): Accounts {
  const { db, close } = openSqlite<{ accounts: AccountTable }>(folder, "accounts", schema);
  return {
    async signUp(name, password) {
      // Nobody gets to sell in the demo user's name.
      if (name === demoUser) return false;
      const { numInsertedOrUpdatedRows } = await db
        .insertInto("accounts")
        .values({ name, password: await passwords.hash(password) })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow();
      return numInsertedOrUpdatedRows === 1n;
    },
    async logIn(name, password) {
      const account = await db
        .selectFrom("accounts")
        .select("password")
        .where("name", "=", name)
        .executeTakeFirst();
      return passwords.matches(password, account?.password);
    },
    close,
  };
}

const schema = "create table if not exists accounts (name text primary key, password text not null) strict";
