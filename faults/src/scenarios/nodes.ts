export interface Nodes {
  readonly x?: 1;
}
