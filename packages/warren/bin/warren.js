#!/usr/bin/env node
// JavaScript, and apart from the rest: so that a Node.js too old to run the rest says so in words.
import { readFileSync } from "node:fs";

const { engines } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const [major, minor] = engines.node.match(/\d+/g).map(Number);
const [ownMajor, ownMinor] = process.versions.node.split(".").map(Number);

if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) import("../src/cli/main.ts");
else {
  console.error(`Warren needs Node.js ${major}.${minor} or later; this is ${process.version}.`);
  process.exitCode = 1;
}
