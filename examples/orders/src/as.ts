/**
 * How an order finds its way. `choreography`: each service knows on which event it does what, and on which it undoes that;
 * nobody knows the whole. `saga`: the orders service has the whole process in one place and calls the others.
 */
export type As = "choreography" | "saga";

export const ways: readonly As[] = ["choreography", "saga"];
