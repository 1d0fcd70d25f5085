/** Whose the first items are. Nobody can sign up under this name; at start a token for it is printed. */
export const demoUser = "demo";
